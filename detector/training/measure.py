"""What says how good weights are: AP of a detector, accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detector.classifier_spec import ClassifierSpec
from detector.spec import ModelSpec


@dataclass(frozen=True)
class Measure:
    """The numbers that are told; all are in [0, 1].

    Attributes:
        key: of the number that chooses the best weights, among the metrics.
        second_key: of one that is told beside it.
        second_name: what that is called in words; the first is called by its key.
    """

    key: str
    second_key: str
    second_name: str

    @property
    def title(self) -> str:
        """What the first is called at the beginning of a sentence."""
        return f"{self.key[0].upper()}{self.key[1:]}"

    def describe(self, metrics: Mapping[str, float]) -> str:
        """Both numbers in percent, with two digits."""
        first, second = 100 * metrics[self.key], 100 * metrics[self.second_key]
        return f"{self.key} {first:.2f}, {self.second_name} {second:.2f}"


AP = Measure("AP", "AP50", "AP50")
ACCURACY = Measure("accuracy", "balanced_accuracy", "balanced accuracy")


def measure_of(spec: ModelSpec | ClassifierSpec) -> Measure:
    """That of a network."""
    return ACCURACY if isinstance(spec, ClassifierSpec) else AP
