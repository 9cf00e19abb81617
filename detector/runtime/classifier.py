"""The Classifier: a model that names pictures, ready to be shown them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from detector.boxes import FloatArray
from detector.classification import Classification
from detector.errors import ArgumentError
from detector.image_kinds import ImageLike, check_several, to_image
from detector.images import Image
from detector.input_sizes import InputSize, describe_size, read_sizes
from detector.preprocess import ClassifierPreprocessor, crop_object
from detector.pretrained.imagenet.classifier import IMAGENET
from detector.runtime.arguments import MOST_THREADS, check_model, check_whole
from detector.runtime.batch import run_batch
from detector.runtime.classifier_backend import ClassifierBackend, ClassifierOpener, open_backend
from detector.runtime.classifier_file import ClassifierFile
from detector.runtime.shared_network import SharedNetwork
from detector.system.machine import available_threads
from detector.system.terminal import counted, ignore, printable

T = TypeVar("T")
_MOST_NAMED = 5  # classes


class Classifier:
    """Names what pictures show. ``Classifier.load`` makes one.

    >>> from detector import Classifier
    >>> classifier = Classifier.load("runs/birds")  # doctest: +SKIP
    >>> classifier.classify("garden.jpg")  # doctest: +SKIP
    <Classification: robin 0.93, wren 0.04, tit 0.03>

    Any number of threads may share one. They take turns at its network, which has all of its processors in
    each turn. After a fork the child opens the model again when it first needs it, and a pickled Classifier
    opens it where it arrives.

    Attributes:
        spec: the model's spec.
        classes: names of its classes.
        backend_name: what runs the network.
        threads: processors that it uses.
        preprocess: what comes before the network.
    """

    def __init__(
        self,
        network: SharedNetwork[ClassifierBackend],
        preprocess: ClassifierPreprocessor,
        threads: int,
    ) -> None:
        self._network = network
        self.preprocess = preprocess
        self.spec = preprocess.spec
        self.classes = self.spec.classes
        self.threads = threads

    @classmethod
    def load(
        cls,
        model: str | Path = IMAGENET,
        *,
        backend: str | None = None,
        threads: int | None = None,
        input_size: InputSize | None = None,
        trust: bool = False,
        say: Callable[[str], None] | None = print,
    ) -> Classifier:
        """A classifier from a training run's folder, from a file, or ImageNet's, which is fetched the first
        time.

        Args:
            model: ``"imagenet"``, which is MobileNetV2 of keras.applications, or a path: a run's folder, a
                ``.npz`` of weights, a ``.tflite``, or a classifier of ImageNet as keras.applications
                (``.h5``), torchvision (``.pth``) or TF-Slim publish it.
            backend: what is to run it; None is LiteRT for weights, and for any other file what it was made
                for.
            threads: processors to use, all if none are given.
            input_size: side of the input in pixels, or ``"HEIGHTxWIDTH"``: weights fit any, a file that is
                ready to run has one. None is the model's own.
            trust: let the folder of a SavedModel be run, which is a program and can read and write files.
            say: takes a line for each thing that takes time; None for silence.

        Raises:
            DetectorError: no such model or backend, a detector, or a damaged model; see ``detector.errors``.
            ValueError: an argument that is none of its kind, or not in its range.
        """
        check_model(model)
        check_whole("threads", threads, MOST_THREADS)
        sizes = (None,) if input_size is None else read_sizes(input_size)
        if len(sizes) > 1:
            raise ArgumentError("A classifier looks at a picture at one input size; give one.")
        file = ClassifierFile(model, input_hw=sizes[0], trust=trust, say=say or ignore)
        threads = threads or available_threads()
        name, opened = open_backend(file, backend, threads)
        network = SharedNetwork(opened, ClassifierOpener.of(file, name, threads), name)
        return cls(network, ClassifierPreprocessor(file.spec), threads)

    def __repr__(self) -> str:
        few = len(self.classes) <= _MOST_NAMED
        classes = ", ".join(map(printable, self.classes)) if few else f"{len(self.classes)} classes"
        return (
            f"<Classifier {printable(self.spec.name)}: {classes}; {describe_size(self.spec.input_hw)}; "
            f"{self.backend_name}, {counted(self.threads, 'thread')}>"
        )

    @property
    def backend_name(self) -> str:
        """What runs the network."""
        return self._network.name

    def share(self) -> Classifier:
        """Another Classifier on the same network."""
        return Classifier(self._network, self.preprocess, self.threads)

    def classify(self, image: ImageLike) -> Classification:
        """How likely a picture is of each class, with all threads on it.

        Args:
            image: an array (H, W, 3) of uint8 in BGR, a path, an address or a Pillow image; see ``to_image``.

        Raises:
            ImageError: a file that cannot be read.
            ValueError: something else, or an array of another shape or type.
        """
        network_input = self.preprocess(to_image(image))
        with self._network.turn() as backend:
            return self._answer(backend, network_input)

    def classify_crops(self, image: ImageLike, boxes: FloatArray) -> list[Classification]:
        """The same of objects in an image, each cut out with some of its surroundings; see ``crop_object``.

        Args:
            image: as for ``classify``.
            boxes: (N, 4) xyxy in pixels of the image, such as ``Detections.boxes``.

        Raises:
            ImageError, ValueError: as ``classify``, or a box that lies outside of the image.
        """
        pixels, answers = to_image(image), []
        for box in np.asarray(boxes, np.float32).reshape(-1, 4):
            crop = crop_object(pixels, box)
            if crop is None:
                raise ArgumentError(
                    f"The box {[round(float(side), 1) for side in box]} has nothing of the image, which is "
                    f"{pixels.shape[1]}x{pixels.shape[0]} pixels; expected xyxy in pixels."
                )
            answers.append(self.classify(crop))
        return answers

    def classify_batch(
        self,
        images: Iterable[T],
        *,
        load: Callable[[T], ImageLike] | None = None,
        took: Callable[[float], None] | None = None,
    ) -> Iterator[Classification]:
        """The same of each of many pictures, in order: the most pictures per second.

        Each of the threads has a network of its own and takes whole pictures. Only a few are held at a time,
        so ``images`` may be endless.

        Args:
            images: pictures as for ``classify``, or whatever ``load`` turns into one.
            load: called in the worker's thread.
            took: called in the worker's thread with the seconds that each picture took there.

        Raises:
            ValueError: ``images`` is a single picture, or nothing that holds several.
        """
        check_several(images)
        return self._run_batch(images, load or _as_it_is, took)

    def _run_batch(
        self, images: Iterable[T], load: Callable[[T], ImageLike], took: Callable[[float], None] | None
    ) -> Iterator[Classification]:
        workers = self._network.take_workers(self.threads)

        def process(backend: ClassifierBackend, item: T) -> Classification:
            start = time.perf_counter()
            answer = self._answer(backend, self.preprocess(to_image(load(item))))
            if took:
                took(time.perf_counter() - start)
            return answer

        try:
            yield from run_batch(images, process, workers)
        finally:
            self._network.give_back(workers)

    def _answer(self, backend: ClassifierBackend, network_input: Image) -> Classification:
        return Classification(backend.run(network_input), self.classes)


def _as_it_is(item: Any) -> Any:
    return item
