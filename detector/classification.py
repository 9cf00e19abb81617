"""What a classifier returns for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detector.boxes import FloatArray
from detector.system.terminal import printable


class NamedScore(NamedTuple):
    """A class that a picture may be of.

    Attributes:
        name: of the class.
        score: its probability, in [0, 1].
    """

    name: str
    score: float


@dataclass(frozen=True, eq=False, repr=False)
class Classification:
    """How likely a picture is of each class.

    Attributes:
        scores: (K,) float32, probabilities that add up to 1.
        classes: name of each class.
    """

    scores: FloatArray
    classes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The class with the greatest probability."""
        return self.classes[int(self.scores.argmax())]

    @property
    def score(self) -> float:
        """Its probability, in [0, 1]."""
        return float(self.scores.max())

    def top(self, count: int = 5) -> list[NamedScore]:
        """So many classes, or all where there are fewer, the likeliest first."""
        order = np.argsort(-self.scores, kind="stable")[:count]
        return [NamedScore(self.classes[each], float(self.scores[each])) for each in order]

    def __repr__(self) -> str:
        return f"<Classification: {', '.join(f'{printable(n)} {s:.2f}' for n, s in self.top())}>"
