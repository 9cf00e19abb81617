"""The second stage: a detector finds a bird, a classifier says which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import tee

from detector.classification import Classification, NamedScore
from detector.detections import Detections
from detector.errors import ArgumentError
from detector.image_kinds import ImageLike, check_several, to_image
from detector.images import Image
from detector.input_sizes import SizeHW
from detector.labels import find_classes
from detector.preprocess import crop_object
from detector.runtime.classifier import Classifier
from detector.runtime.detector import Detector

LEAST_KIND = 0.5  # probability of a name that is given


class SecondStage:
    """A detector, and classifiers that give the objects of some of its classes their finer names.

    Each such object is cut out with some of its surroundings (``crop_object``) and shown to the classifier of
    its class. What is likely enough becomes its kind in ``Detections.kinds``; its class stays as it is.

    >>> from detector import Classifier, Detector, SecondStage
    >>> stage = SecondStage(Detector.load(), {"bird": Classifier.load("runs/birds")})  # doctest: +SKIP
    >>> stage.detect("garden.jpg").kinds  # doctest: +SKIP
    (NamedScore(name='robin', score=0.93), None)

    ``LivePipeline`` takes one in place of a detector; see ``TrackKinds`` for what it does there.

    Args:
        detector: finds the objects.
        classifiers: by the name of one of the detector's classes.
        least: probability from which on a name is given, in [0, 1].

    Attributes:
        detector, least: as given.
        classifiers: by the class's name as the detector has it.

    Raises:
        ModelError: the detector has no such class.
        ArgumentError: no classifier, something else than one, two for one class, or another ``least``.
    """

    def __init__(
        self, detector: Detector, classifiers: Mapping[str, Classifier], *, least: float = LEAST_KIND
    ) -> None:
        if not hasattr(detector, "detect_batch"):
            raise ArgumentError(f"Expected a Detector, got {type(detector).__name__}")
        given = list(classifiers.values()) if isinstance(classifiers, Mapping) else [classifiers]
        if not (given and all(hasattr(each, "classify_crops") for each in given)):
            got = ", ".join(sorted({type(each).__name__ for each in given})) or "none"
            raise ArgumentError(
                'Expected classifiers by the class that each is for, such as {"bird": Classifier.load("runs/'
                f'birds")}}, got {got}'
            )
        if not 0 <= least <= 1:
            raise ArgumentError(f"Expected least to be a probability from 0 to 1, got {least}")
        self.detector = detector
        self.least = least
        self.classifiers: dict[str, Classifier] = {}
        for name, classifier in classifiers.items():
            own = detector.spec.classes[find_classes([name], detector.spec.classes)[0]]
            if own not in detector.classes:
                raise ArgumentError(
                    f"The detector does not look for {own!r}, which there is a classifier for"
                )
            if own in self.classifiers:
                raise ArgumentError(f"There are two classifiers for the class {own!r}; give one")
            self.classifiers[own] = classifier

    def __repr__(self) -> str:
        named = ", ".join(f"{name}: {each.spec.name}" for name, each in self.classifiers.items())
        return f"<SecondStage of {self.detector!r}; {named}>"

    @property
    def input_sizes(self) -> tuple[SizeHW, ...]:
        """Those of the detector."""
        return self.detector.input_sizes

    def detect(self, image: ImageLike) -> Detections:
        """The objects in one image, as ``Detector.detect`` finds them, each with its kind."""
        pixels = to_image(image)
        return self.add_kinds(pixels, self.detector.detect(image))

    def detect_batch(self, images: Iterable[ImageLike]) -> Iterator[Detections]:
        """The objects in each of many images, in order, as ``Detector.detect_batch`` finds them, each with
        its kind.
        """
        check_several(images)
        ahead, again = tee(images)
        for found, image in zip(self.detector.detect_batch(ahead), again, strict=False):
            yield self.add_kinds(image, found)

    def add_kinds(self, image: ImageLike, detections: Detections, *, most: int | None = None) -> Detections:
        """The same detections with their kinds.

        Args:
            image: what they were found in, as for ``Detector.detect``; read where there is something to name.
            detections: of this detector.
            most: how many are looked at, the largest first; None for all.
        """
        names = detections.names
        rows = [row for row, name in enumerate(names) if name in self.classifiers]
        sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
        rows = sorted(rows, key=lambda row: -float(sides[row].prod()))[:most]
        kinds: list[NamedScore | None] = [None] * len(detections)
        if rows:
            pixels = to_image(image)
            for row in rows:
                answer = classify_object(self.classifiers[names[row]], pixels, detections, row)
                kinds[row] = None if answer is None else likely_kind(answer, self.least)
        return replace(detections, kinds=tuple(kinds))


def classify_object(
    classifier: Classifier, image: Image, detections: Detections, row: int
) -> Classification | None:
    """What a classifier says of one detection; None of one that has nothing of the image."""
    crop = crop_object(image, detections.boxes[row])
    return None if crop is None else classifier.classify(crop)


def likely_kind(answer: Classification, least: float) -> NamedScore | None:
    """The likeliest name, if it is likely enough."""
    return NamedScore(answer.name, answer.score) if answer.score >= least else None
