"""The networks that look at an image, one for each input size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np

from detector.boxes import FloatArray
from detector.images import Image
from detector.input_sizes import SizeHW
from detector.postprocess import Postprocessor
from detector.preprocess import Preprocessor, Resize
from detector.runtime.backend import Backend
from detector.runtime.model_file import ModelFile
from detector.runtime.shared_network import SharedNetwork, open_network
from detector.spec import ModelSpec

Backends = Sequence[Backend]  # one for each input size


class Looks:
    """Looks at images at one input size or several, and gives the outputs of all as one.

    Args:
        looks: a network and what makes its input, for each input size, the smallest first.
    """

    def __init__(self, looks: Sequence[tuple[SharedNetwork[Backend], Preprocessor]]) -> None:
        self._looks = tuple(looks)

    @classmethod
    def open(
        cls, file: ModelFile, sizes: Sequence[SizeHW], backend: str | None, threads: int, resize: Resize
    ) -> Looks:
        """Looks through a model at each of the sizes; raises DetectorError as ``open_backend`` does."""
        files = [file.at(size) for size in sizes]
        return cls(
            [(open_network(each, backend, threads), Preprocessor(each.spec, resize)) for each in files]
        )

    @classmethod
    def through(cls, backend: Backend, preprocess: Preprocessor) -> Looks:
        """One look, through a backend that was not opened by ``Detector.load``."""
        return cls([(SharedNetwork(backend), preprocess)])

    @property
    def specs(self) -> list[ModelSpec]:
        """The model's spec at each input size."""
        return [preprocess.spec for _, preprocess in self._looks]

    @property
    def first(self) -> tuple[SharedNetwork[Backend], Preprocessor]:
        """The network of the smallest input, and what makes that."""
        return self._looks[0]

    def build_postprocessor(
        self,
        labels: Sequence[int] | None,
        score_threshold: float | None,
        iou_threshold: float | None,
        max_detections: int | None,
        *,
        voting: bool,
    ) -> Postprocessor:
        """What makes one answer of the outputs of all looks; the arguments are those of ``Postprocessor``."""
        first, *others = self.specs
        return Postprocessor(
            first,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
            labels=labels,
            voting=voting,
            others=others,
        )

    @contextmanager
    def turn(self) -> Iterator[Backends]:
        """The backends, nobody else's until the block ends. Their outputs may be their own memory."""
        with ExitStack() as turns:  # by size, so that no two callers wait for each other
            yield [turns.enter_context(network.turn()) for network, _ in self._looks]

    def take_workers(self, count: int) -> list[Backends]:
        """So many times the backends, with a thread each."""
        return list(zip(*(network.take_workers(count) for network, _ in self._looks), strict=True))

    def give_back(self, workers: Sequence[Backends]) -> None:
        """Keep workers for the next batch."""
        for (network, _), backends in zip(self._looks, zip(*workers, strict=True), strict=True):
            network.give_back(backends)

    def run(self, backends: Backends, image: Image) -> tuple[FloatArray, FloatArray]:
        """``box_encodings (A, 4)`` and ``class_logits (A, K + 1)`` of all looks, one after the other.

        They may be the runtime's own memory, which the next run writes over.
        """
        outputs = [
            backend.run(preprocess(image, out=backend.input))
            for backend, (_, preprocess) in zip(backends, self._looks, strict=True)
        ]
        if len(outputs) == 1:
            return outputs[0]
        box_encodings, class_logits = (np.concatenate(each) for each in zip(*outputs, strict=True))
        return box_encodings, class_logits

    def resized(self, sizes: Sequence[SizeHW]) -> Looks:
        """Looks of the same model at other input sizes. Networks for sizes that these have, too, are shared;
        the others are opened.

        Raises:
            DetectorError: see ``SharedNetwork.resized``.
        """
        own = {preprocess.input_hw: (network, preprocess) for network, preprocess in self._looks}
        return Looks([own.get(size) or self._open(size) for size in sizes])

    def _open(self, size: SizeHW) -> tuple[SharedNetwork[Backend], Preprocessor]:
        network, preprocess = self.first
        opened, spec = network.resized(size)
        return opened, Preprocessor(spec, preprocess.resize)

    def replaced(self, backend: Backend) -> Looks:
        """The same with another backend for the first."""
        return Looks([(SharedNetwork(backend), self.first[1]), *self._looks[1:]])

    def bare_network(self, image: Image) -> Callable[[], object]:
        """A function that runs the networks on what is made of an image, and nothing else."""
        runs = []
        for network, preprocess in self._looks:
            backend = network.backend
            runs.append(partial(backend.run, preprocess(image, out=backend.input)))
        return runs[0] if len(runs) == 1 else lambda: [run() for run in runs]
