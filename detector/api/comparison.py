"""``compare``: what `ssdlite compare` does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from detector.api.evaluation import Evaluation
from detector.api.inputs import (
    EvaluationOptions,
    LoadOptions,
    Rows,
    Say,
    as_dataset,
    open_detector,
    read_detections,
    refuse_unknown,
    select,
)
from detector.data.annotations import Result
from detector.data.dataset import Dataset, load_dataset_image
from detector.errors import DatasetError
from detector.evaluation.bootstrap import ROUNDS
from detector.evaluation.comparison import Comparison as Differences
from detector.evaluation.comparison import compare_detections, show_difference, show_interval
from detector.evaluation.evaluate import detect_dataset, match_categories
from detector.evaluation.measure import nan_to_minus_1
from detector.image_kinds import ImageLike
from detector.input_sizes import describe_sizes
from detector.runtime import Detector
from detector.runtime.arguments import check_whole
from detector.system.bounds import as_path
from detector.system.files import replacing
from detector.system.html_table import html_table
from detector.system.progress import bars_wanted
from detector.system.terminal import counted, ignore
from detector.system.timing import Timing, time_interleaved

if TYPE_CHECKING:
    from typing_extensions import Unpack

Side = str | Path | Detector | Evaluation | Rows

TOLERANCE = 0.5  # points of AP
_TIMED_ROUNDS = 50


@dataclass(frozen=True)
class _Found:
    """One of the two: what it is called, what it looks for, what it found; a detector if it is a model, which
    finds nothing before it looks.
    """

    name: str
    category_ids: frozenset[int]
    detections: list[Result] | None
    detector: Detector | None

    def look(self, coco: Dataset) -> list[Result]:
        """What it found, in images that a model looks at now."""
        if self.detections is not None:
            return self.detections
        assert self.detector is not None
        return detect_dataset(self.detector, coco).results


@dataclass(frozen=True, repr=False)
class Comparison(Differences):
    """What ``compare`` found: how the second, B, differs from the first, A, and whether it may be chance.

    Attributes:
        summary: the 12 COCO numbers by name, of both and of B minus A, in [0, 1], with 95 % intervals.
        classes: AP of those that have objects, the greatest loss first.
        images: those with another number of errors, the greatest loss first.
        names: of A and B.
        dataset: the images that were looked at, with their objects.
        rounds: resamplings of the images.
        detectors: those of A and B that are models, by letter.
    """

    names: tuple[str, str]
    dataset: Dataset
    rounds: int
    detectors: Mapping[str, Detector]

    def is_worse(self, tolerance: float = TOLERANCE) -> bool:
        """Whether B's AP is lower than A's by more than a tolerance, in points."""
        return 100 * self.summary["AP"].difference.value < -tolerance - 1e-9

    def time(self, frame: ImageLike | None = None, *, progress: bool = False) -> dict[str, Timing]:
        """Milliseconds of a frame of A and B in turns, by letter; empty where neither is a model.

        Args:
            frame: as ``Detector.detect`` takes it; the dataset's first image if none is given.
            progress: show progress bars, at a terminal.
        """
        if not self.detectors:
            return {}
        frame = load_dataset_image(self.dataset.images[0]) if frame is None else frame
        calls = {letter: partial(detector.detect, frame) for letter, detector in self.detectors.items()}
        with bars_wanted(progress):
            return time_interleaved(calls, _TIMED_ROUNDS)

    def save(
        self, path: str | Path, *, tolerance: float = TOLERANCE, latency: Mapping[str, Timing] | None = None
    ) -> None:
        """Write everything that was compared to a JSON file; -1 is what is undefined.

        Args:
            path: of the file.
            tolerance: see ``is_worse``, which the file tells.
            latency: of ``time``, to be told, too.

        Raises:
            DetectorError: the file cannot be written, or the disk is full.
        """
        record = {
            "A": self.names[0],
            "B": self.names[1],
            "tolerance": tolerance,
            "worse_by_more_than_tolerance": self.is_worse(tolerance),
            "input_size": {
                letter: describe_sizes(detector.input_sizes) for letter, detector in self.detectors.items()
            },
            "latency_ms": {letter: asdict(timing) for letter, timing in (latency or {}).items()},
            "summary": {name: asdict(each) for name, each in self.summary.items()},
            "classes": [asdict(each) for each in self.classes],
            "images": [asdict(each) for each in self.images],
        }
        with replacing(as_path("the file", path)) as temporary:
            temporary.write_text(json.dumps(nan_to_minus_1(record), indent=1))

    def __repr__(self) -> str:
        ap = self.summary["AP"]
        return (
            f"<Comparison of {self.names[1]} with {self.names[0]} on "
            f"{counted(len(self.dataset.images), 'image')}: AP {show_interval(ap.first).split()[0]} -> "
            f"{show_interval(ap.second).split()[0]}, {' '.join(show_difference(ap).split())}>"
        )

    def _repr_html_(self) -> str:
        return html_table(
            f"A: {self.names[0]}, B: {self.names[1]}, on {counted(len(self.dataset.images), 'image')}; in "
            f"percent, 95 % intervals from {self.rounds:,} resamplings",
            ("", "A", "B", "B minus A"),
            (
                (name, show_interval(each.first), show_interval(each.second), show_difference(each))
                if each.first.value == each.first.value
                else (name, "no such object", "", "")
                for name, each in self.summary.items()
            ),
        )


def compare(
    a: Side,
    b: Side,
    dataset: str | Path | Dataset | None = None,
    *,
    rounds: int = ROUNDS,
    say: Say | None = None,
    progress: bool = False,
    **options: Unpack[EvaluationOptions],
) -> Comparison:
    """How two models, or what they found, differ on the same images: a paired bootstrap.

    Only the categories that both look for take part.

    >>> from detector import Detector, compare
    >>> detector = Detector.load(score_threshold=None)
    >>> compare(detector, detector, rounds=100).is_worse()
    False

    Args:
        a, b: each a released model's name, a file or folder, a Detector, which is measured as it is set; an
            Evaluation on the same images; a ``.json`` file in COCO's results format, or what is in one.
        dataset: as ``load_dataset`` takes or gives it; None is the sample that comes with the package.
        rounds: resamplings of the images, for the intervals.
        say: takes a line for each thing that is worth knowing or takes time; None for silence.
        progress: show progress bars, at a terminal.
        options: as for ``evaluate``; those of ``Detector.load`` are for each model that is to be loaded.

    Raises:
        DatasetError: the dataset or the detections cannot be read, images are missing, there is no object of
            a class that both look for, or an Evaluation is of other images.
        DetectorError: a model cannot be had, or it cannot be run; see ``Detector.load``.
        ImageError: an image cannot be read.
        ValueError: options for a Detector.
    """
    refuse_unknown("compare", options, EvaluationOptions)
    check_whole("rounds", rounds)
    say = say or ignore
    with bars_wanted(progress):
        looks = _is_model(a) or _is_model(b)
        whole = as_dataset(dataset, images_needed=looks, say=say, progress=progress)
        coco, how = select(whole, options)
        # Both are opened before the first looks, which may take long.
        sides = first, second = [_open(side, whole, coco, how, say) for side in (a, b)]
        differences = _find_differences(first, second, coco, rounds, say)
    detectors = {letter: each.detector for letter, each in zip("AB", sides, strict=True) if each.detector}
    return Comparison(
        **vars(differences),
        names=(first.name, second.name),
        dataset=coco,
        rounds=rounds,
        detectors=detectors,
    )


def _is_model(side: Side) -> TypeGuard[str | Path | Detector]:
    """Whether it has to look at images; a file of detections, rows and an Evaluation have."""
    if isinstance(side, str | Path):
        return Path(side).suffix.lower() != ".json"
    return isinstance(side, Detector)


def _find_differences(first: _Found, second: _Found, coco: Dataset, rounds: int, say: Say) -> Differences:
    """How the two differ in the categories that both look for; DatasetError where none has an object."""
    common = first.category_ids & second.category_ids
    absent = [name for id_, name in coco.categories.items() if id_ not in common]
    if absent:
        say(f"Left out, because not both look for them: {', '.join(absent)}")
    differences = compare_detections(
        coco, first.look(coco), second.look(coco), category_ids=sorted(common), rounds=rounds
    )
    difference = differences.summary["AP"].difference.value
    if difference != difference:
        raise DatasetError(f"{coco.source} has no object of a class that both look for: nothing to compare.")
    return differences


def _open(side: Side, whole: Dataset, coco: Dataset, how: LoadOptions, say: Say) -> _Found:
    if isinstance(side, Evaluation):
        unseen = [image for image in coco.images if image.id not in side.file_names]
        if unseen or side.dataset.source != coco.source:
            raise DatasetError(
                f"The evaluation of {side.name} is of other images than those of {coco.source}."
            )
        return _Found(side.name, frozenset(side.category_ids), side.detections, side.detector)
    if _is_model(side):
        detector = open_detector(side, how, say)
        matched = frozenset(match_categories(detector.classes, coco.categories).values())
        name = detector.spec.name if isinstance(side, Detector) else str(side)
        return _Found(name, matched, None, detector)
    assert not isinstance(side, Detector)
    name = str(side) if isinstance(side, str | Path) else "detections"
    return _Found(name, frozenset(coco.categories), read_detections(side, whole, say), None)
