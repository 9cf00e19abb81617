"""ModelSpec: the contract between a network and everything that runs, evaluates or shows it.

It travels inside every weights file and every exported model, so that no user ever types an input
size, a class count or an id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from detector.anchors import LARGEST_SIDE, AnchorSpec
from detector.backbones import BACKBONES, DEFAULT_BACKBONE, BackboneName
from detector.errors import ModelError
from detector.system.bounds import check_count, check_integer, check_number, check_text, shown
from detector.system.reading import parsing
from detector.system.terminal import counted, printable

FORMAT = 1
UNREADABLE = "The model's spec cannot be read; get the model again"
DEFAULT_SCORE_THRESHOLD = 0.4  # from which on a detection is worth showing
MOST_BYTES = 1 << 23  # of a spec's JSON: all classes with long names, and their thresholds

# Wide of what is used: the network's memory and time grow with these.
MOST_INPUT_PIXELS = 1 << 22
_MOST_CLASSES, _MOST_NAME = 10_000, 500
_MOST_DETECTIONS = 10_000
_MAPS = 6  # that the network has
_MOST_CARD, _MOST_CARD_TEXT = 100, 10_000


@dataclass(frozen=True, repr=False)
class ModelSpec:
    """What has to be known about a network to use it; the defaults are the released model's.

    Attributes:
        name: what the model is called.
        classes: class names; label ``k`` is column ``k + 1`` of the class logits, column 0 is background.
        input_hw: height and width of the input in pixels. Weights belong to it; ``any_size`` makes those
            for another one.
        backbone: the network under the heads; one of ``BACKBONES``.
        width_multiplier: its multiplier of channels.
        anchors: sizes and shapes of the anchors.
        box_coder_scales: factors for (ty, tx, th, tw).
        pixel_scale, pixel_offset: RGB in [0, 255] becomes ``rgb * pixel_scale + pixel_offset``.
        score_threshold, iou_threshold, max_detections: the post-processing that the model's AP is
            measured with.
        class_thresholds: score from which on a detection of a class is worth showing, by the class's name;
            empty until `ssdlite eval --write-thresholds` has measured it.
        card: where the weights come from: source, licence, training data, AP and on what, in
            ``contaminated`` the splits whose images were trained on, and in ``resized_from`` the input size
            that all this was at, where it is another.

    Raises:
        ModelError: a value of another type, or one that no network of this project has: a model file is
            data, and nothing is built from it before it is known to be reasonable.
    """

    name: str
    classes: tuple[str, ...]
    input_hw: tuple[int, int] = (300, 300)
    backbone: BackboneName = DEFAULT_BACKBONE
    width_multiplier: float = 1.0
    anchors: AnchorSpec = field(default_factory=AnchorSpec)
    box_coder_scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    pixel_scale: float = 2 / 255
    pixel_offset: float = -1.0
    score_threshold: float = 1e-8
    iou_threshold: float = 0.6
    max_detections: int = 100
    class_thresholds: dict[str, float] = field(default_factory=dict)
    card: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<ModelSpec {printable(self.name)}: {counted(len(self.classes), 'class', 'classes')}; "
            f"input {self.input_hw[0]}x{self.input_hw[1]}>"
        )

    def __post_init__(self) -> None:
        check_network(self)
        if not isinstance(self.anchors, AnchorSpec) or self.anchors.num_maps != _MAPS:
            raise ModelError(
                f"The model's anchors should be those of {_MAPS} maps, got {shown(self.anchors)}."
            )
        check_count("box_coder_scales", self.box_coder_scales, 4, 4)
        for scale in self.box_coder_scales:
            check_number("box_coder_scales", scale, 1e-3, 1e6)
        check_number("pixel_scale", self.pixel_scale, 1e-6, 1e3)
        check_number("pixel_offset", self.pixel_offset, -1e6, 1e6)
        check_number("score_threshold", self.score_threshold, 0, 1)
        check_number("iou_threshold", self.iou_threshold, 0, 1)
        check_integer("max_detections", self.max_detections, 1, _MOST_DETECTIONS)
        _check_mapping("class_thresholds", self.class_thresholds, _MOST_CLASSES)
        for threshold in self.class_thresholds.values():
            check_number("class_thresholds", threshold, 0, 1)
        check_card(self.card)

    @property
    def network_name(self) -> str:
        """What the kind of network is called inside of exported files."""
        return f"ssdlite_{self.backbone}"

    @property
    def inside_score_threshold(self) -> float:
        """Least score where post-processing is inside an exported file: there, time grows with the number of
        boxes over it, and .01 costs next to no AP.
        """
        return max(self.score_threshold, 0.01)

    def to_json(self) -> str:
        """The spec as a JSON object."""
        values = asdict(self)
        if self.anchors.reference_hw is None:
            del values["anchors"]["reference_hw"]  # as it was before there was any
        if self.backbone == DEFAULT_BACKBONE:
            del values["backbone"]  # as it was before there was another
        return json.dumps({"format": FORMAT, **values}, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelSpec:
        """The spec that ``to_json`` wrote.

        Raises:
            ModelError: not such an object, of a newer format, or with a value that is not reasonable.
        """
        values = read_values(text)
        if values.pop("kind", None) is not None:
            raise ModelError(
                "The model is a classifier, which names whole pictures and finds no objects in them: see "
                "`ssdlite classify --help`."
            )
        with parsing(UNREADABLE, ModelError):
            anchors = values.pop("anchors")
            anchors["aspect_ratios"] = as_tuple(anchors["aspect_ratios"])
            anchors["first_map"] = tuple(as_tuple(shape) for shape in as_tuple(anchors["first_map"]))
            if anchors.get("reference_hw") is not None:
                anchors["reference_hw"] = as_tuple(anchors["reference_hw"])
            for key in ("classes", "input_hw", "box_coder_scales"):
                values[key] = as_tuple(values[key])
            return cls(anchors=AnchorSpec(**anchors), **values)


def read_values(text: str | bytes) -> dict[str, Any]:
    """What the JSON of a spec of any kind says, but for its format, which is this one.

    Raises:
        ModelError: not such an object, or of a newer format.
    """
    if len(text) > MOST_BYTES:
        raise ModelError(f"The model's spec is larger than {MOST_BYTES / 1e6:.0f} MB; get the model again.")
    with parsing(UNREADABLE, ModelError):
        values = json.loads(text, object_pairs_hook=_without_duplicates)
        if values.pop("format") != FORMAT:
            raise ModelError("The model's spec is of another format; update ssdlite to read it.")
        return dict(values)


class _Network(Protocol):
    """What every network has that takes pictures and has classes."""

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def input_hw(self) -> tuple[int, int]: ...
    @property
    def backbone(self) -> BackboneName: ...
    @property
    def width_multiplier(self) -> float: ...


def check_network(spec: _Network) -> None:
    """Raise ModelError for a name, classes, an input or a backbone that no network of this project has."""
    check_text("name", spec.name, _MOST_NAME)
    _check_classes(spec.classes)
    check_count("input_hw", spec.input_hw, 2, 2)
    for side in spec.input_hw:
        check_integer("input_hw", side, 1, LARGEST_SIDE)
    check_integer("input in pixels", spec.input_hw[0] * spec.input_hw[1], 1, MOST_INPUT_PIXELS)
    if not isinstance(spec.backbone, str) or spec.backbone not in BACKBONES:
        raise ModelError(
            f"The model's backbone should be one of {', '.join(BACKBONES)}, is {shown(spec.backbone)}; "
            "update ssdlite if the model is of a later version."
        )
    check_number("width_multiplier", spec.width_multiplier, 0.01, 4)


def check_card(card: dict[str, str]) -> None:
    """Raise ModelError for a card that is no mapping of texts, or a very large one."""
    _check_mapping("card", card, _MOST_CARD)
    for text in card.values():
        check_text("card", text, _MOST_CARD_TEXT, lines=True)


def _check_classes(classes: Sequence[str]) -> None:
    check_count("classes", classes, 1, _MOST_CLASSES)
    for name in classes:
        check_text("class name", name, _MOST_NAME)
    if len(set(classes)) != len(classes):
        raise ModelError("The model has two classes of one name.")


def _check_mapping(what: str, values: object, most: int) -> None:
    if not isinstance(values, dict):
        raise ModelError(f"The model's {what} should be a mapping, got {shown(values)}.")
    check_count(what, values, 0, most)
    for key in values:
        check_text(what, key, _MOST_NAME)


def as_tuple(values: object) -> tuple[object, ...]:
    """A JSON array as a tuple; a text would become one of its letters."""
    if not isinstance(values, list):
        raise ValueError(f"expected an array, got {shown(values)}")
    return tuple(values)


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; the last of two equal keys would win in silence."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
