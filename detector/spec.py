"""ModelSpec: the contract between a network and everything that runs, evaluates or shows it.

It travels inside every weights file and every exported model, so that no user ever types an input
size, a class count or an id.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from detector.anchors import AnchorSpec
from detector.errors import ModelError

FORMAT = 1


@dataclass(frozen=True)
class ModelSpec:
    """What has to be known about a network to use it; the defaults are the released model's.

    Attributes:
        name: what the model is called.
        classes: class names; label ``k`` is column ``k + 1`` of the class logits, column 0 is background.
        input_hw: height and width of the input in pixels. Weights are bound to it: the anchors' grid and
            the network's stride agree at no other size.
        width_multiplier: MobileNetV2's multiplier of channels.
        anchors: sizes and shapes of the anchors.
        box_coder_scales: factors for (ty, tx, th, tw).
        pixel_scale, pixel_offset: RGB in [0, 255] becomes ``rgb * pixel_scale + pixel_offset``.
        score_threshold, iou_threshold, max_detections: the post-processing that the model's AP is
            measured with.
        class_thresholds: score from which on a detection of a class is worth showing, by the class's name;
            empty until `ssdlite eval --write-thresholds` has measured it.
        card: where the weights come from: source, licence, training data, AP and on what, and in
            ``contaminated`` the splits whose images were trained on.
    """

    name: str
    classes: tuple[str, ...]
    input_hw: tuple[int, int] = (300, 300)
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

    @property
    def inside_score_threshold(self) -> float:
        """Least score where post-processing is inside an exported file: there, time grows with the number of
        boxes over it, and .01 costs next to no AP.
        """
        return max(self.score_threshold, 0.01)

    def to_json(self) -> str:
        """The spec as a JSON object."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelSpec:
        """The spec that ``to_json`` wrote.

        Raises:
            ModelError: not such an object, or of a newer format.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            if values.pop("format") != FORMAT:
                raise ModelError("The model's spec is of another format; update ssdlite to read it.")
            anchors = values.pop("anchors")
            anchors["aspect_ratios"] = tuple(anchors["aspect_ratios"])
            anchors["first_map"] = tuple((float(s), float(r)) for s, r in anchors["first_map"])
            for key in ("classes", "input_hw", "box_coder_scales"):
                values[key] = tuple(values[key])
            return cls(anchors=AnchorSpec(**anchors), **values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"The model's spec cannot be read ({error!r}); get the model again.") from error
