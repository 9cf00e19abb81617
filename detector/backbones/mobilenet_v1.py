"""MobileNetV1; layer names are those of keras.applications.

Source: Howard et al., MobileNets, 2017, table 1. The two maps are those of Sandler et al., MobileNetV2, 2018,
section 6.2, which refers to Huang et al., Speed/accuracy trade-offs, 2017: the last of strides 16 and 32.
"""

from __future__ import annotations

from detector.backbones.backbone import Backbone
from detector.layers import IMAGE, LayerBuilder

# (channels, stride) of each depthwise and pointwise pair; Howard et al., table 1.
_PAIRS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
_LEAST_CHANNELS = 8
_FOLLOW = ("{}_bn", "{}_relu")


def _scale(channels: int, width: float) -> int:
    """Cut off, not rounded to a multiple of 8 as MobileNetV2's are; the reference code's ``depth``."""
    return max(_LEAST_CHANNELS, int(channels * width))


def _add_layers(net: LayerBuilder, width: float) -> None:
    x = net.add("conv1", IMAGE, _scale(32, width), kernel=3, stride=2, follow=_FOLLOW)
    for number, (channels, stride) in enumerate(_PAIRS, start=1):
        x = net.add(f"conv_dw_{number}", x, kernel=3, stride=stride, follow=_FOLLOW)
        x = net.add(f"conv_pw_{number}", x, _scale(channels, width), follow=_FOLLOW)


def _slim_scope(name: str) -> str:
    if name == "conv1":
        return "MobilenetV1/Conv2d_0"
    _, kind, number = name.split("_")
    return f"MobilenetV1/Conv2d_{number}_{'depthwise' if kind == 'dw' else 'pointwise'}"


MOBILENET_V1 = Backbone(
    name="mobilenet_v1",
    title="MobileNetV1",
    add_layers=_add_layers,
    feature_maps=("conv_pw_11", "conv_pw_13"),
    slim_scope=_slim_scope,
    little="conv_pw_11",
    # Not with the depthwise convolution before it, which reads four times as many numbers as it writes.
    much="conv_pw_4",
)
