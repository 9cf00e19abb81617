"""Evaluation while training, by the code of ``ssdlite eval``; the best weights are kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from detector.boxes import FloatArray
from detector.data.dataset import Dataset
from detector.evaluation.evaluate import Evaluation, evaluate
from detector.files import replacing
from detector.runtime import Detector
from detector.spec import ModelSpec
from detector.tflite.writer import build_tflite
from detector.training.run_folder import RunFolder
from detector.weights import Weights, save_weights


class Validation:
    """Evaluates weights on the validation images and keeps the best in the run's folder.

    Args:
        dataset: the validation images.
        spec: the network; its card says what it is trained on.
        folder: where the best weights and their metrics go.
        patience: evaluations without a better AP after which ``exhausted`` is true.
    """

    def __init__(self, dataset: Dataset, spec: ModelSpec, folder: RunFolder, patience: int) -> None:
        self.dataset = dataset
        self._spec = spec
        self._folder = folder
        self._patience = patience
        self._since_best = 0
        self.best: float | None = None
        self.best_step = 0

    @property
    def exhausted(self) -> bool:
        """Whether the last evaluations brought nothing better."""
        return self._since_best >= self._patience

    def restore(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Take over what an interrupted run had found."""
        for entry in history:
            if "AP" in entry:
                self._count(entry["AP"], entry["step"])

    def __call__(self, weights: Weights, step: int) -> tuple[dict[str, float], bool]:
        """The COCO numbers of weights, and whether they are the best so far; then they are saved."""
        evaluation = evaluate_weights(weights, self._spec, self.dataset)
        is_best = self._count(evaluation.metrics.summary["AP"], step)
        if is_best:
            self._save(weights, evaluation, step)
        return evaluation.metrics.summary, is_best

    def _count(self, ap: float, step: int) -> bool:
        # Without a positive AP nothing can be told apart yet, and the latest weights are the best guess.
        is_best = self.best is None or ap > self.best or self.best <= 0
        if is_best:
            self.best, self.best_step, self._since_best = ap, step, 0
        else:
            self._since_best += 1
        return is_best

    def _save(self, weights: Weights, evaluation: Evaluation, step: int) -> None:
        metrics = evaluation.metrics.summary
        measured = (
            f"{100 * metrics['AP']:.2f}, AP50 {100 * metrics['AP50']:.2f} on the {evaluation.images} "
            f"validation images, at step {step}"
        )
        spec = replace(self._spec, card={**self._spec.card, "AP": measured})
        save_weights(self._folder.weights, weights, spec)
        with replacing(self._folder.tflite) as path:
            path.write_bytes(build_tflite(weights, spec))
        evaluation.save(
            self._folder.root,
            {
                "model": spec.name,
                "step": step,
                "dataset": str(self.dataset.source),
                "split": self.dataset.split,
            },
        )


def evaluate_weights(weights: Mapping[str, FloatArray], spec: ModelSpec, dataset: Dataset) -> Evaluation:
    """The COCO numbers of weights, as ``ssdlite eval`` measures them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(build_tflite(weights, spec))
        return evaluate(Detector.load(path, score_threshold=None), dataset)
