"""The gate that an exported classifier has to pass: it must answer what the network answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import load_dataset_image
from detector.errors import DatasetError
from detector.evaluation.evaluate import match_categories
from detector.exports.classifier_parity import ClassifierParity, measure_classifier_parity
from detector.exports.outcome import Comparison
from detector.exports.trial_images import TrialImages
from detector.formats.network import ClassifierNetwork
from detector.formats.table import Format
from detector.images import Image
from detector.numpy_network import NumpyClassifier
from detector.preprocess import ClassifierPreprocessor
from detector.runtime.classifier import Classifier
from detector.runtime.classifier_backend import ClassifierBackend, open_classifier
from detector.runtime.shared_network import SharedNetwork
from detector.system.machine import available_threads
from detector.system.progress import bars_hidden
from detector.system.terminal import counted
from detector.weights import Weights


class ClassifierGate:
    """Compares exported files with the network, which runs in plain numpy for it.

    Args:
        weights, spec: the network.
        trial: the pictures to compare on.
        max_drop: points of accuracy that an export may lose; its precision's own limit if none is given.
        say: takes a line of what was measured.

    Attributes:
        comparisons: what was measured so far.

    Raises:
        DatasetError: the pictures are named, and none of the names is one of the model's classes.
    """

    def __init__(
        self,
        weights: Weights,
        spec: ClassifierSpec,
        trial: TrialImages,
        max_drop: float | None,
        say: Callable[[str], None],
    ) -> None:
        self._weights = weights
        self._spec = spec
        self._trial = trial
        self._max_drop = max_drop
        self._say = say
        self._truth = _find_truth(spec, trial)
        self.comparisons: list[Comparison] = []

    def find_fault(self, path: Path, format_: Format, network: ClassifierNetwork) -> str | None:
        """Why the export at a path must not be used; None if it may. What was measured is said.

        Raises:
            DatasetError: nothing can be said, since the network is sure of no picture and none is named.
        """
        for way, backend in _open(path, format_):
            parity = self._measure(backend)
            pictures = counted(parity.images, "picture")
            self._say(f"Compared with the network on {pictures} of {self._trial.origin}{way}:")
            for line in parity.lines():
                self._say(f"  {line}")
            verdict = parity.judge(network.precision, self._max_drop)
            self.comparisons.append(Comparison(path.name, way, self._trial.origin, parity, verdict))
            if verdict.note:
                self._say(f"  {verdict.note}")
            if verdict.fault:
                return f"{verdict.fault}{way}"
        return None

    def _measure(self, backend: ClassifierBackend) -> ClassifierParity:
        parity = measure_classifier_parity(self._network_answers, self._answers(backend), self._truth)
        if not parity.sure and parity.accuracy is None:
            raise DatasetError(
                f"The network is sure of no picture in {self._trial.origin}, so there is nothing to compare "
                "by; give pictures of its classes with --calibration, or a folder of them for each class "
                "with --dataset."
            )
        return parity

    @cached_property
    def _network_answers(self) -> FloatArray:
        return self._answers(_NumpyBackend(self._weights, self._spec))

    def _answers(self, backend: ClassifierBackend) -> FloatArray:
        """(N, K) probabilities of the pictures."""
        classifier = Classifier(
            SharedNetwork(backend), ClassifierPreprocessor(self._spec), available_threads()
        )
        images = self._trial.dataset.images
        answers = classifier.classify_batch(images, load=load_dataset_image)
        bar = tqdm(answers, "comparing", len(images), unit="picture", disable=bars_hidden(), leave=False)
        return np.array([answer.scores for answer in bar])


class _NumpyBackend:
    """The network in plain numpy, from a picture's bytes on."""

    def __init__(self, weights: Weights, spec: ClassifierSpec) -> None:
        self._network = NumpyClassifier(weights, spec)
        self._scale, self._offset = np.float32(spec.pixel_scale), np.float32(spec.pixel_offset)

    def run(self, image: Image) -> FloatArray:
        return self._network.run(image.astype(np.float32) * self._scale + self._offset)

    def split(self, count: int) -> Sequence[_NumpyBackend]:
        """This network for every caller."""
        return [self] * count


def _open(path: Path, format_: Format) -> Iterator[tuple[str, ClassifierBackend]]:
    """The export in each of the ways in which it will be run, and what is special about that way."""
    threads = available_threads()
    yield "", open_classifier(path, format_.backend, threads, trust=True)
    if format_.backend == "openvino":
        from detector.runtime.openvino import OpenVINOClassifier, reduced_precision

        if reduced := reduced_precision(path):
            plain = OpenVINOClassifier(path, threads, precision=None)
            yield f" as other programs run it here, in {reduced}", plain


def _find_truth(spec: ClassifierSpec, trial: TrialImages) -> NDArray[np.int64] | None:
    """(N,) the class of each picture, -1 where the model has no such class; None where none is named."""
    if not trial.annotated:
        return None
    dataset = trial.dataset
    matched = match_categories(spec.classes, dataset.categories)
    if not matched:
        raise DatasetError(
            f"None of the classes of {trial.origin} is one that the model tells apart; give pictures of its "
            "classes with --dataset."
        )
    labels = {matched[name]: label for label, name in enumerate(spec.classes) if name in matched}
    by_image = {each["image_id"]: labels.get(each["category_id"], -1) for each in dataset.annotations}
    return np.array([by_image.get(image.id, -1) for image in dataset.images], np.int64)
