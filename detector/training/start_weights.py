"""The weights that a run of either kind starts from."""

from __future__ import annotations

from collections.abc import Callable

from detector.classifier_spec import ClassifierSpec
from detector.spec import ModelSpec
from detector.training.classification.initial_weights import load_classifier_weights
from detector.training.config import TrainingConfig
from detector.training.initial_weights import InitialWeights, load_initial_weights


def load_start(
    training: TrainingConfig, spec: ModelSpec | ClassifierSpec, say: Callable[[str], None]
) -> InitialWeights:
    """What ``training.initial_weights`` names, fitted to a network.

    Raises:
        WeightsError: it cannot be had, or is of another kind of network.
    """
    if isinstance(spec, ClassifierSpec):
        return load_classifier_weights(training.initial_weights, spec, seed=training.seed, say=say)
    return load_initial_weights(training.initial_weights, spec, seed=training.seed, say=say)
