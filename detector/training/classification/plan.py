"""What the training of a classifier will do, decided from the config and the pictures, with the reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from detector.architecture import LOGITS
from detector.backbones import BACKBONES
from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder
from detector.input_sizes import SizeHW, describe_size
from detector.labels import listing
from detector.training.budget import Speed
from detector.training.cluster import worker_count
from detector.training.config import AUTO, AugmentationConfig, ExperimentConfig
from detector.training.kind_checks import check_classifier_config
from detector.training.plan import (
    LEAST_STEPS,
    MANY_IMAGES,
    Plan,
    choose_batch_norm,
    has_time_for_trial,
    settle_steps,
    spread,
)

SIZES = (96, 128, 160, 192, 224)  # those that the backbones were published for
_MAGNIFIED = 1.5  # times that pictures may be stretched for the next larger size
_CROP, _COLOURS = 0.5, 0.3
_LEAST_PICTURES = 10  # that validate, for a trial to tell something
_FEW_OF_A_CLASS = 10


@dataclass(frozen=True)
class ClassifierPlan(Plan):
    """The plan of a classifier's training."""

    _first_head: ClassVar[str] = LOGITS

    @property
    def depths(self) -> tuple[str, ...]:
        """First layers that are tried out, from the least that is trained to the most."""
        backbone = BACKBONES[self.config.model.backbone]
        return LOGITS, backbone.little, backbone.much


def build_classifier_plan(
    config: ExperimentConfig,
    folder: LabelledFolder,
    own_hw: SizeHW | None = None,
    speed: Speed | None = None,
) -> ClassifierPlan:
    """The config with every ``auto`` decided by the pictures, but the depth where that is to be tried out.

    Args:
        config: what is asked for.
        folder: the pictures.
        own_hw: height and width of the input of the classifier that the initial weights are of; None where
            they are of none.
        speed: of this machine, where the time is limited.

    Raises:
        ConfigError: what a classifier has not, or cannot.
    """
    check_classifier_config(config)
    training, images = config.training, len(folder.train.images)
    fine_tuning = training.initial_weights != "none"
    reasons = []
    model = config.model
    if model.input_size == AUTO:
        size, reason = _choose_input_size(folder.train, own_hw)
        model, reasons = replace(model, input_size=size), [reason]
    augmentation, reason = _choose_augmentation(config.augmentation)
    reasons += [reason] if reason else []
    training, reason = settle_steps(training, images)
    reasons += [reason] if reason else []
    steps = int(training.steps)
    if training.frozen_until == AUTO:
        depth, reason = _choose_depth(folder, steps, fine_tuning)
        if depth == AUTO and not has_time_for_trial(training, model.input_hw, speed):
            depth = BACKBONES[model.backbone].little
            reason = "depth: little, which is quick, for there is no time to try it out"
        training = replace(training, frozen_until=depth)
        reasons.append(reason)
    if training.batch_norm == AUTO:
        live, reason = True, "batch norm: live, for there are no statistics to keep"
        if fine_tuning:
            live, reason = choose_batch_norm(images, training.batch_size, fine_tuning)
        training = replace(training, batch_norm="live" if live else "frozen")
        reasons.append(reason)
    if training.evaluate_every == AUTO:
        training = replace(training, evaluate_every=spread(steps))
    if few := _few(folder):
        reasons.append(few)
    settled = replace(config, model=model, training=training, augmentation=augmentation)
    return ClassifierPlan(settled, tuple(reasons))


def _choose_input_size(train: Dataset, own_hw: SizeHW | None) -> tuple[int | str, str]:
    """As large as the pictures are worth."""
    if own_hw is not None:
        own = describe_size(own_hw)
        return own, f"input size: {own}, as that of the classifier that it starts from"
    sides = [math.sqrt(wide * high) for wide, high in (image.size_wh or (0, 0) for image in train.images)]
    side = float(np.median(sides))
    size_of = [each for each in SIZES if each >= _MAGNIFIED * side]
    size = size_of[0] if size_of else SIZES[-1]
    reason = f"input size: {size}, for half of the pictures have sides of {side:.0f} pixels or less"
    if size != SIZES[-1]:
        times = (SIZES[-1] / size) ** 2
        reason += f"; {SIZES[-1]} would take {times:.1f} times as long (--input-size {SIZES[-1]} for that)"
    return size, reason


def _choose_augmentation(augmentation: AugmentationConfig) -> tuple[AugmentationConfig, str]:
    """Parts of pictures, and colours; nothing that changes what a picture shows."""
    if AUTO not in (augmentation.crop, augmentation.colours):
        return augmentation, ""
    crop = _CROP if augmentation.crop == AUTO else augmentation.crop
    colours = _COLOURS if augmentation.colours == AUTO else augmentation.colours
    done = [
        *(["mirrored"] if augmentation.flip else []),
        *([f"cut to {augmentation.crop_least_area:.0%} of the area at the least"] if crop else []),
        *(["of other colours"] if colours else []),
    ]
    chosen = replace(augmentation, crop=crop, colours=colours)
    return chosen, f"augmentation: pictures are {listing(done)}, some of the time"


def _choose_depth(folder: LabelledFolder, steps: int, fine_tuning: bool) -> tuple[str, str]:
    images, judged = len(folder.train.images), len(folder.val.images)
    if not fine_tuning:
        return "none", "depth: everything, for all weights are new"
    if images >= MANY_IMAGES:
        return "none", f"depth: everything, for there are {images:,} images"
    if worker_count():
        return "none", "depth: everything, for several workers have nothing to save"
    if steps < LEAST_STEPS:
        return LOGITS, f"depth: the last layer, for a trial would take longer than {steps} steps"
    if judged < _LEAST_PICTURES:
        return LOGITS, f"depth: the last layer, for {judged} validation images tell too little"
    return AUTO, (
        "depth: how much to train, from the last layer alone on, is tried out first; weights of that trial "
        "that beat the run's are kept"
    )


def _few(folder: LabelledFolder) -> str:
    """What is to be said of classes with few pictures; nothing without any."""
    few = [name for name, count in folder.objects_by_class.items() if 0 < count < _FEW_OF_A_CLASS]
    if not few:
        return ""
    return f"few pictures: {listing(few, 3)} has less than {_FEW_OF_A_CLASS} to train on; expect little of it"
