"""Recipes of training beside that of SSD: ``python -m studies.recipes RESULTS.jsonl FOLDER...``

Every recipe changes one thing. All are trained with the same seeds, on the same pictures in the same order
(unless that is what one changes) and for the same number of steps. The last averaged weights are measured on
the validation and test pictures together, from which nothing is chosen. Begun again, it goes on, and without
FOLDERs it prints what is there of these seeds: differences to SSD's losses, paired by dataset and seed.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import orbit
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from detector.architecture import anchors_of
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.errors import DetectorError
from detector.spec import ModelSpec
from detector.system.progress import bars_wanted
from detector.training import targets
from detector.training.config import ClassLoss as NamedLoss
from detector.training.config_file import load_config
from detector.training.features import choose_pool, feature_bytes
from detector.training.initial_weights import initial_size, load_initial_weights
from detector.training.losses import LossSums, sum_losses
from detector.training.plan import Plan, build_plan
from detector.training.samples import SampleSource, Source
from detector.training.task import DetectionTask
from detector.training.trainer import build_strategy, build_trainer
from detector.training.validation import evaluate_weights
from studies.recipe_losses import (
    Answers,
    BoxLoss,
    ClassLoss,
    decode,
    focal,
    overlap_loss,
    own_choice,
    quality_focal,
    smoothed,
    suppressed,
)
from studies.recipe_pictures import Balanced, Features, Mosaics, Pasted, match_candidates, match_top
from studies.recipe_results import BASELINE, Run, read_runs, table

# Cheap, and the same for all: few steps, with a rate and an average that go with them.
_SETTINGS = (
    "training.frozen_until=block_13_expand",
    "training.steps=120",
    "training.evaluate_every=1000000",
    "optimizer.learning_rate=0.004",
    "optimizer.ema_decay=0.98",
    "model.input_size=300",
)


@dataclass(frozen=True)
class Recipe:
    """What is not as SSD has it.

    Attributes:
        boxes, classes: losses; of the classes also one of the product's, by its name.
        match: finds the object of each anchor.
        pictures: makes the pictures.
        own_pictures: whether it shows others than the baseline, and not only others of them.
        own_choice: whether the network's answers say which of the anchors that were found an object keeps.
    """

    boxes: BoxLoss | None = None
    classes: ClassLoss | NamedLoss = "hard_negatives"
    match: Callable[..., NDArray[np.int64]] | None = None
    pictures: type[SampleSource] = SampleSource
    own_pictures: bool = False
    own_choice: bool = False


# With the weight of their papers, 1, losses over all anchors learn too slowly for so few steps: on bccd, seed
# 9, 240 steps, focal loss has 38.3 AP at 1 and 46.4 at 4, SSD's loss 46.6.
RECIPES = {
    BASELINE: Recipe(),
    "the 9 best anchors of each object": Recipe(match=functools.partial(match_top, fixed=9)),
    "as many anchors as ten overlaps add up to": Recipe(match=functools.partial(match_top, fixed=None)),
    "mosaics": Recipe(pictures=Mosaics, own_pictures=True),
    "pasted objects": Recipe(pictures=Pasted, own_pictures=True),
    "pictures by their rarest class": Recipe(pictures=Balanced),
    "GIoU for smooth L1": Recipe(boxes=overlap_loss("giou", 5.0)),
    "DIoU": Recipe(boxes=overlap_loss("diou", 5.0)),
    "CIoU": Recipe(boxes=overlap_loss("ciou", 5.0)),
    "focal loss": Recipe(classes=focal(4.0)),
    "quality focal loss": Recipe(classes=quality_focal(4.0)),
    "varifocal loss": Recipe(classes="varifocal"),
    "anchors by the network's answers": Recipe(match=match_candidates, own_choice=True),
    "varifocal loss and such anchors": Recipe(classes="varifocal", match=match_candidates, own_choice=True),
    "labels smoothed by .1": Recipe(classes=smoothed(0.1)),
    "suppression at .99 among hard negatives": Recipe(classes=suppressed(0.99)),
}


_BOX_LOSSES = list(dict.fromkeys(recipe.boxes for recipe in RECIPES.values()))
_CLASS_LOSSES = list(dict.fromkeys(recipe.classes for recipe in RECIPES.values()))


class Task(DetectionTask):
    """The product's task with the losses of any recipe.

    One graph has them all, for tracing it takes as long as fifty steps.
    """

    def start(self, recipe: Recipe, samples: Source) -> None:
        """Let the next training be another one."""
        self._samples = samples
        self._chosen[0].assign(_CLASS_LOSSES.index(recipe.classes))
        self._chosen[1].assign(_BOX_LOSSES.index(recipe.boxes))
        self._own_choice.assign(recipe.own_choice)

    @functools.cached_property
    def _chosen(self) -> tuple[tf.Variable, tf.Variable]:
        return tf.Variable(0), tf.Variable(0)

    @functools.cached_property
    def _own_choice(self) -> tf.Variable:
        return tf.Variable(False)

    def _losses(
        self, inputs: tuple[tf.Tensor, ...], targets: tuple[tf.Tensor, ...], count: tf.Tensor
    ) -> tf.Tensor:
        boxes, classes = targets
        outputs = self._trained_part(self._prepare(inputs), training=True)
        spec = self._detector

        def own(name: NamedLoss) -> LossSums:
            return sum_losses(
                outputs["box_encodings"], outputs["class_logits"], boxes, classes, class_loss=name
            )

        to_boxes = functools.partial(decode, anchors=anchors_of(spec), scales=spec.box_coder_scales)
        found = Answers(outputs["class_logits"], classes, to_boxes(outputs["box_encodings"]), to_boxes(boxes))
        classes = tf.cond(self._own_choice, lambda: own_choice(found), lambda: found.classes)
        answers = replace(found, classes=classes)
        # As many as there are in all of the batch, for on one CPU none of these trainings takes it in parts.
        count = tf.maximum(tf.reduce_sum(answers.positive), 1.0)

        def class_loss(loss: ClassLoss | NamedLoss) -> tf.Tensor:
            return own(loss).classification if isinstance(loss, str) else loss(answers)

        def box_loss(loss: BoxLoss | None) -> tf.Tensor:
            return own("hard_negatives").localization if loss is None else loss(answers)

        class_losses = [functools.partial(class_loss, each) for each in _CLASS_LOSSES]
        box_losses = [functools.partial(box_loss, each) for each in _BOX_LOSSES]
        chosen = [
            tf.switch_case(number.read_value(), losses)
            for number, losses in zip(self._chosen, (class_losses, box_losses), strict=True)
        ]
        return tf.stack([*(loss / count for loss in chosen), tf.constant(0.0)])


class Course:
    """Trainings on a dataset with a seed, all alike but for their recipes.

    The network is built once, and set back before each training.

    Args:
        folder: the dataset.
        settings: of the experiment.
        strategy: TensorFlow's.
    """

    def __init__(
        self, folder: LabelledFolder, settings: Sequence[str], strategy: tf.distribute.Strategy
    ) -> None:
        tf_keras.backend.clear_session()
        self._folder, self._strategy = folder, strategy
        self._measured = join_parts(folder)
        self._plan, self._spec = build(folder, settings)
        self._shared: dict[object, dict[tuple[int, int], Any]] = {}  # "features", and targets by assignment
        config = self._plan.config
        weights = load_initial_weights("released", self._spec, seed=config.training.seed, say=echo).weights
        samples = self._samples(Recipe())
        self._task = Task(self._plan, self._spec, weights, samples, first_step=0, on_bad_loss=_fail)
        self._trainer = build_trainer(self._task, config, strategy, lambda _: None)
        optimizer = self._trainer.optimizer  # its variables are the averages, its weights those that it wraps
        self._variables = [*self._trainer.model.variables, *optimizer.variables(), *optimizer.weights]
        self._values = [variable.numpy() for variable in self._variables]

    def train(self, recipe: Recipe) -> tuple[float, float, float]:
        """AP, AP50 and AP75 in points after a training, from the same start each time."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)
        task, trainer = self._task, self._trainer
        task.start(recipe, self._samples(recipe))
        task.freeze(trainer.model)
        trainer.train_dataset = orbit.utils.make_distributed_dataset(self._strategy, task.build_inputs, None)
        with ExitStack() as stack:
            if recipe.match is not None:
                stack.enter_context(mock.patch.object(targets, "match_anchors", recipe.match))
            trainer.train(tf.constant(int(self._plan.config.training.steps)))
        weights = trainer.averaged_weights(self._spec)
        with bars_wanted(False):
            summary = evaluate_weights(weights, self._spec, self._measured).metrics.summary
        return 100 * summary["AP"], 100 * summary["AP50"], 100 * summary["AP75"]

    def _samples(self, recipe: Recipe) -> Features:
        config, first = self._plan.config, self._plan.frozen_until
        assert first is not None, "recipes are compared on features of frozen layers"
        pictures = recipe.pictures(
            self._folder.train,
            self._spec,
            config.augmentation,
            iou_threshold=config.loss.match_iou,
            seed=config.training.seed,
            cache_bytes=1 << 29,
        )
        each = feature_bytes(self._spec, first)
        pool = choose_pool(config.augmentation, len(self._folder.train.images), each)
        assert pool is not None, "features take too much memory to be kept"
        samples = Features(pictures, self._spec, first, pool, seed=config.training.seed, cache_bytes=0)
        shared = {} if recipe.own_pictures else self._shared
        samples.known = shared.setdefault("features", {})
        samples.targets = shared.setdefault(recipe.match, {})
        return samples


