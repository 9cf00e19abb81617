"""Which pictures to label next: chosen by the model against taken at random, as curves of AP.

``python -m studies.choosing RESULTS.jsonl FOLDER...`` trains and measures; begun again, it goes on.
``python -m studies.choosing_results RESULTS.jsonl`` prints the tables of docs/loop.md and draws its curves.

All ways begin with the same pictures, drawn by the seed, and add as many at a time. Every training starts
from the released weights and takes the same number of steps. It is measured on the validation and test
pictures together, from which nothing is chosen.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import orbit
import tensorflow as tf
import tf_keras

from detector.boxes import FloatArray
from detector.choosing.choice import choose, relative_doubts
from detector.choosing.looks import Look, Looker
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.data.dataset import Dataset, load_dataset_image
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.errors import DetectorError
from detector.runtime import Detector
from detector.spec import ModelSpec
from detector.system.progress import bars_wanted
from detector.training.config import ExperimentConfig
from detector.training.config_file import load_config
from detector.training.features import Sources
from detector.training.initial_weights import initial_size, load_initial_weights
from detector.training.plan import build_plan
from detector.training.samples import SampleSource
from detector.training.task import DetectionTask
from detector.training.trainer import build_strategy, build_trainer
from detector.training.validation import evaluate_weights
from detector.weights import Weights, save_weights
from studies.choosing_results import Point, read_points

_SETTINGS = (
    "training.frozen_until=block_13_expand",
    "training.batch_norm=frozen",
    "training.evaluate_every=1000000",
    "augmentation.crop=0",
    "augmentation.colours=0",
    "loss.classification=hard_negatives",
    "model.input_size=256",
    "optimizer.learning_rate=0.004",
    "optimizer.ema_decay=0.98",
)

Way = Callable[[Sequence[Look], Sequence[FloatArray], int], list[int]]


def _chosen(looks: Sequence[Look], labelled: Sequence[FloatArray], count: int) -> list[int]:
    return [each.position for each in choose(looks, labelled, count)]


def _unsure(looks: Sequence[Look], _: Sequence[FloatArray], count: int) -> list[int]:
    worth = np.sum(list(relative_doubts(looks).values()), axis=0)
    return [int(each) for each in np.argsort(-worth, kind="stable")[:count]]


def _unlike(looks: Sequence[Look], labelled: Sequence[FloatArray], count: int) -> list[int]:
    return _chosen([replace(look, doubt=0, mirror=0, size=0) for look in looks], labelled, count)


# What ``ssdlite label --choose`` does, and each of its halves alone; ``random`` looks at nothing.
WAYS: dict[str, Way | None] = {"chosen": _chosen, "random": None, "unsure": _unsure, "unlike": _unlike}


class _Part(SampleSource):
    """Samples of some of the images of a dataset: which, may be changed between two trainings."""

    part: Sequence[int] = ()  # positions in the dataset

    def image_index(self, number: int) -> int:
        """The position of the image of a sample; each epoch has an order of its own."""
        epoch, place = divmod(number, len(self.part))
        return self.part[int(np.random.default_rng((self._seed, epoch)).permutation(len(self.part))[place])]


class Course:
    """Trainings on parts of a dataset, all alike.

    The network is built once, and set back before each training; what its frozen layers make of a picture is
    kept from one training to the next.

    Args:
        folder: the dataset.
        seed: of the trainings.
        steps: of each.
        strategy: TensorFlow's.
    """

    def __init__(
        self, folder: LabelledFolder, seed: int, steps: int, strategy: tf.distribute.Strategy
    ) -> None:
        self.folder = folder
        self.images = {image.id: image for image in folder.train.images}
        self._test = _joined(folder)
        self._steps, self._strategy = steps, strategy
        tf_keras.backend.clear_session()
        own, reference = initial_size(settings(steps, seed), echo)
        plan = build_plan(settings(steps, seed), folder, own)
        config = plan.config
        own_size = reference == config.model.input_hw
        self._spec = config.model.build_spec("study", folder.classes, None if own_size else reference)
        weights = load_initial_weights("released", self._spec, seed=seed).weights
        self._pictures = _Part(
            folder.train,
            self._spec,
            config.augmentation,
            iou_threshold=config.loss.match_iou,
            seed=seed,
            cache_bytes=1 << 29,
        )
        samples = Sources(self._pictures, self._spec, config).before(plan.frozen_until)
        self._task = DetectionTask(plan, self._spec, weights, samples, first_step=0, on_bad_loss=_fail)
        self._trainer = build_trainer(self._task, config, strategy, lambda _: None)
        self._task.freeze(self._trainer.model)
        self._variables = [*self._trainer.model.variables, *self._trainer.optimizer.variables()]
        self._values = [variable.numpy() for variable in self._variables]

    def train(self, ids: Sequence[int]) -> tuple[Weights, ModelSpec]:
        """The weights after a training on some of the images, from the same start each time."""
        wanted = set(ids)
        self._pictures.part = [
            position for position, image in enumerate(self.folder.train.images) if image.id in wanted
        ]
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)
        trainer = self._trainer  # new inputs begin at the first sample again
        trainer.train_dataset = orbit.utils.make_distributed_dataset(
            self._strategy, self._task.build_inputs, None
        )
        trainer.train(tf.constant(self._steps))
        return trainer.averaged_weights(self._spec), self._spec

    def measure(self, weights: Weights, spec: ModelSpec) -> tuple[float, float]:
        """AP and AP50 in points."""
        with bars_wanted(False):
            summary = evaluate_weights(weights, spec, self._test).metrics.summary
        return 100 * summary["AP"], 100 * summary["AP50"]

    def objects(self, ids: Sequence[int]) -> int:
        """Objects in some of the images."""
        wanted = set(ids)
        return sum(each["image_id"] in wanted for each in self.folder.train.annotations)

    def next(self, way: Way, ids: Sequence[int], model: tuple[Weights, ModelSpec], count: int) -> list[int]:
        """So many images that a way chooses from those that are not labelled."""
        left = sorted(self.images.keys() - set(ids))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.npz"
            save_weights(path, *model)
            looker = Looker(Detector.load(path, say=None))
            looks = [looker.look(load_dataset_image(self.images[id_])) for id_ in left]
            labelled = [looker.describe(load_dataset_image(self.images[id_])) for id_ in ids]
        return [left[position] for position in way(looks, labelled, count)]


def settings(steps: int, seed: int) -> ExperimentConfig:
    """The experiment, cheap and the same for all."""
    return load_config(None, [*_SETTINGS, f"training.steps={steps}", f"training.seed={seed}"])


def _fail(images: list[int]) -> None:
    raise DetectorError(f"A loss is not finite, on the images {images}.")


def _joined(folder: LabelledFolder) -> Dataset:
    """Validation and test images as one dataset."""
    if folder.test is None:
        return folder.val
    annotations = [*folder.val.annotations, *folder.test.annotations]
    for number, each in enumerate(annotations, start=1):
        annotations[number - 1] = {**each, "id": number}
    images = (*folder.val.images, *folder.test.images)
    return replace(folder.val, images=images, annotations=tuple(annotations))


def course_of(course: Course, ways: Sequence[str], seed: int, counts: Sequence[int]) -> Iterator[Point]:
    """The points of some ways, from the same first images on."""
    order = [int(each) for each in np.random.default_rng(seed).permutation(sorted(course.images))]
    first = order[: counts[0]]
    model = course.train(first)
    measured = course.measure(*model)
    for way in ways:
        yield _point(course, way, seed, first, measured)
    for way in ways:
        choose_next, ids, latest = WAYS[way], list(first), model
        for count in counts[1:]:
            if choose_next is None:
                ids = order[:count]
            else:
                ids += course.next(choose_next, ids, latest, count - len(ids))
            latest = course.train(ids)
            yield _point(course, way, seed, ids, course.measure(*latest))


def _point(course: Course, way: str, seed: int, ids: Sequence[int], measured: tuple[float, float]) -> Point:
    return {
        "dataset": course.folder.root.name,
        "seed": seed,
        "way": way,
        "labelled": len(ids),
        "objects": course.objects(ids),
        "AP": round(measured[0], 3),
        "AP50": round(measured[1], 3),
        "images": [course.images[id_].name for id_ in ids],
    }


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--ways", default="chosen,random", show_default=True, help=f"Of {', '.join(WAYS)}.")
@click.option("--counts", default="20,40,60,80", show_default=True, help="Labelled pictures.")
@click.option("--steps", default=100, show_default=True, help="Of each training.")
def study(results: Path, folders: Sequence[Path], seeds: str, ways: str, counts: str, steps: int) -> None:
    """Train and measure on FOLDERs; a line of JSON in RESULTS for each training."""
    strategy = build_strategy(settings(steps, 0))
    loaded = [load_labelled_folder(folder) for folder in folders]
    numbers = [int(each) for each in counts.split(",")]
    for seed in map(int, seeds.split(",")):
        for folder in loaded:
            there = read_points(results)
            missing = [
                way
                for way in ways.split(",")
                if any((folder.root.name, seed, way, count) not in there for count in numbers)
            ]
            if not missing:
                continue
            start = time.monotonic()
            for point in course_of(Course(folder, seed, steps, strategy), missing, seed, numbers):
                with results.open("a") as file:
                    file.write(json.dumps(point) + "\n")
                seconds = time.monotonic() - start
                echo(f"{seconds:6.0f} s  " + " ".join(str(v) for k, v in point.items() if k != "images"))


if __name__ == "__main__":
    main(prog_name="python -m studies.choosing", command=study)
