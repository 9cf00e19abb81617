"""Where the training of a classifier starts: the backbone of a detector, ImageNet, or another classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from detector.architecture import LOGITS, build_classifier
from detector.classifier_spec import ClassifierSpec
from detector.errors import WeightsError
from detector.input_sizes import SizeHW
from detector.labels import normalise_name
from detector.pretrained.imagenet.files import fetch_imagenet
from detector.pretrained.releases import DEFAULT_MODEL, RELEASES
from detector.spec import ModelSpec
from detector.training.classification.plan import ClassifierPlan
from detector.training.config import AUTO, ExperimentConfig
from detector.training.initial_weights import (
    InitialWeights,
    check_backbone,
    is_of_detector,
    load_imagenet,
    weights_file,
)
from detector.weights import Weights, load_network

_NEW_CLASS_DEVIATION = 0.01


def load_classifier_weights(
    start: str, spec: ClassifierSpec, *, seed: int, say: Callable[[str], None] = print
) -> InitialWeights:
    """The weights that ``training.initial_weights`` names, fitted to the classes of a classifier.

    Of a detector its backbone is taken, of ImageNet's classifiers theirs, and of a classifier of this project
    the columns of the classes that both have, too.

    Args:
        start: ``released``, ``imagenet``, ``none``, a ``.npz`` file, the folder of a training run, or a file
            with a classifier of ImageNet.
        spec: the network to be trained.
        seed: of the columns of new classes.
        say: takes a line for what takes time.

    Raises:
        WeightsError: they cannot be had, or are of a network of another backbone or width.
    """
    if start == "none":
        return InitialWeights({}, "nothing: all weights are new", {})
    if not is_of_detector(start):
        found = load_imagenet(start, spec, say)
        return replace(found, weights={**found.weights, **_columns(spec, {}, (), seed)})
    path = weights_file(start, say)
    weights, source = load_network(path)
    check_backbone(str(path), source.backbone, spec.backbone)
    if source.width_multiplier != spec.width_multiplier:
        raise WeightsError(
            f"{path} is of width multiplier {source.width_multiplier:g} and the network to be trained of "
            f"{spec.width_multiplier:g}; start from weights of its kind, or from `imagenet` or `none`."
        )
    own = {key for key in build_classifier(spec).weight_shapes if not key.startswith(f"{LOGITS}/")}
    backbone = {key: values for key, values in weights.items() if key in own}
    if isinstance(source, ModelSpec):
        origin = f"the backbone of {source.name}"
        return InitialWeights({**backbone, **_columns(spec, {}, (), seed)}, origin, dict(source.card))
    known = {normalise_name(name) for name in source.classes}
    copied = tuple(name for name in spec.classes if normalise_name(name) in known)
    columns = _columns(spec, weights, source.classes, seed)
    return InitialWeights({**backbone, **columns}, source.name, dict(source.card), copied)


def settle_start(plan: ClassifierPlan, say: Callable[[str], None]) -> ClassifierPlan:
    """The plan with ``auto`` weights decided: ImageNet's, or the released detector's where those cannot be
    had, which is said.

    Raises:
        WeightsError: neither can be had for this backbone and width.
    """
    training, model = plan.config.training, plan.config.model
    if training.initial_weights != AUTO:
        return plan
    start, released = "imagenet", RELEASES[DEFAULT_MODEL].spec
    try:
        fetch_imagenet(model.build_classifier_spec("", ("any",)), say)
    except WeightsError as error:
        if (model.backbone, model.width_multiplier) != (released.backbone, released.width_multiplier):
            raise
        start = "released"
        say(
            f"Note: {error} Without it the backbone of the released COCO detector is started from, which "
            "knows less of what tells classes apart."
        )
    config = replace(plan.config, training=replace(training, initial_weights=start))
    return replace(plan, config=config)


def _columns(spec: ClassifierSpec, weights: Weights, classes: tuple[str, ...], seed: int) -> Weights:
    """The last layer: columns of the classes that ``weights`` has, by name, and new ones."""
    rng = np.random.default_rng(seed)
    shapes = build_classifier(spec)[LOGITS].weight_shapes
    kernel = rng.normal(0, _NEW_CLASS_DEVIATION, shapes[f"{LOGITS}/kernel"]).astype(np.float32)
    bias = np.zeros(shapes[f"{LOGITS}/bias"], np.float32)
    column_of = {normalise_name(name): column for column, name in enumerate(classes)}
    for column, name in enumerate(spec.classes):
        known = column_of.get(normalise_name(name))
        if known is not None:
            kernel[..., column] = weights[f"{LOGITS}/kernel"][..., known]
            bias[column] = weights[f"{LOGITS}/bias"][known]
    return {f"{LOGITS}/kernel": kernel, f"{LOGITS}/bias": bias}


def classifier_size(experiment: ExperimentConfig, say: Callable[[str], None]) -> SizeHW | None:
    """Height and width of the input of the classifier that is started from; None where it is none.

    Raises:
        WeightsError: it cannot be had, or is of another backbone.
    """
    start = experiment.training.initial_weights
    if start == "released":  # before it is fetched for nothing
        own = RELEASES[DEFAULT_MODEL].spec.backbone
        check_backbone("The released COCO detector", own, experiment.model.backbone)
    if start in (AUTO, "released") or not is_of_detector(start):
        return None
    path = weights_file(start, say)
    spec = load_network(path)[1]
    check_backbone(str(path), spec.backbone, experiment.model.backbone)
    return spec.input_hw if isinstance(spec, ClassifierSpec) else None
