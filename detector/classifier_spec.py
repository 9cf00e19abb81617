"""ClassifierSpec: what has to be known about a classifier to use it, as ``ModelSpec`` of a detector."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from detector.backbones import DEFAULT_BACKBONE, BackboneName
from detector.errors import ModelError
from detector.spec import FORMAT, UNREADABLE, as_tuple, check_card, check_network, read_values
from detector.system.bounds import check_number, shown
from detector.system.reading import parsing
from detector.system.terminal import counted, printable

View = Literal["whole", "middle"]
CLASSIFIER = "classifier"  # in the JSON; a detector's names none
_VIEWS = ("whole", "middle")


@dataclass(frozen=True, repr=False)
class ClassifierSpec:
    """What has to be known about a classifier to use it.

    Attributes:
        name: what the model is called.
        classes: class names; class ``k`` is column ``k`` of the logits, and there is no background.
        input_hw: height and width of the input in pixels.
        backbone: the network under the classifier; one of ``BACKBONES``.
        width_multiplier: its multiplier of channels.
        view: what it looks at: the ``whole`` picture, squashed to the input, or the square in the ``middle``
            whose side is 7/8 of the picture's shorter one, as ImageNet is evaluated.
        pixel_scale, pixel_offset: RGB in [0, 255] becomes ``rgb * pixel_scale + pixel_offset``.
        card: where the weights come from: source, licence, training data, accuracy and on what.

    Raises:
        ModelError: a value of another type, or one that no classifier of this project has.
    """

    name: str
    classes: tuple[str, ...]
    input_hw: tuple[int, int] = (224, 224)
    backbone: BackboneName = DEFAULT_BACKBONE
    width_multiplier: float = 1.0
    view: View = "whole"
    pixel_scale: float = 2 / 255
    pixel_offset: float = -1.0
    card: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<ClassifierSpec {printable(self.name)}: {counted(len(self.classes), 'class', 'classes')}; "
            f"input {self.input_hw[0]}x{self.input_hw[1]}>"
        )

    def __post_init__(self) -> None:
        check_network(self)
        if self.view not in _VIEWS:
            raise ModelError(f"The model's view should be whole or middle, is {shown(self.view)}.")
        check_number("pixel_scale", self.pixel_scale, 1e-6, 1e3)
        check_number("pixel_offset", self.pixel_offset, -1e6, 1e6)
        check_card(self.card)

    @property
    def network_name(self) -> str:
        """What the kind of network is called inside of exported files."""
        return self.backbone

    def to_json(self) -> str:
        """The spec as a JSON object."""
        return json.dumps({"format": FORMAT, "kind": CLASSIFIER, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> ClassifierSpec:
        """The spec that ``to_json`` wrote.

        Raises:
            ModelError: not such an object, that of a detector, of a newer format, or with a value that is not
                reasonable.
        """
        values = read_values(text)
        if values.pop("kind", None) != CLASSIFIER:
            raise ModelError(
                "The model is a detector, which finds objects and does not name whole pictures: see "
                "`ssdlite detect --help`."
            )
        with parsing(UNREADABLE, ModelError):
            for key in ("classes", "input_hw"):
                values[key] = as_tuple(values[key])
            return cls(**values)
