"""The Detector: a model, ready to be shown images."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.images import Image
from detector.postprocess import Postprocessor
from detector.preprocess import Preprocessor, Resize
from detector.pretrained import DEFAULT_MODEL
from detector.runtime.backend import Backend, available_threads, check_name, open_backend
from detector.runtime.model_file import ModelFile
from detector.runtime.tiling import detect_tiled
from detector.spec import ModelSpec

T = TypeVar("T")

DEFAULT_SCORE_THRESHOLD = 0.4


class Detector:
    """Finds objects in images. ``Detector.load`` makes one.

    Attributes:
        spec: the model's spec.
        classes: names of the classes that it looks for.
        backend: what runs the network.
        backend_name: its name; empty where it was not opened by ``load``.
        preprocess, postprocess: what comes before and after it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        backend: Backend,
        preprocess: Preprocessor,
        postprocess: Postprocessor,
        threads: int,
        labels: Sequence[int] | None = None,
        class_thresholds: Mapping[str, float] | None = None,
        tile: int | None = None,
    ) -> None:
        self.spec = spec
        self.backend = backend
        self.backend_name = ""
        self.preprocess = preprocess
        self.postprocess = postprocess
        self.threads = threads
        self._taking = threading.Lock()
        self._idle: tuple[Backend, Sequence[Backend]] | None = None
        self._thresholds: NDArray[np.float32] | None = None
        if class_thresholds:
            least = [class_thresholds.get(name, postprocess.score_threshold) for name in spec.classes]
            self._thresholds = np.array(least, np.float32)
        self.tile = tile
        self.classes = spec.classes if labels is None else tuple(spec.classes[label] for label in labels)

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        backend: str | None = None,
        threads: int | None = None,
        classes: Sequence[str] | None = None,
        score_threshold: float | None = DEFAULT_SCORE_THRESHOLD,
        class_thresholds: bool = False,
        iou_threshold: float | None = None,
        max_detections: int | None = None,
        resize: Resize = "half-pixel",
        voting: bool = False,
        tile: int | None = None,
        trust: bool = False,
        say: Callable[[str], None] = print,
    ) -> Detector:
        """A detector from a released model's name or a file: ``.npz``, ``.tflite``, ``.onnx``, OpenVINO's
        ``.xml``, or the folder of a SavedModel.

        Released weights are fetched the first time.

        Args:
            model: name or path.
            backend: ``"litert"``, ``"tensorflow"``, ``"openvino"`` or ``"onnxruntime"``. Names and weights
                run on each of them. None is LiteRT for these, and for any other file what it was made for.
            threads: processors to use, all if none are given.
            classes: names of the classes to look for, all if none are given; fewer cost less.
            score_threshold: least score of a detection, in [0, 1); None for the one that the model's AP is
                measured with, which is next to nothing.
            class_thresholds: take the spec's own threshold for each class that has one, and
                ``score_threshold`` for the others.
            iou_threshold, max_detections: as the model's spec says if not given.
            resize: see ``Preprocessor``.
            voting: move each box to the mean of those around it; more AP for little time.
            tile: look at larger images also in tiles of this many pixels a side, for small objects; a
                frame takes as many times longer as there are tiles, and one more. See ``detect_tiled``.
            trust: let the folder of a SavedModel be run. It is a program, which can read and write your
                files; everything else that is loaded here is data.
            say: takes a line for each thing that takes time, such as a download.

        Raises:
            DetectorError: the model cannot be had or is damaged, a class it does not have, or a backend
                that is not there; see ``detector.errors``.
        """
        check_name(backend)
        file = ModelFile(model, classes, trust=trust, say=say)
        threads = threads or available_threads()
        own = file.spec.class_thresholds if class_thresholds else {}
        if own and score_threshold is not None:
            own = {name: own.get(name, score_threshold) for name in file.spec.classes}
            score_threshold = min(own.values())
        postprocess = Postprocessor(
            file.spec,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
            labels=file.labels,
            voting=voting,
        )
        name, opened = open_backend(file, backend, threads)
        preprocess = Preprocessor(file.spec, resize)
        detector = cls(file.spec, opened, preprocess, postprocess, threads, file.labels, own, tile)
        detector.backend_name = name
        return detector

    @property
    def score_threshold(self) -> float:
        """Least score of a detection; may be changed at any time, and holds from the next image on, for every
        class.
        """
        return self.postprocess.score_threshold

    @score_threshold.setter
    def score_threshold(self, threshold: float) -> None:
        self.postprocess.score_threshold = threshold
        self._thresholds = None

    def detect(self, image: Image) -> Detections:
        """The objects in one image, with all threads on it: the least time for one frame.

        Args:
            image: (H, W, 3) uint8, BGR, as ``load_image`` and OpenCV give it.

        Raises:
            ValueError: an array of another shape or type.
        """
        return self._detect(self.backend, image)

    def detect_batch(
        self,
        images: Iterable[T],
        *,
        load: Callable[[T], Image] | None = None,
        took: Callable[[float], None] | None = None,
    ) -> Iterator[Detections]:
        """The objects in each of many images, in order: the most images per second.

        Each of the threads has a network of its own and takes whole images through all stages, so decoding
        and post-processing of some overlap with the network's work on others. Only a few images are held at
        a time, so ``images`` may be endless.

        Args:
            images: images as for ``detect``, or whatever ``load`` turns into one.
            load: called in the worker's thread, for example ``load_image`` for paths.
            took: called in the worker's thread with the seconds that each image took there.
        """
        backend = self.backend
        workers = self._take_workers(backend)
        backends: queue.SimpleQueue[Backend] = queue.SimpleQueue()
        for each in workers:
            backends.put(each)
        worker = threading.local()

        def start() -> None:
            worker.backend = backends.get()

        def process(item: Any) -> Detections:
            start = time.perf_counter()
            detections = self._detect(worker.backend, load(item) if load else item)
            if took:
                took(time.perf_counter() - start)
            return detections

        pending: deque[Future[Detections]] = deque()
        pool = ThreadPoolExecutor(self.threads, "detect", initializer=start)
        try:
            for item in images:
                pending.append(pool.submit(process, item))
                if len(pending) > 2 * self.threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            self._idle = (backend, workers)

    def _take_workers(self, backend: Backend) -> Sequence[Backend]:
        """Such backends for all threads: those of the last batch if they are free, or new ones."""
        with self._taking:
            idle, self._idle = self._idle, None
        if idle is not None and idle[0] is backend:
            return idle[1]
        return backend.split(self.threads)

    def _detect(self, backend: Backend, image: Image) -> Detections:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"expected an image (H, W, 3) of uint8, got {image.shape} of {image.dtype}")
        if self.tile is None:
            return self._detect_whole(backend, image)
        return detect_tiled(
            lambda part: self._detect_whole(backend, part),
            image,
            self.tile,
            iou_threshold=self.postprocess.iou_threshold,
            max_detections=self.postprocess.max_detections,
        )

    def _detect_whole(self, backend: Backend, image: Image) -> Detections:
        network_input = self.preprocess(image, out=getattr(backend, "input", None))
        box_encodings, class_logits = backend.run(network_input)
        detections = self.postprocess(box_encodings, class_logits, (image.shape[1], image.shape[0]))
        thresholds = self._thresholds  # another thread may take them away
        if thresholds is None:
            return detections
        return detections[detections.scores >= thresholds[detections.labels]]
