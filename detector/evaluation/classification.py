"""INTERIM: to be replaced by the data piece's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.system.files import replacing


@dataclass(frozen=True, eq=False)
class ClassificationResult:
    """What a classifier said of named pictures."""

    classes: tuple[str, ...]
    names: tuple[str, ...]
    truth: NDArray[np.int64]
    scores: FloatArray

    @property
    def accuracy(self) -> float:
        """Share of the pictures that are named rightly."""
        return float((self.scores.argmax(axis=1) == self.truth).mean())

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the classes' recalls."""
        right = self.scores.argmax(axis=1) == self.truth
        return float(np.mean([right[self.truth == each].mean() for each in np.unique(self.truth)]))

    def save(self, folder: Path, settings: Mapping[str, object]) -> None:
        """Write metrics.json and predictions.json."""
        folder.mkdir(parents=True, exist_ok=True)
        numbers = {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "images": len(self.names),
            "settings": dict(settings),
        }
        rows = {"names": list(self.names), "truth": self.truth.tolist(), "scores": self.scores.tolist()}
        for name, content in (("predictions.json", rows), ("metrics.json", numbers)):
            with replacing(folder / name) as path:
                path.write_text(json.dumps(content))
