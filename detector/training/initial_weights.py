"""Where training starts: released weights, a backbone, earlier weights, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detector.any_size import resize_network
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.errors import WeightsError
from detector.formats.table import is_classifier
from detector.input_sizes import SizeHW
from detector.labels import normalise_name
from detector.pretrained.imagenet.files import FILES, fetch_imagenet, is_imagenet_file, read_imagenet
from detector.pretrained.releases import DEFAULT_MODEL, RELEASES, weights_path
from detector.spec import ModelSpec
from detector.system.run_names import RUN_WEIGHTS
from detector.training.config import AUTO, ExperimentConfig
from detector.weights import Weights, load_weights

# A new class starts out improbable, so that the many anchors on background do not drown the first steps;
# Lin et al., Focal Loss, 2017, section 4.1.
_NEW_CLASS_BIAS = float(np.log(0.01 / 0.99))
_NEW_CLASS_DEVIATION = 0.03


@dataclass(frozen=True)
class InitialWeights:
    """What a network starts from.

    Attributes:
        weights: values by key; keys that are missing keep the network's fresh values.
        origin: where they come from, in words.
        card: of the weights that they come from, for what is to be said about licence and training data.
        copied: classes whose columns came along, by name.
    """

    weights: Weights
    origin: str
    card: dict[str, str]
    copied: tuple[str, ...] = ()


def load_initial_weights(
    start: str, spec: ModelSpec, *, seed: int, say: Callable[[str], None] = print
) -> InitialWeights:
    """The weights that ``training.initial_weights`` names, fitted to the classes and the input of a spec.

    Args:
        start: ``released``, ``imagenet``, ``none``, a ``.npz`` file, the folder of a training run, or a file
            with a classifier of ImageNet.
        spec: the network to be trained.
        seed: of the columns of new classes.
        say: takes a line for what takes time.

    Raises:
        WeightsError: they cannot be had, or are of a network of other widths or anchors.
    """
    if start == "none":
        return InitialWeights(fresh_biases(spec), "nothing: all weights are new", {})
    if not is_of_detector(start):
        backbone = load_imagenet(start, spec, say)
        return replace(backbone, weights={**backbone.weights, **fresh_biases(spec)})
    path = weights_file(start, say)
    weights: Weights
    weights, source = load_weights(path)
    check_backbone(str(path), source.backbone, spec.backbone)
    card = dict(source.card)
    weights, source = resize_network(weights, source, spec.input_hw)
    if source.width_multiplier != spec.width_multiplier or source.anchors != spec.anchors:
        raise WeightsError(
            f"{path} is of width multiplier {source.width_multiplier:g} and the network to be trained of "
            f"{spec.width_multiplier:g}, or their anchors differ; start from weights of its kind, or from "
            "`imagenet` or `none`."
        )
    fitted = fit_classes(weights, source, spec, seed=seed)
    known = {normalise_name(name) for name in source.classes}
    copied = tuple(name for name in spec.classes if normalise_name(name) in known)
    return InitialWeights(fitted, f"{source.name}", card, copied)


def settle_detector(experiment: ExperimentConfig) -> ExperimentConfig:
    """The experiment of a detector, ``auto`` initial weights decided: the released ones."""
    if experiment.training.initial_weights != AUTO:
        return experiment
    return replace(experiment, training=replace(experiment.training, initial_weights="released"))


def is_of_detector(start: str) -> bool:
    """Whether ``training.initial_weights`` names weights with heads, and not of a backbone alone or none."""
    return start not in ("none", "imagenet") and not is_imagenet_file(start)


def load_imagenet(start: str, spec: ModelSpec | ClassifierSpec, say: Callable[[str], None]) -> InitialWeights:
    """A backbone from ImageNet; what is on it is not among the weights."""
    if start == "imagenet":
        network, origin = fetch_imagenet(spec, say), "keras.applications"
    else:
        network, origin = read_imagenet(Path(start)), Path(start).name
        check_backbone(start, network.backbone, spec.backbone)
    if network.width != spec.width_multiplier:
        raise WeightsError(
            f"{start} is {network.title} and the network to be trained has the width multiplier "
            f"{spec.width_multiplier:g}: set model.width_multiplier={network.width:g}, or take other weights."
        )
    for note in network.notes:
        say(f"Note on {origin}: {note}")
    return InitialWeights(network.weights, f"an ImageNet backbone, {network.title} ({origin})", {})


def initial_size(
    experiment: ExperimentConfig, say: Callable[[str], None]
) -> tuple[SizeHW, SizeHW] | tuple[None, None]:
    """Height and width of the input that the weights which ``training.initial_weights`` names were made for,
    and those that the scales of their anchors are shares of; None where they are of no detector.

    Raises:
        WeightsError: they cannot be had, or are of another backbone.
    """
    start, backbone = experiment.training.initial_weights, experiment.model.backbone
    if not is_of_detector(start):
        return None, None
    if start in (AUTO, "released"):  # before they are fetched for nothing
        check_backbone("The released COCO detector", RELEASES[DEFAULT_MODEL].spec.backbone, backbone)
    path = weights_file(start, say)
    if is_classifier(path):
        raise WeightsError(
            f"training.initial_weights is {start}, a classifier, and labels with boxes train a detector: "
            "start from weights of a detector, from `imagenet`, or from a file with a classifier of ImageNet."
        )
    spec = load_weights(path)[1]
    check_backbone(str(path), spec.backbone, backbone)
    return spec.input_hw, spec.anchors.reference_hw or spec.input_hw


def check_backbone(origin: str, found: str, expected: str) -> None:
    """Raise WeightsError where weights are of another backbone than is expected."""
    if found != expected:
        raise WeightsError(
            f"{origin} has the backbone {found} and model.backbone is {expected}: set "
            f"model.backbone={found}, or training.initial_weights to weights of {expected}, `imagenet` or "
            "`none`."
        )


def weights_file(start: str, say: Callable[[str], None]) -> Path:
    """The file that ``training.initial_weights`` names.

    Raises:
        WeightsError: it cannot be had, or what is named is none.
    """
    path = weights_path(DEFAULT_MODEL, say=say) if start in (AUTO, "released") else Path(start)
    if (path / RUN_WEIGHTS).is_file():
        path /= RUN_WEIGHTS
    if path.suffix != ".npz":
        raise WeightsError(
            "training.initial_weights should be auto, released, imagenet, none, a training run, a .npz file "
            f"or a classifier of ImageNet ({FILES}), is {start!r}."
        )
    return path


def fresh_biases(spec: ModelSpec) -> dict[str, FloatArray]:
    """Biases of class heads that are new, by key."""
    column = [0.0, *[_NEW_CLASS_BIAS] * len(spec.classes)]
    return {
        f"class_head_{number}/bias": np.array(column * anchors, np.float32)
        for number, anchors in enumerate(spec.anchors.per_cell())
    }


def fit_classes(weights: Weights, source: ModelSpec, spec: ModelSpec, *, seed: int) -> dict[str, FloatArray]:
    """The weights with the class heads of another list of classes.

    The columns of background and of classes that both have, by name, are copied. The others are new.

    Args:
        weights: of ``source``.
        source: the spec that the weights belong to.
        spec: the spec that they shall fit; its anchors are those of ``source``.
        seed: of the new columns.
    """
    rng = np.random.default_rng(seed)
    column_of = {normalise_name(name): column for column, name in enumerate(source.classes, start=1)}
    columns = [0] + [column_of.get(normalise_name(name), -1) for name in spec.classes]
    if columns == list(range(len(source.classes) + 1)):
        return dict(weights)
    fitted = dict(weights)
    for number, anchors in enumerate(spec.anchors.per_cell()):
        for variable in ("kernel", "bias"):
            key = f"class_head_{number}/{variable}"
            old = weights[key].reshape(*weights[key].shape[:-1], anchors, len(source.classes) + 1)
            new = old[..., columns].copy()
            for column, known in enumerate(columns):
                if known >= 0:
                    continue
                if variable == "bias":
                    new[..., column] = _NEW_CLASS_BIAS
                else:
                    new[..., column] = rng.normal(0, _NEW_CLASS_DEVIATION, new[..., column].shape)
            fitted[key] = np.ascontiguousarray(new.reshape(*new.shape[:-2], -1), np.float32)
    return fitted
