"""Whether an exported classifier gives pictures the names that its network gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.evaluation.comparison import Difference
from detector.evaluation.proportion import paired_difference, share
from detector.exports.parity import MAX_AP_DROP, MIN_FOUND_AGAIN, Verdict, points
from detector.system.terminal import counted

# By how much the first class has to lead the second for the network to be sure of a picture. What int8 moves
# is less; of pictures that are nearly even, it changes many first classes and loses nothing by it.
SURE = 0.2
# How far a probability may move. In float32 that is rounding in another order: 5e-6 was the most that was
# measured on ImageNet's 1,000 classes, and float16 kernels moved 0.013 there. int8 has no such limit.
MAX_SHIFT = {"none": 1e-3, "fp16": 0.1, "int8": math.inf}


@dataclass(frozen=True)
class ClassifierParity:
    """What an export answers, beside what the network answers.

    Attributes:
        images: how many both were shown.
        accuracy: of network and export, and the difference; None without names to compare with.
        sure: of how many pictures the network is sure: the first class leads by ``SURE``.
        same: how many of them have the same first class in the export.
        others_same: how many of the other pictures have.
        shifts: (images,) by how much a probability of each differs at most.
    """

    images: int
    accuracy: Difference | None
    sure: int
    same: int
    others_same: int
    shifts: FloatArray

    columns = ("accuracy, 95 % interval", "same class", "probabilities moved by")

    def judge(self, precision: str, max_drop: float | None = None) -> Verdict:
        """Whether the export may be used.

        Probabilities must not move further than ``MAX_SHIFT``. Then accuracy decides where it can tell: the
        whole 95 % interval of the loss is on one side of the limit. Where it cannot, or there are no names,
        the share of pictures with the same first class decides, of those that the network is sure of; where
        it is sure of none, accuracy as measured.

        Args:
            precision: of the export; has limits of its own, which are those of detectors.
            max_drop: points of accuracy in place of that limit.
        """
        farthest, limit = self.shifts.max(), MAX_SHIFT[precision]
        if farthest > limit:
            return Verdict(f"it moves a probability by {farthest:.4f} and may move it by {limit:g}")
        if self.accuracy is None or self.same + self.others_same == self.images:
            return Verdict(self._find_fault(precision))
        most = MAX_AP_DROP[precision] if max_drop is None else max_drop
        gap = self.accuracy.difference
        loss, least, greatest = -100 * gap.value, -100 * gap.high, -100 * gap.low
        if greatest <= most:
            return Verdict(None)
        lost = f"it loses {loss:.2f} points of accuracy"
        if least > most:
            return Verdict(f"{lost}, {least:.2f} at the least, and may lose {most:g}; {_escape(greatest)}")
        note = f"Whether accuracy falls by more than {most:g} points cannot be told from so few pictures"
        if self.sure:
            fault = self._find_fault(precision)
            return Verdict(
                fault and f"{fault}; {_escape(greatest)}",
                f"{note}: how many keep their class decides.",
            )
        return Verdict(
            f"{lost} and may lose {most:g}; {_escape(loss)}" if loss > most else None,
            f"{note}, and the network is sure of none of them: accuracy as it was measured decides.",
        )

    def _find_fault(self, precision: str) -> str | None:
        least = MIN_FOUND_AGAIN[precision]
        if self.same >= least * self.sure:
            return None
        return (
            f"it gives {self.same} of the {counted(self.sure, 'picture')} that the network is sure of the "
            f"same class and should give it to {100 * least:g} %"
        )

    def lines(self) -> list[str]:
        """What moved and by how much, for the terminal."""
        lines = [] if self.accuracy is None else [f"accuracy       {points(self.accuracy, '95 % interval ')}"]
        return [
            *lines,
            f"same class     {self.same} of the {counted(self.sure, 'picture')} that the network is sure of, "
            f"{self.others_same} of the {counted(self.images - self.sure, 'other')}",
            f"probabilities  moved by {np.median(self.shifts):.4f} in the median, {self.shifts.max():.4f} at "
            "most",
        ]

    @property
    def brief(self) -> str:
        """The same in a few words."""
        accuracy = "" if self.accuracy is None else f"accuracy {points(self.accuracy)}, "
        return f"{accuracy}{self.same} of {counted(self.sure, 'picture')} of the same class"

    def cells(self) -> tuple[str, ...]:
        """The same, for the ``columns`` of a table."""
        return (
            "" if self.accuracy is None else points(self.accuracy),
            f"{self.same} of {self.sure}",
            f"{self.shifts.max():.4f}",
        )


def measure_classifier_parity(
    network: FloatArray, export: FloatArray, truth: NDArray[np.int64] | None
) -> ClassifierParity:
    """Compare what a network and its export answer.

    Args:
        network, export: (N, K) probabilities.
        truth: (N,) the right class of each picture, -1 where it is none of these; None where none is known.
    """
    first, others = network.argmax(axis=1), export.argmax(axis=1)
    if network.shape[1] > 1:
        second, best = np.partition(network, -2, axis=1)[:, -2:].T
        sure = best - second >= SURE
    else:
        sure = np.ones(len(network), bool)
    accuracy = None
    if truth is not None and (truth >= 0).any():
        known = truth >= 0
        before, after = (answers[known] == truth[known] for answers in (first, others))
        count = int(known.sum())
        accuracy = Difference(
            share(int(before.sum()), count),
            share(int(after.sum()), count),
            paired_difference(int((before & ~after).sum()), int((after & ~before).sum()), count),
        )
    return ClassifierParity(
        images=len(network),
        accuracy=accuracy,
        sure=int(sure.sum()),
        same=int((sure & (first == others)).sum()),
        others_same=int((~sure & (first == others)).sum()),
        shifts=np.abs(export - network).max(axis=1),
    )


def _escape(loss: float) -> str:
    return f"--max-ap-drop {math.ceil(loss)} lets it pass"
