"""The Detector: a model, ready to be shown images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.image_kinds import ImageLike, check_several
from detector.image_memory import take_image
from detector.images import Image
from detector.input_sizes import InputSize, name_sizes, read_sizes
from detector.postprocess import Postprocessor
from detector.preprocess import Resize
from detector.pretrained.releases import DEFAULT_MODEL
from detector.runtime.arguments import check_load, check_setting, chosen_sizes, class_list, least_scores
from detector.runtime.backend import Backend
from detector.runtime.batch import run_batch
from detector.runtime.looks import Backends, Looks
from detector.runtime.model_file import ModelFile
from detector.runtime.tiling import detect_tiled
from detector.spec import DEFAULT_SCORE_THRESHOLD
from detector.system.machine import available_threads
from detector.system.terminal import counted, ignore, printable

T = TypeVar("T")

_MOST_NAMED = 5  # classes


class Detector:
    """Finds objects in images. ``Detector.load`` makes one.

    >>> from detector import Detector
    >>> from detector.data.sample import SAMPLE_FOLDER
    >>> detector = Detector.load(classes=["cat", "cup"])
    >>> detector.detect(SAMPLE_FOLDER / "coffee.jpg").names
    ['cup']
    >>> [found.names for found in detector.detect_batch(sorted(SAMPLE_FOLDER.glob("c*.jpg")))]
    [[], ['cat'], ['cup']]

    Any number of threads may share one. They take turns at its network, which has all processors in each
    turn; ``share`` gives each of them settings of its own. After a fork the child opens the model again when
    it first needs it, and a pickled Detector opens it where it arrives; TensorFlow does not survive a fork.

    Attributes:
        spec: the model's spec; of several input sizes, with the first.
        input_sizes: height and width of each input at which an image is looked at, the smallest first.
        own_hw: those that the model was made for.
        any_size: whether ``resized`` makes it fit other sizes.
        classes: names of the classes that it looks for.
        backend_name: what runs the network; empty where it was not opened by ``load``.
        preprocess: what comes before it.
        postprocess: what comes after it.
        tile: side of the tiles in pixels, or None.
    """

    classes: tuple[str, ...]

    def __init__(
        self,
        looks: Looks,
        postprocess: Postprocessor,
        threads: int,
        labels: Sequence[int] | None = None,
    ) -> None:
        self._look_through(looks)
        self.postprocess = postprocess
        self.threads = threads
        self.own_hw, self.any_size = self.spec.input_hw, False
        self._thresholds: NDArray[np.float32] | None = None
        self.tile: int | None = None
        classes = self.spec.classes
        self.__dict__["classes"] = classes if labels is None else tuple(classes[label] for label in labels)

    def _look_through(self, looks: Looks) -> None:
        self._looks = looks
        network, self.preprocess = looks.first
        self.spec, self.backend_name = self.preprocess.spec, network.name
        self.input_sizes = tuple(spec.input_hw for spec in looks.specs)

    @classmethod
    def load(  # many arguments: it is where all that can be said of a detector is said, by name
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        backend: str | None = None,
        threads: int | None = None,
        classes: str | Sequence[str] | None = None,
        score_threshold: float | None = DEFAULT_SCORE_THRESHOLD,
        class_thresholds: bool = False,
        iou_threshold: float | None = None,
        max_detections: int | None = None,
        resize: Resize = "half-pixel",
        input_size: InputSize | Sequence[InputSize] | None = None,
        accurate: bool = False,
        voting: bool = False,
        tile: int | None = None,
        trust: bool = False,
        say: Callable[[str], None] | None = print,
    ) -> Detector:
        """A detector from the name of a released model, which is fetched the first time, or from a file:
        ``.npz``, ``.tflite``, ``.onnx``, OpenVINO's ``.xml``, or the folder of a SavedModel.

        Args:
            model: name or path.
            backend: ``"litert"``, ``"tensorflow"``, ``"openvino"`` or ``"onnxruntime"``. Names and weights
                run on each of them. None is LiteRT for these, and for any other file what it was made for.
            threads: processors to use, all if none are given.
            classes: names of those to look for, several or one text with commas; fewer cost less.
            score_threshold: least score of a detection, in [0, 1); None for the one that the model's AP is
                measured with, which is next to nothing.
            class_thresholds: take the spec's own threshold for each class that has one.
            iou_threshold, max_detections: as the model's spec says if not given.
            resize: see ``Preprocessor``.
            input_size: side of the input in pixels, or ``"HEIGHTxWIDTH"``: weights are made to fit it, see
                ``any_size``; a file that is ready to run has one size. Of several, such as ``[300, 512]``,
                the image is looked at with each, for one answer. None is the model's own.
            accurate: its own size and a larger one, with voting: the most AP for about four times the time.
            voting: move each box to the mean of those around it; more AP.
            tile: look at larger images also in tiles of so many pixels a side; see ``detect_tiled``.
            trust: let the folder of a SavedModel be run, which is a program and can read and write files.
            say: takes a line for each thing that takes time; None for silence.

        Raises:
            DetectorError: no such model, class or backend, or a damaged model; see ``detector.errors``.
            ValueError: an argument that is none of its kind, or not in its range.
        """
        check_load(model, backend, threads, max_detections, tile)
        file = ModelFile(model, class_list(classes), trust=trust, say=say or ignore)
        sizes = chosen_sizes(file.own_hw, input_size, accurate=accurate)
        threads = threads or available_threads()
        looks = Looks.open(file, sizes, backend, threads, resize)
        least, of_classes = least_scores(looks.specs[0], score_threshold, class_thresholds)
        postprocess = looks.build_postprocessor(
            file.labels, least, iou_threshold, max_detections, voting=voting or accurate
        )
        detector = cls(looks, postprocess, threads, file.labels)
        detector.tile, detector._thresholds = tile, of_classes
        detector.own_hw, detector.any_size = file.own_hw, file.any_size
        return detector

    def __repr__(self) -> str:
        few = len(self.classes) <= _MOST_NAMED
        classes = ", ".join(map(printable, self.classes)) if few else f"{len(self.classes)} classes"
        return (
            f"<Detector {printable(self.spec.name)}: {classes}; {name_sizes(self.input_sizes)}; scores from "
            f"{self.score_threshold:g}; {self.backend_name}, {counted(self.threads, 'thread')}>"
        )

    def share(self) -> Detector:
        """Another Detector on the same network, with settings of its own."""
        other = Detector.__new__(Detector)
        other.__dict__.update(self.__dict__, postprocess=copy(self.postprocess))
        return other

    def resized(self, input_size: InputSize | Sequence[InputSize]) -> Detector:
        """Another Detector for other input sizes, with the settings that this one has now. Networks for sizes
        that this one has, too, are shared; the others are loaded.

        Args:
            input_size: as for ``load``.

        Raises:
            ModelError: a file that is ready to run has one size; or the model is gone, or another one by now.
            BackendError: this one was not made by ``load``.
            ArgumentError: no such sizes.
        """
        other = self.share()
        other._look_through(self._looks.resized(read_sizes(input_size)))
        first, *others = other._looks.specs
        other.postprocess = other.postprocess.resized(first, others)
        return other

    def bare_network(self, image: Image) -> Callable[[], object]:
        """A function that runs the network on an image, once for each input size: for measurements."""
        return self._looks.bare_network(image)

    @property
    def backend(self) -> Backend:
        """What runs the network (the first, of several): for measurements; one caller at a time, no lock."""
        return self._looks.first[0].backend

    @backend.setter
    def backend(self, backend: Backend) -> None:
        self._looks = self._looks.replaced(backend)

    def __setattr__(self, name: str, value: object) -> None:
        check_setting(name, value)
        super().__setattr__(name, value)

    @property
    def score_threshold(self) -> float:
        """Least score of a detection of any class; may be changed, and holds from the next image on."""
        return self.postprocess.score_threshold

    @score_threshold.setter
    def score_threshold(self, threshold: float) -> None:
        self.postprocess.score_threshold = threshold
        self._thresholds = None

    def detect(self, image: ImageLike) -> Detections:
        """The objects in one image, with all threads on it: the least time for one frame.

        Args:
            image: an array (H, W, 3) of uint8 in BGR, a path, an address or a Pillow image; see ``to_image``.

        Raises:
            ImageError: a file that cannot be read, or an image that would take too many tiles.
            ValueError: something else, or an array of another shape or type.
        """
        pixels, memory = take_image(image)
        return replace(self._detect(self._take_turn, pixels), _memory=memory)

    def detect_batch(
        self,
        images: Iterable[T],
        *,
        load: Callable[[T], ImageLike] | None = None,
        took: Callable[[float], None] | None = None,
    ) -> Iterator[Detections]:
        """The objects in each of many images, in order: the most images per second.

        Each of the threads has a network of its own and takes whole images through all stages, so decoding
        and post-processing of some overlap with the network's work on others. Only a few images are held at
        a time, so ``images`` may be endless.

        Args:
            images: images as for ``detect``, or whatever ``load`` turns into one.
            load: called in the worker's thread.
            took: called in the worker's thread with the seconds that each image took there.

        Raises:
            ValueError: ``images`` is a single image, or nothing that holds several.
        """
        check_several(images)
        return self._run_batch(images, load or _as_it_is, took)

    def _run_batch(
        self, images: Iterable[T], load: Callable[[T], ImageLike], took: Callable[[float], None] | None
    ) -> Iterator[Detections]:
        looks = self._looks
        workers = looks.take_workers(self.threads)

        def process(backends: Backends, item: T) -> Detections:
            start = time.perf_counter()
            pixels, memory = take_image(load(item))
            found = self._detect(partial(self._detect_whole, looks, backends), pixels)
            if took:
                took(time.perf_counter() - start)
            return replace(found, _memory=memory)

        try:
            yield from run_batch(images, process, workers)
        finally:
            looks.give_back(workers)

    def _take_turn(self, image: Image) -> Detections:
        looks = self._looks
        with looks.turn() as backends:
            return self._detect_whole(looks, backends, image)

    def _detect(self, detect_whole: Callable[[Image], Detections], image: Image) -> Detections:
        if self.tile is None:
            return detect_whole(image)
        return detect_tiled(
            detect_whole,
            image,
            self.tile,
            iou_threshold=self.postprocess.iou_threshold,
            max_detections=self.postprocess.max_detections,
        )

    def _detect_whole(self, looks: Looks, backends: Backends, image: Image) -> Detections:
        box_encodings, class_logits = looks.run(backends, image)
        # The outputs may be the runtime's memory; nothing of them is left in what comes out of this.
        detections = self.postprocess(box_encodings, class_logits, (image.shape[1], image.shape[0]))
        thresholds = self._thresholds  # another thread may take them away
        if thresholds is None:
            return detections
        return detections[detections.scores >= thresholds[detections.labels]]


def _as_it_is(item: Any) -> Any:
    return item
