"""The network that classes are kept of: what it makes of the images is what they are held by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detector.any_size import resize_network
from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.labels import COCO_CLASSES, listing, normalise_name
from detector.spec import ModelSpec
from detector.training.config import ConfigError, ExperimentConfig
from detector.training.initial_weights import is_of_detector, weights_file
from detector.weights import Weights, load_weights, select_classes

_TRAINED = 0.9  # share of what training has made of the weights


@dataclass(frozen=True)
class Teacher:
    """The initial weights with the kept classes alone.

    Attributes:
        weights: at the input size that is trained at.
        spec: what network they are of; its classes are those that are kept.
        name: what the model is called.
    """

    weights: Weights
    spec: ModelSpec
    name: str

    def columns_in(self, spec: ModelSpec) -> list[int]:
        """The column of each kept class in the logits of a network that has them all."""
        column_of = {normalise_name(name): column for column, name in enumerate(spec.classes, start=1)}
        return [column_of[normalise_name(name)] for name in self.spec.classes]

    def draw_back(self, weights: Weights, spec: ModelSpec) -> dict[str, FloatArray]:
        """Trained weights on the way back to the teacher's: a mean of both, new columns as they are.

        Some of what few images have moved, without need, is taken back: the kept classes gain more by it than
        the new ones lose.

        Source: Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, 2022.
        """
        drawn = {}
        for key, trained in weights.items():
            theirs = np.asarray(self.weights[key])
            if theirs.shape == trained.shape:
                drawn[key] = _mean(trained, theirs)
                continue
            # Of a class head: kept columns have their places, and background takes no part.
            own, old = (
                values.reshape(*values.shape[:-1], -1, len(each.classes) + 1)
                for values, each in ((trained, spec), (theirs, self.spec))
            )
            mixed = own.copy()
            columns = self.columns_in(spec)
            mixed[..., columns] = _mean(own[..., columns], old[..., 1:])
            drawn[key] = mixed.reshape(trained.shape)
        return drawn


def _mean(trained: FloatArray, theirs: FloatArray) -> FloatArray:
    # In this form, what is the same in both stays the very same: frozen layers.
    return np.asarray(theirs + _TRAINED * (trained - theirs), np.float32)


def load_teacher(config: ExperimentConfig, say: Callable[[str], None]) -> Teacher | None:
    """The network whose classes ``training.keep_classes`` keeps; None where none are kept.

    Args:
        config: its input size is decided.
        say: takes a line for what takes time.

    Raises:
        ConfigError: the initial weights have no such classes, or ``model.classes`` leaves no room for them.
        WeightsError: they cannot be had.
    """
    training, wanted = config.training, config.training.keep_classes
    if wanted == "none":
        return None
    if config.model.classes != "dataset":
        raise ConfigError(
            "training.keep_classes adds kept classes to those of the dataset: leave out model.classes."
        )
    if not is_of_detector(training.initial_weights):
        raise ConfigError(
            f"training.keep_classes keeps classes of the initial weights, and training.initial_weights="
            f"{training.initial_weights} has none; start from released, a training run or a .npz file."
        )
    weights: Weights
    weights, spec = load_weights(weights_file(training.initial_weights, say))
    name = spec.name
    weights, spec = resize_network(weights, spec, config.model.input_hw)
    known = {normalise_name(each) for each in spec.classes}
    names = [each for each in COCO_CLASSES if normalise_name(each) in known] if wanted == "coco" else wanted
    if not names:
        raise ConfigError(
            f"training.keep_classes is coco, and {name} has no class of COCO; it has {listing(spec.classes)}."
        )
    try:
        return Teacher(*select_classes(weights, spec, names), name)
    except ModelError as error:
        raise ConfigError(f"training.keep_classes: {error}") from error
