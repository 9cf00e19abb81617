"""What a run will do, decided from the config and the data, with the reason for each choice."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from detector.architecture import LOGITS
from detector.backbones import BACKBONES
from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder
from detector.input_sizes import SizeHW, describe_size
from detector.system.terminal import counted
from detector.training.budget import EVALUATIONS, Speed
from detector.training.cluster import worker_count
from detector.training.config import (
    AUTO,
    RELEASED_SIDE,
    AugmentationConfig,
    ExperimentConfig,
    LossConfig,
    ModelConfig,
    TrainingConfig,
)
from detector.training.initial_weights import is_of_detector
from detector.training.kind_checks import check_detector_config

FIRST_HEAD = "extra_2_reduce"
_EPOCHS = 25
_FEW_IMAGES = 250
_LARGE_SIDE = 0.35
_CROP, _COLOURS = 0.5, 0.3
MANY_IMAGES = 5_000
LEAST_STEPS = 360
_LIVE_BATCH = 32
_LEAST_OBJECTS = 10
_RUN_SHARE = 0.25  # of a limited time; where a whole run takes more, there is no room for a trial
_SIZES = (384, 448, 512, 640)  # sides of larger inputs that were tried
_OBJECT_PIXELS = 48  # sides of objects from which on a larger input brings nothing
_ANCHOR_PIXELS = 285  # side of the largest anchors, whatever the input's size is
_MAGNIFIED = 1.25  # times that pictures may be stretched
_SMALL_SIDE = 0.14  # of a middling object, as a share of its image's: below it a larger input is taken, too

Sides = tuple[float, float, float]  # of objects and pictures, see ``object_sides``


@dataclass(frozen=True)
class Plan:
    """A run with everything decided.

    Attributes:
        config: nothing in it is ``auto``, but at first maybe the depth, which a trial decides.
        reasons: a line for each choice that was made here.
    """

    config: ExperimentConfig
    reasons: tuple[str, ...] = ()
    _first_head: ClassVar[str] = FIRST_HEAD

    def with_steps(self, steps: int) -> Plan:
        """The plan with another number of steps, and its evaluations spread over them if they were before."""
        training = self.config.training
        if training.evaluate_every == spread(int(training.steps)):
            training = replace(training, evaluate_every=spread(steps))
        training = replace(training, steps=steps)
        return replace(self, config=replace(self.config, training=training))

    @property
    def frozen_until(self) -> str | None:
        """First layer that is trained; None when all are."""
        name = self.config.training.frozen_until
        return {"none": None, "heads": self._first_head}.get(name, name)

    @property
    def depths(self) -> tuple[str, ...]:
        """First layers that are tried out, from the least that is trained to the most."""
        backbone = BACKBONES[self.config.model.backbone]
        return backbone.little, backbone.much

    @property
    def live_batch_norm(self) -> bool:
        """Whether trained layers normalise by each batch's statistics."""
        return self.config.training.batch_norm == "live"


def build_plan(
    config: ExperimentConfig,
    folder: LabelledFolder,
    own_hw: SizeHW | None = None,
    speed: Speed | None = None,
) -> Plan:
    """The config with every ``auto`` decided by the data, but the depth where that is to be tried out.

    docs/training.md has the study that the rules rest on.

    Args:
        config: what is asked for.
        folder: the data.
        own_hw: height and width of the input that the initial weights were made for; None where they are of
            no detector.
        speed: of this machine, where the time is limited.
    """
    check_detector_config(config)
    training = config.training
    fine_tuning = is_of_detector(training.initial_weights)
    keeps = training.keep_classes != "none"
    images = len(folder.train.images)
    sides = object_sides(folder.train) if folder.train.annotations else None
    augmentation, reasons = _choose_augmentation(config.augmentation, folder)
    model = config.model
    if model.input_size == AUTO:
        size, reason = _choose_input_size(sides, own_hw)
        model = replace(model, input_size=size)
        reasons.insert(0, reason)
        if speed is not None and training.minutes != AUTO:
            wanted = _usual_steps(images, training.batch_size) * training.batch_size
            model, slower = _choose_smaller_size(model, own_hw, wanted, float(training.minutes), speed)
            reasons += slower
    loss, reason = _choose_class_loss(config.loss, sides, keeps=keeps)
    reasons += [reason] if reason else []
    training, reason = settle_steps(training, images)
    reasons += [reason] if reason else []
    steps = int(training.steps)
    if training.frozen_until == AUTO:
        backbone = BACKBONES[model.backbone]
        depth, reason = _choose_depth(folder, steps, fine_tuning, keeps, backbone.little)
        if depth == AUTO and not has_time_for_trial(training, model.input_hw, speed):
            depth = backbone.much if augmentation.crop else backbone.little
            size = "small" if augmentation.crop else "large"
            reason = f"depth: as is usual for {size} objects, for there is no time to try it out"
        training = replace(training, frozen_until=depth)
        reasons.append(reason)
    if training.batch_norm == AUTO:
        live, reason = choose_batch_norm(images, training.batch_size, fine_tuning)
        training = replace(training, batch_norm="live" if live else "frozen")
        reasons.append(reason)
    if training.evaluate_every == AUTO:
        training = replace(training, evaluate_every=spread(steps))
    settled = replace(
        config,
        model=model,
        training=training,
        loss=loss,
        augmentation=augmentation,
    )
    return Plan(settled, tuple(reasons))


