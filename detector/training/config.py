"""What an experiment is made of: the sections and keys of the files in ``configs/``.

The dataclasses below are the reference: every key that a file leaves out has the default that stands here,
and no other key is allowed. Their defaults fine-tune the released weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from detector.anchors import AnchorSpec
from detector.backbones import DEFAULT_BACKBONE, BackboneName
from detector.classifier_spec import ClassifierSpec
from detector.errors import DetectorError
from detector.input_sizes import SizeHW, read_size
from detector.labels import COCO_CLASSES
from detector.spec import ModelSpec

RELEASED_SIDE = 300  # of the input of the released weights
AUTO: Final = "auto"
Auto = Literal["auto"]
ClassLoss = Literal["varifocal", "hard_negatives"]


class ConfigError(DetectorError):
    """A config file with an unknown key, a wrong type or an impossible value."""


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        classes: ``dataset`` for those of the data, ``coco`` for COCO's 80, or a list of names.
        input_size: side of the input in pixels, or HEIGHTxWIDTH; ``auto`` by the sizes of the objects in the
            data, of a classifier by those of the pictures. Initial weights are made to fit it.
        backbone: the network under the heads: ``mobilenet_v2`` or ``mobilenet_v1``.
        width_multiplier: its multiplier of channels.
    """

    classes: Literal["dataset", "coco"] | list[str] = "dataset"
    input_size: int | str = AUTO
    backbone: BackboneName = DEFAULT_BACKBONE
    width_multiplier: float = 1.0

    @property
    def input_hw(self) -> SizeHW:
        """Height and width of the input; where nothing has decided them yet, those of the released model."""
        return read_size(RELEASED_SIDE if self.input_size == AUTO else self.input_size)

    def build_classifier_spec(
        self, name: str, dataset_classes: Iterable[str] | None = None
    ) -> ClassifierSpec:
        """The spec of the classifier, with the classes of a dataset where the config leaves them to it.

        Args:
            name: what the model is called.
            dataset_classes: class names of the dataset.

        Raises:
            ConfigError: the config leaves the classes to a dataset and there is none.
        """
        return ClassifierSpec(
            name,
            self._class_names(dataset_classes),
            input_hw=self.input_hw,
            backbone=self.backbone,
            width_multiplier=float(self.width_multiplier),
        )

    def _class_names(self, dataset_classes: Iterable[str] | None) -> tuple[str, ...]:
        if self.classes != "dataset":
            return COCO_CLASSES if self.classes == "coco" else tuple(self.classes)
        if dataset_classes is None:
            raise ConfigError("The config takes its classes from a dataset (`model.classes: dataset`).")
        return tuple(dataset_classes)

    def build_spec(
        self,
        name: str,
        dataset_classes: Iterable[str] | None = None,
        reference_hw: SizeHW | None = None,
    ) -> ModelSpec:
        """The spec of the network, with the classes of a dataset where the config leaves them to it.

        Args:
            name: what the model is called.
            dataset_classes: class names of the dataset.
            reference_hw: height and width in pixels that the scales of the anchors are shares of; None for
                the input's.

        Raises:
            ConfigError: the config leaves the classes to a dataset and there is none.
        """
        return ModelSpec(
            name,
            self._class_names(dataset_classes),
            input_hw=self.input_hw,
            backbone=self.backbone,
            width_multiplier=float(self.width_multiplier),
            anchors=AnchorSpec(reference_hw=reference_hw),
        )


