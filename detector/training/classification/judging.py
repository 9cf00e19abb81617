"""How good a classifier's weights are, as ``ssdlite eval`` measures them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import Dataset
from detector.evaluation.classification import ClassificationResult
from detector.evaluation.classifier_evaluation import classify_dataset
from detector.formats.tflite.classifier import build_classifier_tflite
from detector.runtime.classifier import Classifier
from detector.weights import Weights


@dataclass(frozen=True)
class Judgement:
    """What weights said of named pictures.

    Attributes:
        result: of each picture.
    """

    result: ClassificationResult

    @property
    def summary(self) -> dict[str, float]:
        """The numbers that a run's history has, in [0, 1]."""
        return {"accuracy": self.result.accuracy, "balanced_accuracy": self.result.balanced_accuracy}

    @property
    def images(self) -> int:
        """Number of pictures."""
        return len(self.result.names)

    def save(self, folder: Path, settings: Mapping[str, object]) -> None:
        """Write ``metrics.json`` and ``predictions.json`` into a folder."""
        self.result.save(folder, settings)


def judge_weights(weights: Weights, spec: ClassifierSpec, dataset: Dataset) -> Judgement:
    """What weights say of the pictures of a dataset, in LiteRT.

    Raises:
        ImageError: a picture cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(build_classifier_tflite(weights, spec))
        return Judgement(classify_dataset(Classifier.load(path, say=None), dataset))
