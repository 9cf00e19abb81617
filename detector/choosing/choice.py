"""The choice among pictures that were looked at, with the reasons for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.boxes import FloatArray
from detector.choosing.description import standardise
from detector.choosing.looks import Look
from detector.choosing.selection import select

UNSURE, MIRROR, SIZE, UNLIKE = "unsure", "mirror", "size", "unlike"

_BASE = 2.0  # worth of a picture of which there is no doubt, where doubts are 1 on average; see docs/loop.md
_OUTSTANDING = 0.75  # share of the pictures that have less of something, from which on it is a reason


@dataclass(frozen=True)
class Chosen:
    """A picture that was chosen.

    Attributes:
        position: of its look.
        reasons: of ``UNSURE``, ``MIRROR``, ``SIZE`` and ``UNLIKE``, the strongest first; at least one.
    """

    position: int
    reasons: tuple[str, ...]


def choose(looks: Sequence[Look], labelled: Sequence[FloatArray], count: int) -> list[Chosen]:
    """The pictures most worth labelling, in the order in which they are chosen.

    Args:
        looks: at each picture; of equal ones the first is taken.
        labelled: descriptions of the pictures that are labelled already.
        count: how many; all where there are fewer.
    """
    if not looks:
        return []
    described = standardise(np.stack([*(look.description for look in looks), *labelled]))
    doubts = relative_doubts(looks)
    worth = _BASE + np.mean(list(doubts.values()), axis=0)
    own, others = described[: len(looks)], described[len(looks) :]
    chosen = []
    for pick in select(worth, own, others, min(count, len(looks))):
        ranks = {reason: float((values < values[pick.position]).mean()) for reason, values in doubts.items()}
        ranks[UNLIKE] = pick.rank
        order = sorted(ranks, key=lambda reason: -ranks[reason])
        strong = [reason for reason in order if ranks[reason] >= _OUTSTANDING]
        chosen.append(Chosen(pick.position, tuple(strong or order[:1])))
    return chosen


def relative_doubts(looks: Sequence[Look]) -> dict[str, FloatArray]:
    """Each kind of doubt (N,) as a multiple of its mean over the pictures; 0 where there is none of it."""
    kinds = {
        UNSURE: [look.doubt for look in looks],
        MIRROR: [look.mirror for look in looks],
        SIZE: [look.size for look in looks],
    }
    relative = {}
    for kind, values in kinds.items():
        each = np.array(values, np.float32)
        relative[kind] = each / max(float(each.mean()), 1e-9)
    return relative