def build(folder: LabelledFolder, settings: Sequence[str]) -> tuple[Plan, ModelSpec]:
    """The plan of a training, and its network."""
    config = load_config(None, list(settings))
    own, reference = initial_size(config, echo)
    plan = build_plan(config, folder, own)
    shares_of = None if reference == plan.config.model.input_hw else reference
    return plan, plan.config.model.build_spec("study", folder.classes, shares_of)


def _fail(images: list[int]) -> None:
    raise DetectorError(f"A loss is not finite, on the images {images}.")


def join_parts(folder: LabelledFolder) -> Dataset:
    """Validation and test images as one dataset."""
    if folder.test is None:
        return folder.val
    annotations = [*folder.val.annotations, *folder.test.annotations]
    for number, each in enumerate(annotations, start=1):
        annotations[number - 1] = {**each, "id": number}
    images = (*folder.val.images, *folder.test.images)
    return replace(folder.val, images=images, annotations=tuple(annotations))


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Of the experiment.")
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--recipes", default=",".join(RECIPES), show_default=True)
def study(results: Path, folders: Sequence[Path], settings: Sequence[str], seeds: str, recipes: str) -> None:
    """Train every recipe on FOLDERs with every seed; a line of JSON in RESULTS for each training."""
    strategy = build_strategy(load_config(None, [])) if folders else None
    loaded = [load_labelled_folder(folder) for folder in folders]
    numbers = [int(each) for each in seeds.split(",")]
    for seed in numbers:
        for folder in loaded:
            there = read_runs(results)
            missing = [
                name
                for name in recipes.split(",")
                if (folder.root.name, seed, name) not in there
                # Of one class all pictures are alike.
                and not (RECIPES[name].pictures is Balanced and len(folder.classes) == 1)
            ]
            if not missing:
                continue
            course = Course(folder, [*_SETTINGS, *settings, f"training.seed={seed}"], strategy)
            for name in missing:
                run = measure(course, folder.root.name, seed, name)
                with results.open("a") as file:
                    file.write(json.dumps(run) + "\n")
                echo(" ".join(str(value) for value in run.values()))
    for row in table({key: run for key, run in read_runs(results).items() if key[1] in numbers}):
        echo(row)


def measure(course: Course, dataset: str, seed: int, name: str) -> Run:
    """A training by the recipe of a name, and what came of it; its seconds are the processor's."""
    start = time.process_time()
    ap, ap50, ap75 = (round(value, 3) for value in course.train(RECIPES[name]))
    return {
        "dataset": dataset,
        "seed": seed,
        "recipe": name,
        "AP": ap,
        "AP50": ap50,
        "AP75": ap75,
        "seconds": round(time.process_time() - start, 1),
    }


if __name__ == "__main__":
    main(prog_name="python -m studies.recipes", command=study)
