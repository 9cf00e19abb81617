"""All that can be said of detections on a dataset, gathered once for the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.evaluation.assignment import assign
from detector.evaluation.bootstrap import (
    ROUNDS,
    Bootstrapped,
    Interval,
    bootstrap,
    draw_resamples,
    interval_of,
)
from detector.evaluation.calibration import Calibration, calibrate
from detector.evaluation.coco_metrics import METRICS, CocoMetrics
from detector.evaluation.measure import AREA_RANGES, build_range
from detector.evaluation.outcomes import Matrix, Outcomes, build_matrix, find_outcomes
from detector.evaluation.slices import (
    Slice,
    build_parts,
    build_size_parts,
    measure_light,
    measure_slices,
)
from detector.evaluation.tables import Doubles, Tables, build_tables
from detector.evaluation.thresholds import Judged, Operating, f1_curve, find_operating_points, judge
from detector.evaluation.tide import ErrorCosts, find_error_costs

_SLICE_WORK = 100_000_000  # detections times rounds; more would take minutes
_LEAST_ROUNDS = 100


@dataclass(frozen=True)
class ClassFacts:
    """What is known of a class.

    Attributes:
        name: of the class.
        images, objects: how many it has; crowds do not count.
        detections: over the threshold.
        ap, ap50, ar: in [0, 1], with 95 % intervals.
        threshold: the one that counts: its own, or the overall one.
        best: its own best threshold; None where there are too few objects for one.
        beyond_chance: whether its AP differs from the mean of all classes by more than chance: 1 above,
            -1 below, 0 neither.
    """

    name: str
    images: int
    objects: int
    detections: int
    ap: Interval
    ap50: Interval
    ar: Interval
    threshold: float
    best: Operating | None
    beyond_chance: int


@dataclass(frozen=True)
class Curves:
    """Precision over recall, and F1 over the score.

    Attributes:
        precision: (T, K, 101) at recall 0, .01 ... 1; NaN for a class without objects.
        f1, f1_precision, f1_recall: (101,) of all detections together, at score 0, .01 ... 1.
        class_f1: (K, 101).
    """

    precision: Doubles
    f1: Doubles
    f1_precision: Doubles
    f1_recall: Doubles
    class_f1: Doubles


@dataclass(frozen=True)
class Analysis:
    """The facts of a report.

    Attributes:
        tables: objects and detections.
        dataset: where they come from.
        coco: the numbers of pycocotools.
        disagreement: the greatest difference between them and those that the intervals belong to.
        rounds: of the bootstrap.
        slice_rounds: the same for slices; fewer where there are very many detections.
        summary: the 12 numbers with 95 % intervals.
        area_objects: objects in COCO's ranges ``small``, ``medium``, ``large``.
        classes: those that have objects, as the dataset orders them.
        without_objects: names of the others that took part.
        sizes, slices: parts of the data.
        operating: the best threshold of all detections together.
        causes: why AP is next to nothing, where it is.
    """

    tables: Tables
    dataset: Dataset
    coco: CocoMetrics
    disagreement: float
    rounds: int
    slice_rounds: int
    summary: dict[str, Interval]
    area_objects: dict[str, int]
    classes: list[ClassFacts]
    without_objects: list[str]
    sizes: list[Slice]
    slices: list[Slice]
    curves: Curves
    operating: Operating
    outcomes: Outcomes
    matrix: Matrix
    errors: ErrorCosts
    calibration: Calibration
    causes: list[str]

    @property
    def thresholds(self) -> dict[str, float]:
        """The best threshold by class, of the classes that have objects."""
        return {facts.name: facts.threshold for facts in self.classes}


def analyse(
    dataset: Dataset,
    detections: Sequence[Result],
    category_ids: Iterable[int],
    coco: CocoMetrics,
    *,
    rounds: int = ROUNDS,
    causes: Sequence[str] = (),
) -> Analysis:
    """Everything that the report tells.

    Args:
        dataset: image files that are absent cost the slices by light.
        coco: the numbers of pycocotools on the same.
        causes: why an AP next to nothing is so low.
    """
    tables = build_tables(dataset, detections, category_ids)
    resamples = draw_resamples(len(tables.images), rounds)
    sampled = bootstrap(tables, resamples)
    assignment = assign(tables, tables.objects.crowd)
    judged = judge(tables, assignment)
    operating, points = find_operating_points(judged)
    thresholds = np.array([point.threshold if point else operating.threshold for point in points])
    outcomes = find_outcomes(tables, assignment, thresholds)
    slice_rounds = min(rounds, max(_LEAST_ROUNDS, _SLICE_WORK // max(1, len(tables.found.score))))
    parts = build_parts(tables, dataset, measure_light(tables.images))
    ours = {name: float(value) for name, value in zip(METRICS, sampled.whole.summary[0], strict=True)}
    return Analysis(
        tables=tables,
        dataset=dataset,
        coco=coco,
        disagreement=max(abs(np.nan_to_num(ours[name], nan=-1) - coco.summary[name]) for name in METRICS),
        rounds=rounds,
        slice_rounds=slice_rounds,
        summary={
            name: sampled.interval(column, images=len(tables.images)) for column, name in enumerate(METRICS)
        },
        area_objects=_count_areas(tables),
        classes=_build_classes(tables, sampled, outcomes, points, thresholds),
        without_objects=[
            name for name, count in zip(tables.classes, judged.objects.tolist(), strict=True) if not count
        ],
        sizes=measure_slices(tables, build_size_parts(tables), resamples[:slice_rounds]),
        slices=measure_slices(tables, parts, resamples[:slice_rounds]),
        curves=_build_curves(tables, judged),
        operating=operating,
        outcomes=outcomes,
        matrix=build_matrix(tables, outcomes),
        errors=find_error_costs(tables, assignment),
        calibration=calibrate(judged, len(tables.images), resamples),
        causes=list(causes),
    )


def _count_areas(tables: Tables) -> dict[str, int]:
    area = tables.objects.area[~tables.objects.crowd]
    return {
        name: int(((area >= low) & (area <= high)).sum())
        for name, (low, high) in AREA_RANGES.items()
        if name != "all"
    }


def _build_classes(
    tables: Tables,
    sampled: Bootstrapped,
    outcomes: Outcomes,
    points: Sequence[Operating | None],
    thresholds: Doubles,
) -> list[ClassFacts]:
    objects = tables.objects
    shown = np.bincount(tables.found.label[outcomes.shown], minlength=len(tables.classes))
    facts = []
    for label, name in enumerate(tables.classes):
        own = (objects.label == label) & ~objects.crowd
        if not own.any():
            continue
        whole, rounds, images = sampled.whole, sampled.rounds, len(np.unique(objects.image[own]))
        ap, ap50, ar = (sampled.class_interval(name, label, images=images) for name in ("ap", "ap50", "ar"))
        difference = interval_of(
            float(whole.ap[0, label] - whole.summary[0, 0]),
            rounds.ap[:, label] - rounds.summary[:, 0],
            images=images,
        )
        facts.append(
            ClassFacts(
                name=name,
                images=images,
                objects=int(own.sum()),
                detections=int(shown[label]),
                ap=ap,
                ap50=ap50,
                ar=ar,
                threshold=float(thresholds[label]),
                best=points[label],
                beyond_chance=int(difference.low > 0) - int(difference.high < 0),
            )
        )
    return facts


def _build_curves(tables: Tables, judged: Judged) -> Curves:
    everything = build_range(tables, *AREA_RANGES["all"])
    curve = everything.curve(np.ones((1, len(tables.images))))
    class_f1 = np.array(
        [
            f1_curve(judged.score[judged.label == label], judged.right[judged.label == label], count)[0]
            for label, count in enumerate(judged.objects.tolist())
        ]
    ).reshape(len(tables.classes), -1)
    overall = f1_curve(judged.score, judged.right, int(judged.objects.sum()))
    return Curves(everything.precision_at_recall(curve), *overall, class_f1)
