"""What a config may say of the kind of network that the dataset trains, and what it may not."""

from __future__ import annotations

from detector.architecture import LOGITS, build_classifier
from detector.backbones import BACKBONES
from detector.classifier_spec import ClassifierSpec
from detector.training.config import AUTO, ClassifierConfig, ConfigError, ExperimentConfig, LossConfig


def check_detector_config(config: ExperimentConfig) -> None:
    """Raise ConfigError for a value that says something of classifiers alone."""
    usual = ClassifierConfig()
    for key, value in vars(config.classifier).items():
        if value != getattr(usual, key):
            raise ConfigError(
                f"classifier.{key} is of classifiers, and labels with boxes train a detector: leave it out."
            )
    if config.training.frozen_until == LOGITS:
        raise ConfigError(
            f"training.frozen_until is {LOGITS}, the last layer of a classifier, and labels with boxes train "
            "a detector: set it to `heads`, or leave it out."
        )


def check_classifier_config(config: ExperimentConfig) -> None:
    """Raise ConfigError for a value that says something of detectors alone, or a layer that there is not."""
    usual = LossConfig()
    for key, value in vars(config.loss).items():
        if value != getattr(usual, key):
            raise ConfigError(
                f"loss.{key} is of detectors, and a folder of pictures for each class trains a classifier: "
                "leave it out."
            )
    if config.training.keep_classes != "none":
        raise ConfigError(
            "training.keep_classes (--keep-classes) is of detectors, and a folder of pictures for each class "
            "trains a classifier: leave it out."
        )
    if config.augmentation.expand:
        raise ConfigError(
            "augmentation.expand makes objects smaller for a detector, and a folder of pictures for each "
            "class trains a classifier: leave it out."
        )
    model, first = config.model, config.training.frozen_until
    spec = ClassifierSpec("", ("a", "b"), (32, 32), model.backbone, float(model.width_multiplier))
    layers = [layer.name for layer in build_classifier(spec).layers if layer.kind != "mean"]
    if first not in (AUTO, "none", "heads", *layers):
        raise ConfigError(
            f"training.frozen_until is {first}, which a classifier does not have: expected `auto`, `none`, "
            f"`{LOGITS}` or a layer of {BACKBONES[model.backbone].title} such as "
            f"`{BACKBONES[model.backbone].much}`."
        )
