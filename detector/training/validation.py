"""Evaluation while training, by the code of ``ssdlite eval``; the best weights are kept."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.data.coco_part import fixed_part
from detector.data.dataset import Dataset
from detector.errors import DetectorError
from detector.evaluation.evaluate import Evaluation, evaluate
from detector.formats.tflite.classifier import build_classifier_tflite
from detector.formats.tflite.writer import build_tflite
from detector.runtime import Detector
from detector.spec import ModelSpec
from detector.system.files import replacing
from detector.training.classification.chance import commonest_class
from detector.training.classification.judging import judge_weights
from detector.training.history import HistoryEntry, value_of
from detector.training.manifest import NotWholeError, read_manifest, write_manifest
from detector.training.measure import measure_of
from detector.training.run_folder import RunFolder
from detector.weights import Weights, load_network, save_weights

_FEW_IMAGES = 8  # that show what an evaluation takes


class Measured(Protocol):
    """What an evaluation has found."""

    @property
    def summary(self) -> Mapping[str, float]:
        """Numbers by name, in [0, 1]."""

    @property
    def images(self) -> int:
        """How many there were."""

    def save(self, folder: Path, about: Mapping[str, str]) -> None:
        """Write the numbers, and what they were found from, into a folder."""


class Validation:
    """Evaluates weights on the validation images and keeps the best in the run's folder.

    Args:
        dataset: the validation images.
        spec: the network; its card says what it is trained on.
        folder: where the best weights and their metrics go.
        patience: evaluations of the run without a better AP after which ``exhausted`` is true.
        most_images: that the evaluations of a run take; ``complete`` takes all of them.
        margin: AP by which later weights of the run may be below its best and still be taken for better.

    Attributes:
        dataset: as given.
        evaluated: the images that evaluations take.
        seconds: what evaluations took so far.
        count: how many there were.
        measure: what says how good weights are.
        best: the greatest AP (or accuracy) so far; None without any.
        best_from: when the weights that had it came about, in words.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: ModelSpec | ClassifierSpec,
        folder: RunFolder,
        patience: int,
        most_images: int | None = None,
        margin: float = 0.0,
    ) -> None:
        self.dataset = dataset
        self.evaluated = _fixed_part(dataset, most_images)
        self.seconds = 0.0
        self.count = 0
        self._looked_at = 0
        self._spec = spec
        self._folder = folder
        self.measure = measure_of(spec)
        self._guessed = commonest_class(self.evaluated)[1] if isinstance(spec, ClassifierSpec) else 0.0
        self._patience = patience
        self._margin = margin
        self._since_best = 0
        self._run_best: float | None = None
        self.best: float | None = None
        self.best_from = ""

    @property
    def exhausted(self) -> bool:
        """Whether the run's last evaluations brought nothing better; trials do not count."""
        return self._since_best >= self._patience

    def restore(self, history: Sequence[HistoryEntry], say: Callable[[str], None]) -> None:
        """Take over what an interrupted run had found, its best weights with it.

        Where they are not what was recorded, they are measured again; where they cannot be read, the race
        for the best begins anew.
        """
        for entry in history:
            value = value_of(entry, self.measure.key)
            if value is not None and "trial" not in entry:
                self._count_for_patience(value)
        try:
            facts = read_manifest(self._folder.best)
            self.best, self.best_from = float(facts[self.measure.key]), str(facts["weights"])
        except (NotWholeError, LookupError, TypeError, ValueError) as error:
            if self._folder.weights.exists() or self._run_best is not None:
                self._measure_again(str(error).rstrip("."), say)

    def _measure_again(self, fault: str, say: Callable[[str], None]) -> None:
        try:
            weights, spec = load_network(self._folder.weights)
        except DetectorError as error:
            say(f"The best weights so far are lost; the next evaluation writes new ones. {error}")
            return
        if _shape(spec) != _shape(self._spec):
            say(f"{self._folder.weights} is of another network; the next evaluation replaces it.")
            return
        words = spec.card.get("step", "a step that is not recorded")
        evaluation = self._evaluate(weights)
        self.best, self.best_from = evaluation.summary[self.measure.key], words
        self._save(weights, evaluation, words)
        say(f"The best weights were measured again ({fault}): {self.measure.key} {100 * self.best:.1f}.")

    def __call__(self, weights: Weights, step: int) -> tuple[dict[str, float], bool]:
        """The numbers of the run's weights, and whether they are the best so far; those are saved."""
        summary, is_best = self.try_out(weights, f"step {step:,}")
        self._count_for_patience(summary[self.measure.key])
        return summary, is_best

    def try_out(self, weights: Weights, words: str) -> tuple[dict[str, float], bool]:
        """The numbers of any weights, and whether they are the best so far; then they are saved.

        Args:
            weights: of the run or of a trial.
            words: when they came about.

        Raises:
            DetectorError: they are not finite, so that they are no network any more.
        """
        if not all(np.isfinite(values).all() for values in weights.values()):
            raise DetectorError(
                f"The network's weights are not finite any more at {words}; start a new run with a lower "
                "rate (--set optimizer.learning_rate=...)."
            )
        evaluation = self._evaluate(weights)
        value = evaluation.summary[self.measure.key]
        is_best = _is_better(value + self._margin, self._run_best if self._margin else self.best)
        # Accuracies are often equal, and then what has seen more pictures is the better guess.
        is_best = is_best or (isinstance(self._spec, ClassifierSpec) and value == self.best)
        if is_best:
            self._save(weights, evaluation, words)
            self.best, self.best_from = value, words
        return dict(evaluation.summary), is_best

    @property
    def seconds_each(self) -> float:
        """What an evaluation takes."""
        return self.seconds_per_image * len(self.evaluated.images)

    @property
    def seconds_per_image(self) -> float:
        """What an image takes in an evaluation; 0 before there was any."""
        return self.seconds / max(1, self._looked_at)

    @property
    def images_left(self) -> int:
        """How many images ``complete`` will look at."""
        return 0 if self.evaluated is self.dataset else len(self.dataset.images)

    def try_speed(self, weights: Weights) -> None:
        """Look at a few images, so that it is known what an evaluation takes."""
        few = self.evaluated.select(None, _FEW_IMAGES)
        start = time.monotonic()
        self.look(weights, few)
        self._looked_at += len(few.images)
        self.seconds += time.monotonic() - start

    def complete(self) -> None:
        """Measure the best weights on all images, where the run's evaluations took a part of them."""
        if not self.images_left:
            return
        facts = read_manifest(self._folder.best)
        weights, _ = load_network(self._folder.weights)
        self.evaluated = self.dataset
        self._save(weights, self._evaluate(weights), str(facts["weights"]))

    def _evaluate(self, weights: Weights) -> Measured:
        start = time.monotonic()
        evaluation = self.look(weights, self.evaluated)
        self.seconds += time.monotonic() - start
        self.count += 1
        self._looked_at += len(self.evaluated.images)
        return evaluation

    def _count_for_patience(self, value: float) -> None:
        # What is no better than to guess has not begun to learn what can be measured.
        if _is_better(value, self._run_best) or (self._run_best or 0.0) <= self._guessed:
            self._run_best, self._since_best = max(value, self._run_best or 0.0), 0
        else:
            self._since_best += 1

    def _save(self, weights: Weights, evaluation: Measured, words: str) -> None:
        numbers, folder = evaluation.summary, self._folder
        key, second = self.measure.key, self.measure.second_key
        measured = (
            f"{100 * numbers[key]:.2f}, {self.measure.second_name} {100 * numbers[second]:.2f} on the "
            f"{evaluation.images} validation images, at {words}"
        )
        spec = replace(self._spec, card={**self._spec.card, key: measured, "step": words})
        save_weights(folder.weights, weights, spec)
        with replacing(folder.tflite) as path:
            path.write_bytes(to_tflite(weights, spec))
        source = {"dataset": str(self.dataset.source), "split": self.dataset.split}
        evaluation.save(folder.root, {"model": spec.name, "weights": words, **source})
        answers = folder.detections if isinstance(spec, ModelSpec) else folder.scores
        files = (folder.weights, folder.tflite, folder.metrics, answers)
        write_manifest(folder.best, files, {key: numbers[key], "weights": words})

    def look(self, weights: Weights, dataset: Dataset) -> Measured:
        """The numbers of weights on some images."""
        if isinstance(self._spec, ClassifierSpec):
            return judge_weights(weights, self._spec, dataset)
        return evaluate_weights(weights, self._spec, dataset)