@dataclass(frozen=True)
class TrainingConfig:
    """Where training starts, what it trains, and for how long.

    Attributes:
        initial_weights: ``released`` (COCO), ``imagenet`` (the backbone alone, of keras.applications),
            ``auto`` for the first of a detector and the second of a classifier, ``none``, a ``.npz`` file, or
            a file with a classifier of ImageNet: Keras's ``.h5``, torchvision's ``.pth``, a checkpoint or a
            frozen graph of TF-Slim.
        keep_classes: classes of the initial weights that stay beside those of the data, held by distillation:
            ``none``, ``coco`` for those of COCO, or a list of names.
        batch_size: images a step, over all devices and workers together.
        steps: steps in all; ``auto`` by ``epochs``.
        epochs: how often each image is looked at, in place of ``steps``; ``auto`` by the size of the dataset.
        minutes: time that the run has, from its start to its last file: size, steps and trial are fitted to
            it; ``auto`` for as much as it takes.
        frozen_until: first layer that is trained, ``none`` for all, ``heads`` for the heads and the extra
            maps; ``auto`` by the dataset.
        batch_norm: ``live`` normalises by each batch's statistics, ``frozen`` by those of the initial
            weights; ``auto`` by the batch size.
        batch_norm_momentum: decay of the moving statistics where they are live.
        evaluate_every: steps between evaluations; ``auto`` spreads some over the run.
        validation_images: images that the evaluations of the run take at most, always the same; its best
            weights are evaluated on all of them at the end.
        patience: training ends after so many evaluations without a better AP.
        precision: what layers compute in; weights are float32 always.
        seed: of the order of the images, the augmentation and new weights.
    """

    initial_weights: str = AUTO
    keep_classes: Literal["none", "coco"] | list[str] = "none"
    batch_size: int = 8
    steps: int | Auto = AUTO
    epochs: int | Auto = AUTO
    minutes: float | Auto = AUTO
    frozen_until: str = AUTO
    batch_norm: Literal["auto", "live", "frozen"] = AUTO
    batch_norm_momentum: float = 0.99
    evaluate_every: int | Auto = AUTO
    validation_images: int = 250
    patience: int = 4
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its schedule.

    Attributes:
        type: ``sgd`` or ``rmsprop``.
        momentum: of either.
        rho, epsilon: of RMSProp alone.
        learning_rate: the greatest; per step, for the whole batch.
        schedule: ``cosine`` falls to 0 at the last step; ``exponential`` multiplies by ``decay_rate`` every
            ``decay_steps`` steps; ``constant`` stays.
        decay_rate, decay_steps: of the exponential schedule alone.
        warmup_steps: the rate rises linearly from 0 over these.
        weight_decay: L2 on the kernels of convolutions that are not depthwise (half the squared norm).
        clip_norm: greatest norm of the gradient of all weights; 0 for none.
        ema_decay: of the moving average of the weights, which is what is evaluated and kept; 0 for none.
    """

    type: Literal["sgd", "rmsprop"] = "sgd"
    momentum: float = 0.9
    rho: float = 0.9
    epsilon: float = 1.0
    learning_rate: float = 0.002
    schedule: Literal["cosine", "exponential", "constant"] = "cosine"
    decay_rate: float = 0.95
    decay_steps: int = 800_720
    warmup_steps: int = 50
    weight_decay: float = 4e-5
    clip_norm: float = 10.0
    ema_decay: float = 0.998


@dataclass(frozen=True)
class LossConfig:
    """What boxes and classes lose; the loss of a classifier has no keys here.

    Attributes:
        classification: that of the classes: with ``varifocal`` a score learns how well its box fits, with
            ``hard_negatives``, SSD's, whether there is an object; ``auto`` by the sizes of the objects.
        classification_weight, localization_weight: factors of the losses of classes and boxes; 1 of
            ``varifocal`` is three times what its paper has.
        distillation_weight: factor of what holds the classes that are kept.
        match_iou: least overlap of an anchor with its object.
        negatives_per_positive: hard negatives for each positive in an image; of ``hard_negatives``, like the
            next one.
        min_negatives: hard negatives of an image at least.
    """

    classification: ClassLoss | Auto = AUTO
    classification_weight: float = 1.0
    localization_weight: float = 1.0
    distillation_weight: float = 0.03
    match_iou: float = 0.5
    negatives_per_positive: float = 3.0
    min_negatives: int = 3

    @property
    def set_for_hard_negatives(self) -> list[str]:
        """Keys that ``hard_negatives`` alone reads and that are not as they are by default."""
        usual, keys = LossConfig(), ("negatives_per_positive", "min_negatives")
        return [key for key in keys if getattr(self, key) != getattr(usual, key)]


@dataclass(frozen=True)
class ClassifierConfig:
    """Of a classifier alone, which is what a folder of pictures for each class trains.

    Attributes:
        label_smoothing: share of what is asked for that all classes have in equal parts.
        dropout: share of what the last layer reads that is left out, another one for each picture.
    """

    label_smoothing: float = 0.1
    dropout: float = 0.2


@dataclass(frozen=True)
class AugmentationConfig:
    """What is done to training images.

    Attributes:
        flip: probability of mirroring.
        expand: probability of placing the image on a larger grey ground.
        expand_up_to: how many times as wide and high that ground is at most.
        crop: probability of SSD's random crop; ``auto`` crops where objects are small in their images.
        crop_least_covered: objects that keep a smaller share of themselves than this are dropped from a crop;
            SSD draws the share anew each time, from 0 on.
        crop_least_area: smallest crop, as a fraction of the image's area; SSD's is 0.1.
        crop_keeps_aspect: crops have the shape of the image, so that objects are not stretched; SSD's do not.
        colours: strength of SSD's photometric distortion, from 0 to SSD's 1; ``auto`` goes with the crop.
    """

    flip: float = 0.5
    expand: float = 0.0
    expand_up_to: float = 2.0
    crop: float | Auto = AUTO
    crop_least_covered: float = 0.7
    crop_least_area: float = 0.3
    crop_keeps_aspect: bool = True
    colours: float | Auto = AUTO


@dataclass(frozen=True)
class RuntimeConfig:
    """Which devices train.

    Attributes:
        strategy: ``one_device``, ``mirrored`` (all GPUs of this machine) or ``multi_worker_mirrored``
            (several machines, described by the environment variable TF_CONFIG).
        gpus: how many GPUs of this machine; ``auto`` takes one for ``one_device``, else all.
        virtual_cpus: split the CPU into so many devices, to try a strategy without GPUs.
        cache_gib: decoded images up to this size are kept in memory; where layers are frozen, up to a quarter
            of it, and their features in what images leave of it.
    """

    strategy: Literal["one_device", "mirrored", "multi_worker_mirrored"] = "one_device"
    gpus: int | Auto = AUTO
    virtual_cpus: int = 1
    cache_gib: float = 0.75


@dataclass(frozen=True)
class ExperimentConfig:
    """A whole experiment."""

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def to_yaml(self) -> str:
        """The config as the YAML that ``load_config`` reads."""
        import yaml

        return yaml.safe_dump(asdict(self), sort_keys=False)