def settle_steps(training: TrainingConfig, images: int) -> tuple[TrainingConfig, str]:
    """The section with its number of steps decided, and why; nothing where the number was asked for."""
    if training.epochs != AUTO:
        steps_in_all = -(-images * int(training.epochs) // training.batch_size)
        return replace(training, steps=steps_in_all, epochs=AUTO), ""
    if training.steps != AUTO:
        return training, ""
    steps = _usual_steps(images, training.batch_size)
    return replace(training, steps=steps), f"steps: for {counted(images, 'image')}"


def has_time_for_trial(training: TrainingConfig, input_hw: SizeHW, speed: Speed | None) -> bool:
    """Whether there is room for a trial beside the steps, which are decided; without a limit there is."""
    if speed is None or training.minutes == AUTO:
        return True
    seconds = int(training.steps) * training.batch_size * speed.seconds_per_sample(input_hw)
    return seconds <= _RUN_SHARE * 60 * float(training.minutes)


def _choose_smaller_size(
    model: ModelConfig, own_hw: SizeHW | None, samples: int, minutes: float, speed: Speed
) -> tuple[ModelConfig, list[str]]:
    """The network at the largest size at which there is time for half of the usual samples."""
    chosen = model.input_hw
    if own_hw is None or chosen <= own_hw:
        return model, []
    for side in (*reversed(_SIZES), own_hw[0]):
        if side <= chosen[0] and (
            side == own_hw[0] or 0.5 * samples * speed.seconds_per_sample((side, side)) <= 60 * minutes
        ):
            break
    if side == chosen[0]:
        return model, []
    reason = f"input size: {side} after all, for larger ones are too slow here for {minutes:g} minutes"
    return replace(model, input_size=side), [reason]


def spread(steps: int) -> int:
    """Steps from one evaluation to the next."""
    return max(1, -(-steps // EVALUATIONS))


def _choose_input_size(sides: Sides | None, own_hw: SizeHW | None) -> tuple[int | str, str]:
    """Larger inputs where objects are small, up to where the larger objects outgrow the anchors."""
    if own_hw is None:
        return RELEASED_SIDE, f"input size: {RELEASED_SIDE}, for there are no weights of a detector to fit"
    own = describe_size(own_hw)
    if own_hw[0] != own_hw[1] or sides is None:
        return own, f"input size: {own}, as that of the initial weights"
    side, large, picture = sides
    most = min(_ANCHOR_PIXELS / large, _MAGNIFIED * picture)
    larger = [each for each in _SIZES if own_hw[0] < each <= most]
    wanted = _OBJECT_PIXELS / side
    best = min((own_hw[0], *larger), key=lambda each: abs(math.log(each / wanted)))
    objects = f"objects take {side:.0%} of their image's side, {side * own_hw[0]:.0f} pixels at {own}"
    if best == own_hw[0]:
        return best, f"input size: {own}, as that of the initial weights, for {objects}"
    return best, (
        f"input size: {best}, for {objects} and {side * best:.0f} at {best}; a step, and a picture later on, "
        f"takes {(best / own_hw[0]) ** 2:.1f} times as long (--set model.input_size={own} for the other)"
    )


def object_sides(dataset: Dataset) -> Sides:
    """How large objects and pictures are; there is one object at least.

    Returns:
        The side of a middling object as a share of its image's, each the root of its area's share: the median
        of a class, in the geometric mean over the classes, for AP is a mean over classes. The side that nine
        of ten objects are smaller than. The median side of the pictures in pixels.
    """
    sides = [[share**0.5 for share in shares] for shares in _area_shares(dataset)]
    middling = np.exp(np.mean([np.log(np.median(each)) for each in sides]))
    large = np.quantile(np.concatenate(sides), 0.9)
    sizes_wh = filter(None, (image.size_wh for image in dataset.images))
    pictures = [math.sqrt(width * height) for width, height in sizes_wh]
    return float(middling), float(large), float(np.median(pictures)) if pictures else math.inf


def _choose_augmentation(
    augmentation: AugmentationConfig, folder: LabelledFolder
) -> tuple[AugmentationConfig, list[str]]:
    """Crops where objects are small: they bring them nearer; large objects they would only cut off."""
    if AUTO not in (augmentation.crop, augmentation.colours):
        return augmentation, []
    side = median_side(folder.train)
    large = side > _LARGE_SIDE
    crop = (0.0 if large else _CROP) if augmentation.crop == AUTO else augmentation.crop
    colours = (0.0 if large else _COLOURS) if augmentation.colours == AUTO else augmentation.colours
    kind = "flips alone" if not crop and not colours else "flips, crops and colours"
    reason = f"augmentation: {kind}, for half of the objects take more than {side:.0%} of their image's side"
    return replace(augmentation, crop=crop, colours=colours), [reason]


def median_side(dataset: Dataset) -> float:
    """The median of the objects' sides, each the root of its share of the image's area, in [0, 1]."""
    shares = _area_shares(dataset)
    return float(np.sqrt(np.median(np.concatenate(shares)))) if shares else 0.0


def _area_shares(dataset: Dataset) -> list[list[float]]:
    """Which share of its image's area each object takes, in a list for each class that has any."""
    size_of = {image.id: image.size_wh for image in dataset.images}
    shares: dict[int, list[float]] = defaultdict(list)
    for annotation in dataset.annotations:
        width, height = size_of[annotation["image_id"]] or (1, 1)
        share = annotation["bbox"][2] * annotation["bbox"][3] / (width * height)
        shares[annotation["category_id"]].append(share)
    return list(shares.values())


def _choose_class_loss(loss: LossConfig, sides: Sides | None, *, keeps: bool) -> tuple[LossConfig, str]:
    """What the classes lose: scores that tell how well boxes fit, where objects are small."""
    if loss.classification != AUTO:
        return loss, ""
    hard = replace(loss, classification="hard_negatives")
    if keys := loss.set_for_hard_negatives:
        return hard, f"loss of the classes: with hard negatives, for loss.{keys[0]} is set"
    if keeps:
        return hard, "loss of the classes: with hard negatives, as classes are kept"
    if sides is None:
        return hard, ""
    side = sides[0]
    objects = f"objects take {side:.0%} of their image's side"
    if side >= _SMALL_SIDE:
        return hard, f"loss of the classes: with hard negatives, as SSD has it, for {objects}"
    return replace(loss, classification="varifocal"), (
        f"loss of the classes: varifocal, for {objects} (--set loss.classification=hard_negatives for SSD's)"
    )


def _usual_steps(images: int, batch_size: int) -> int:
    """The same number of epochs for every small dataset, fewer for large ones."""
    epochs_here = _EPOCHS * min(1.0, (_FEW_IMAGES / images) ** 0.5)
    return max(LEAST_STEPS, round(images * epochs_here / batch_size))


def _choose_depth(
    folder: LabelledFolder, steps: int, fine_tuning: bool, keeps: bool, little: str
) -> tuple[str, str]:
    images = len(folder.train.images)
    objects = sum(not annotation["iscrowd"] for annotation in folder.val.annotations)
    if not fine_tuning:
        return "none", "depth: everything, for heads and extra maps are new"
    if keeps:
        return little, "depth: little, for the images show little of the classes that are kept"
    if images >= MANY_IMAGES:
        return "none", f"depth: everything, for there are {images:,} images"
    if worker_count():
        return "none", "depth: everything, for several workers have nothing to save"
    if steps < LEAST_STEPS:
        return little, f"depth: little, for a trial would take longer than {steps} steps"
    if objects < _LEAST_OBJECTS:
        return (
            little,
            f"depth: little, for {objects} validation objects tell too little",
        )
    return AUTO, (
        "depth: how much of the backbone to train is tried out first; weights of that trial that beat the "
        "run's are kept"
    )


def choose_batch_norm(images: int, batch_size: int, fine_tuning: bool) -> tuple[bool, str]:
    """Whether each batch's own statistics hold, and why."""
    if not fine_tuning:
        return True, "batch norm: live, for there are no statistics of heads and extra maps to keep"
    if batch_size >= _LIVE_BATCH and images >= MANY_IMAGES:
        return True, f"batch norm: live, for batches of {batch_size} measure {images:,} images well"
    return (
        False,
        f"batch norm: frozen, for batches of {batch_size} are a poor measure of {counted(images, 'image')}",
    )


def describe_depth(frozen_until: str) -> str:
    """What is trained, in words."""
    if frozen_until == LOGITS:
        return "the last layer alone"
    if frozen_until in (AUTO, "none"):
        return "as much as pays" if frozen_until == AUTO else "all layers"
    return "heads and extra maps" if frozen_until == "heads" else f"from {frozen_until} on"