def to_tflite(weights: Weights, spec: ModelSpec | ClassifierSpec) -> bytes:
    """A network of either kind as a TFLite file."""
    if isinstance(spec, ClassifierSpec):
        return build_classifier_tflite(weights, spec)
    return build_tflite(weights, spec)


def _shape(spec: ModelSpec | ClassifierSpec) -> tuple[object, ...]:
    """What has to be the same for weights to be of the same network."""
    anchors = spec.anchors if isinstance(spec, ModelSpec) else None
    return type(spec), spec.classes, spec.input_hw, anchors


def _fixed_part(dataset: Dataset, most_images: int | None) -> Dataset:
    """The dataset, or so many of its images that are like all of them."""
    if most_images is None or len(dataset.images) <= most_images:
        return dataset
    objects: dict[int, list[int]] = {image.id: [] for image in dataset.images}
    for annotation in dataset.annotations:
        objects[annotation["image_id"]].append(annotation["category_id"])
    return dataset.select(fixed_part(objects, most_images))


def _is_better(ap: float, best: float | None) -> bool:
    # Without a positive AP nothing can be told apart yet, and the latest weights are the best guess.
    return best is None or ap > best or best <= 0


def evaluate_weights(weights: Mapping[str, FloatArray], spec: ModelSpec, dataset: Dataset) -> Evaluation:
    """The COCO numbers of weights, as ``ssdlite eval`` measures them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(build_tflite(weights, spec))
        return evaluate(Detector.load(path, score_threshold=None), dataset)
