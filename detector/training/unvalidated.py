"""The model of all images: there are none left to validate on, so its last weights are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from detector.errors import DetectorError
from detector.system.files import replacing
from detector.training.history import HistoryEntry
from detector.training.manifest import NotWholeError, read_manifest, write_manifest
from detector.training.validation import Validation, to_tflite
from detector.weights import Weights, save_weights


class Unvalidated(Validation):
    """Keeps weights without an evaluation; their estimate is what the folds found, in the run's folder."""

    @property
    def exhausted(self) -> bool:
        """Never: nothing tells when to stop."""
        return False

    def try_speed(self, weights: Weights) -> None:
        """Nothing: there are no evaluations to take time."""

    def restore(self, history: Sequence[HistoryEntry], say: Callable[[str], None]) -> None:
        """Take over the weights that an interrupted run had kept, if they are whole."""
        try:
            facts = read_manifest(self._folder.best)
            self.best, self.best_from = float(facts["AP"]), str(facts["weights"])
        except (NotWholeError, LookupError, TypeError, ValueError):
            self.best = None  # the last step is kept again

    def __call__(self, weights: Weights, step: int) -> tuple[dict[str, float], bool]:
        """No numbers, and that these weights are the best: the later, the better."""
        words = f"step {step:,}"
        if not all(np.isfinite(values).all() for values in weights.values()):
            raise DetectorError(
                f"The network's weights are not finite any more at {words}; start a new run with a lower "
                "rate (--set optimizer.learning_rate=...)."
            )
        folder, spec = self._folder, replace(self._spec, card={**self._spec.card, "step": words})
        save_weights(folder.weights, weights, spec)
        with replacing(folder.tflite) as path:
            path.write_bytes(to_tflite(weights, spec))
        estimate = folder.load_estimate()
        files = (folder.weights, folder.tflite, folder.metrics, folder.detections)
        write_manifest(folder.best, files, {"AP": estimate, "weights": words})
        self.best, self.best_from = estimate, words
        return {}, True
