"""The gate that every export has to pass: it must find what the network finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from detector.detections import Detections
from detector.errors import DatasetError
from detector.evaluation.evaluate import FindsObjects, detect_dataset, match_categories
from detector.exports.complete import open_complete
from detector.exports.outcome import Comparison
from detector.exports.parity import Found, Parity, measure_parity
from detector.exports.trial_images import TrialImages
from detector.formats.looks import Look
from detector.formats.network import Network
from detector.formats.table import Format
from detector.images import Image
from detector.numpy_network import NumpyNetwork, PooledNetworks
from detector.postprocess import Postprocessor
from detector.preprocess import Preprocessor
from detector.runtime import Detector
from detector.runtime.backend import Backend
from detector.runtime.looks import Looks
from detector.system.machine import available_threads
from detector.system.terminal import counted

T = TypeVar("T")


class Gate:
    """Compares exported files with the network, which runs in plain numpy for it.

    Args:
        looks: the network at each of its input sizes, the smallest first.
        trial: the images to compare on.
        max_ap_drop: points of AP that an export may lose; its precision's own limit if none is given.
        say: takes a line of what was measured.

    Attributes:
        comparisons: what was measured so far, in the order of the files.
    """

    def __init__(
        self,
        looks: Sequence[Look],
        trial: TrialImages,
        max_ap_drop: float | None,
        say: Callable[[str], None],
    ) -> None:
        self._looks = looks
        self._spec = looks[-1].spec
        self._trial = trial
        self._max_ap_drop = max_ap_drop
        self._say = say
        self.comparisons: list[Comparison] = []

    def find_fault(self, path: Path, format_: Format, network: Network) -> str | None:
        """Why the export at a path must not be used; None if it may. What was measured is said.

        Raises:
            DatasetError: nothing can be said, since the network finds nothing in the images.
        """
        for way, exported in self._open(path, format_, network):
            parity = self._measure(exported)
            images = counted(parity.images, "image")
            self._say(f"Compared with the network on {images} of {self._trial.origin}{way}:")
            for line in parity.lines():
                self._say(f"  {line}")
            verdict = parity.judge(network.precision, self._max_ap_drop)
            self.comparisons.append(Comparison(path.name, way, self._trial.origin, parity, verdict))
            if verdict.note:
                self._say(f"  {verdict.note}")
            if verdict.fault:
                return f"{verdict.fault}{way}"
        return None

    def _open(self, path: Path, format_: Format, network: Network) -> Iterator[tuple[str, FindsObjects]]:
        """The export in each of the ways in which it will be run, and what is special about that way."""
        threads = available_threads()
        if network.postprocess:
            yield "", _OneByOne(self._spec.classes, open_complete(path, threads))
            return
        detector = Detector.load(
            path, backend=format_.backend, threads=threads, score_threshold=None, trust=True
        )
        yield "", detector
        if format_.backend == "openvino":
            from detector.runtime.openvino import OpenVINOBackend, reduced_precision

            if reduced := reduced_precision(path):
                plain = OpenVINOBackend(path, threads, precision=None)
                yield f" as other programs run it here, in {reduced}", self._detector(plain, threads)

    def _measure(self, exported: FindsObjects) -> Parity:
        found = detect_dataset(exported, self._trial.dataset).results
        parity = measure_parity(
            self._trial.dataset, self._network_found, found, category_ids=self._categories
        )
        if not parity.detections and (parity.ap is None or parity.ap.first.value <= 0):
            raise DatasetError(
                f"The network finds nothing in {self._trial.origin}, so there is nothing to compare by; give "
                "images with objects of its classes with --calibration, or annotated ones with --dataset."
            )
        return parity

    @cached_property
    def _network_found(self) -> Found:
        networks = [NumpyNetwork(look.weights, look.spec) for look in self._looks]
        reference = self._detector(PooledNetworks(networks), available_threads())
        return detect_dataset(reference, self._trial.dataset).results

    def _detector(self, backend: Backend, threads: int) -> Detector:
        first, *others = (look.spec for look in self._looks)
        looks = Looks.through(backend, Preprocessor(self._spec))
        return Detector(looks, Postprocessor(first, others=others), threads)

    @property
    def _categories(self) -> list[int] | None:
        if not self._trial.annotated:
            return None
        matched = match_categories(self._spec.classes, self._trial.dataset.categories)
        return sorted(set(matched.values()))


class _OneByOne:
    """A function from an image to its objects, as something that can be run over a dataset."""

    def __init__(self, classes: tuple[str, ...], detect: Callable[[Image], Detections]) -> None:
        self.classes = classes
        self._detect = detect

    def detect_batch(self, images: Iterable[T], *, load: Callable[[T], Image]) -> Iterator[Detections]:
        """The objects in each image, in order."""
        for image in images:
            yield self._detect(load(image))
