"""Classifiers of ImageNet as they were trained: with the classifier on top and the names of its classes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

from detector.architecture import LOGITS
from detector.backbones import DEFAULT_BACKBONE, BackboneName
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.errors import WeightsError
from detector.pretrained.imagenet.files import fetch_file, read_fetched, read_imagenet
from detector.system.terminal import counted

IMAGENET = "imagenet"  # the name of the model that is fetched
READING = 1  # raised when something else is made of the same file: conversions are kept
_SIZES = (96, 128, 160, 192, 224)
_SIZE_IN_NAME = re.compile(r"[_-](\d{2,3})(?=[_.-]|$)")
_BACKGROUND = "background"  # the first of TF-Slim's 1,001 classes, which nothing was trained as
# The note on a file of torchvision in one line.
_PADDING = (
    "the weights were trained with padding on all sides, which --input-size 225 has here, too, and 224 has "
    "not (docs/training.md)."
)


def imagenet_names() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes in the order of the columns, each once.

    Source: ``_IMAGENET_CATEGORIES`` of torchvision 0.29, models/_meta.py; the two cranes and the two maillots
    are told apart as there.
    """
    path = Path(__file__).with_name("class_names.txt")
    return tuple(path.read_text(encoding="ascii").splitlines())


def fetch_classifier(say: Callable[[str], None] = print) -> Path:
    """The file of keras.applications' MobileNetV2 1.0 with its classifier, from the cache once it is there.

    Raises:
        WeightsError: it cannot be had.
    """
    return fetch_file(
        DEFAULT_BACKBONE, 1.0, (224, 224), classifier=True, remedy="name the file with --model here", say=say
    )


def load_imagenet_classifier(
    path: Path, *, fetched: bool = False
) -> tuple[dict[str, FloatArray], ClassifierSpec]:
    """Weights and spec of the classifier in a file of keras.applications, of torchvision or of TF-Slim.

    The input size is the one that the file's name says, as those of keras.applications and TF-Slim do, or
    else 224. TF-Slim's class of the background stays, so that probabilities are as they were.

    Args:
        path: the file.
        fetched: whether it is the one of ``fetch_classifier``, which goes if it is damaged.

    Raises:
        WeightsError: no such file, damaged, of another network, without its classifier, or for classes that
            are not ImageNet's.
    """
    network = read_fetched(path) if fetched else read_imagenet(path)
    if network.kernel is None or network.bias is None:
        raise WeightsError(
            f"{path} has a backbone alone, without the classifier on top; take the file with it, whose name "
            "at keras.applications is the same without _no_top."
        )
    names = imagenet_names()
    count = len(network.bias)
    if count == len(names) + 1:
        names = (_BACKGROUND, *names)
    if count != len(names):
        raise WeightsError(
            f"{path} is a classifier of {counted(count, 'class', 'classes')}, whose names it does not say; "
            "expected ImageNet's 1,000, or 1,001 with one for the background."
        )
    card = {"source": f"{network.title}, {path.name}", "training_data": "ImageNet (ILSVRC 2012)"}
    if network.notes:  # on torchvision's padding
        card["note"] = _PADDING
    side = _side_in_name(path.name)
    backbone = cast(BackboneName, network.backbone)
    spec = ClassifierSpec(path.stem, names, (side, side), backbone, network.width, view="middle", card=card)
    kernel = network.kernel[None, None]
    return {**network.weights, f"{LOGITS}/kernel": kernel, f"{LOGITS}/bias": network.bias}, spec


def _side_in_name(name: str) -> int:
    """The side of the input that a published file's name says; 224 where it says none."""
    found = [int(each) for each in _SIZE_IN_NAME.findall(name)]
    return next((side for side in reversed(found) if side in _SIZES), _SIZES[-1])
