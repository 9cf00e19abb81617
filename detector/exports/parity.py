"""Whether an exported file finds what the network finds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.boxes import FloatArray, intersection_over_union, xywh_to_xyxy
from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.evaluation.comparison import Difference, compare_detections
from detector.system.terminal import counted

LEAST_SCORE = 0.1  # of the network's detections that are looked for
# A detection is the same one where it overlaps by this much and keeps this share of its score.
_SAME_IOU = 0.5
_SAME_SCORE = 0.5
# Points of AP that an export may lose, and the least share of detections that it has to find again where
# AP cannot tell.
MAX_AP_DROP = {"none": 0.1, "fp16": 0.2, "int8": 1.0}
MIN_FOUND_AGAIN = {"none": 0.99, "fp16": 0.98, "int8": 0.95}

Found = Sequence[Result]


@dataclass(frozen=True)
class Verdict:
    """Whether an export may be used.

    Attributes:
        fault: why it must not; None if it may.
        note: by what that was decided, where it was not AP though there are annotations.
    """

    fault: str | None
    note: str | None = None


@dataclass(frozen=True)
class Parity:
    """What an export finds, beside what the network finds.

    Attributes:
        images: how many both looked at.
        ap: AP of network and export, and the difference; None without annotations.
        detections: how many the network shows, at ``LEAST_SCORE``.
        found_again: how many of them the export finds: same class, IoU .5 or more.
        added: how many the export shows and the network does not find.
        ious: of each detection that was found again with the export's.
        score_shifts: of the same, the export's score minus the network's.
    """

    images: int
    ap: Difference | None
    detections: int
    found_again: int
    added: int
    ious: FloatArray
    score_shifts: FloatArray

    columns = ("AP, 95 % interval", "found again", "others")

    def judge(self, precision: str, max_ap_drop: float | None = None) -> Verdict:
        """Whether the export may be used.

        AP decides where it can tell: the whole 95 % interval of the loss is on one side of the limit. On few
        images it often reaches over the limit, or there is none; then what is found again decides. Where
        the network shows nothing that could be found again, AP as measured decides.

        Args:
            precision: of the export; has limits of its own.
            max_ap_drop: points of AP in place of that limit.
        """
        if self.ap is None:
            return Verdict(self._find_fault(precision))
        most = MAX_AP_DROP[precision] if max_ap_drop is None else max_ap_drop
        gap = self.ap.difference
        loss, least, greatest = -100 * gap.value, -100 * gap.high, -100 * gap.low
        if not self.detections:
            return self._judge_by_ap(loss, most, unsure=not (greatest <= most or least > most))
        if greatest <= most:
            return Verdict(None)
        if least > most:
            return Verdict(
                f"it loses {loss:.2f} points of AP, {least:.2f} at the least, and may lose {most:g}; "
                f"--max-ap-drop {math.ceil(greatest)} lets it pass"
            )
        fault = self._find_fault(precision)
        if fault and math.isfinite(greatest):
            fault += f"; --max-ap-drop {math.ceil(greatest)} lets it pass"
        return Verdict(
            fault,
            f"Whether AP falls by more than the limit of {most:g} cannot be told from so few images: "
            "what is found again decides.",
        )

    @staticmethod
    def _judge_by_ap(loss: float, most: float, *, unsure: bool) -> Verdict:
        fault = None
        if loss > most:
            fault = (
                f"it loses {loss:.2f} points of AP and may lose {most:g}; --max-ap-drop {math.ceil(loss)} "
                "lets it pass"
            )
        note = (
            f"Whether AP falls by more than {most:g} points cannot be told from so few images, and the "
            f"network finds nothing of score {LEAST_SCORE:g} to look for: AP as it was measured decides."
        )
        return Verdict(fault, note if unsure else None)

    def _find_fault(self, precision: str) -> str | None:
        least = MIN_FOUND_AGAIN[precision]
        if self.found_again < least * self.detections:
            return (
                f"it finds {self.found_again} of the network's {self.detections} detections again and should "
                f"find {100 * least:g} %"
            )
        if self.added > (1 - least) * self.detections + 1:
            return f"it adds {counted(self.added, 'detection')} to the network's {self.detections}"
        return None

    def lines(self) -> list[str]:
        """What moved and by how much, for the terminal."""
        lines = [] if self.ap is None else [f"AP      {points(self.ap, '95 % interval ')}"]
        lines.append(
            f"found   {self.found_again} of the network's {self.detections} detections of score "
            f"{LEAST_SCORE:g} or more, {counted(self.added, 'other')}"
        )
        if self.found_again:
            lines += [
                f"boxes   IoU {np.median(self.ious):.3f} in the median, {self.ious.min():.3f} at the least",
                f"scores  moved by {np.median(np.abs(self.score_shifts)):.4f} in the median, "
                f"{np.abs(self.score_shifts).max():.4f} at most",
            ]
        return lines

    @property
    def brief(self) -> str:
        """The same in a few words."""
        ap = "" if self.ap is None else f"AP {points(self.ap)}, "
        return f"{ap}{self.found_again} of {self.detections} detections found again"

    def cells(self) -> tuple[str, ...]:
        """The same, for the ``columns`` of a table."""
        return (
            "" if self.ap is None else points(self.ap),
            f"{self.found_again} of {self.detections}",
            str(self.added),
        )


def points(change: Difference, label: str = "") -> str:
    """A number before and after, in points, with the interval of the difference, after its label, where there
    is one.
    """
    first, second, gap = (100 * side.value for side in (change.first, change.second, change.difference))
    low, high = 100 * change.difference.low, 100 * change.difference.high
    interval = f", {label}{low:+.2f} to {high:+.2f}" if np.isfinite(low) else ""
    return f"{first:.2f} -> {second:.2f} ({gap:+.2f}{interval})"


def measure_parity(
    dataset: Dataset, network: Found, export: Found, *, category_ids: Iterable[int] | None
) -> Parity:
    """Compare what a network and its export have found.

    Args:
        dataset: the images, and the annotations if there are any.
        network, export: COCO's result objects.
        category_ids: the categories that AP is computed for; None where there are no annotations.
    """
    pairs, detections = _pair(network, export)
    shared, shown_by_export = _pair(export, network)
    ap = None
    if category_ids is not None:
        ap = compare_detections(dataset, network, export, category_ids=category_ids).summary["AP"]
        if not np.isfinite(ap.difference.value):  # there is no object of these categories
            ap = None
    return Parity(
        images=len(dataset.images),
        ap=ap,
        detections=detections,
        found_again=len(pairs),
        added=shown_by_export - len(shared),
        ious=pairs[:, 0],
        score_shifts=pairs[:, 1],
    )


def _pair(shown: Found, among: Found) -> tuple[FloatArray, int]:
    """(M, 2) IoU and difference of scores of the shown detections that are found among others; and how many
    are shown. Each of the others is taken once, by the best of the shown ones first.
    """
    by_place: dict[tuple[int, int], list[Result]] = defaultdict(list)
    for detection in among:
        if detection["score"] >= _SAME_SCORE * LEAST_SCORE:
            by_place[detection["image_id"], detection["category_id"]].append(detection)
    wanted = sorted((d for d in shown if d["score"] >= LEAST_SCORE), key=lambda d: -d["score"])
    pairs = []
    for detection in wanted:
        others = by_place[detection["image_id"], detection["category_id"]]
        if not others:
            continue
        ious = intersection_over_union(_boxes([detection]), _boxes(others))[0]
        best = int(ious.argmax())
        if ious[best] >= _SAME_IOU and others[best]["score"] >= _SAME_SCORE * detection["score"]:
            pairs.append((float(ious[best]), others.pop(best)["score"] - detection["score"]))
    return np.array(pairs, np.float32).reshape(-1, 2), len(wanted)


def _boxes(detections: Found) -> FloatArray:
    return xywh_to_xyxy(np.array([detection["bbox"] for detection in detections], np.float32))
