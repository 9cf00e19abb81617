"""MobileNetV2; layer names are those of keras.applications.

Source: Sandler et al., MobileNetV2, 2018, table 2 and section 6.2.
"""

from __future__ import annotations

from detector.backbones.backbone import Backbone
from detector.layers import IMAGE, LayerBuilder, scale_channels

# (expansion, channels, repeats, stride of the first); Sandler et al., table 2.
_INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_LAST = "Conv_1"


def _add_layers(net: LayerBuilder, width: float) -> None:
    x = net.add("Conv1", IMAGE, scale_channels(32, width), kernel=3, stride=2, follow=("bn_{}", "{}_relu"))
    number = 0
    for expansion, channels, repeats, first_stride in _INVERTED_RESIDUALS:
        for repeat in range(repeats):
            x = _add_inverted_residual(
                net,
                x,
                prefix=f"block_{number}" if number else "expanded_conv",
                expansion=expansion,
                channels=scale_channels(channels, width),
                stride=first_stride if repeat == 0 else 1,
            )
            number += 1
    # The last layer does not shrink below 1280; Sandler et al., section 6.1.
    net.add(_LAST, x, scale_channels(1280, max(1.0, width)), follow=("{}_bn", "out_relu"))


def _add_inverted_residual(
    net: LayerBuilder, source: str, *, prefix: str, expansion: int, channels: int, stride: int
) -> str:
    in_channels = net.channels(source)
    x = source
    if expansion > 1:
        x = net.add(f"{prefix}_expand", x, in_channels * expansion)
    x = net.add(f"{prefix}_depthwise", x, kernel=3, stride=stride)
    shortcut = source if stride == 1 and in_channels == channels else None
    return net.add(f"{prefix}_project", x, channels, follow=("{}_BN", None), shortcut=shortcut)


def _slim_scope(name: str) -> str:
    if name in ("Conv1", _LAST):
        return f"MobilenetV2/{name.replace('Conv1', 'Conv')}"
    block, _, part = name.rpartition("_")
    return f"MobilenetV2/{block.replace('block', 'expanded_conv')}/{part}"


MOBILENET_V2 = Backbone(
    name="mobilenet_v2",
    title="MobileNetV2",
    add_layers=_add_layers,
    feature_maps=("block_13_expand", _LAST),
    slim_scope=_slim_scope,
    little="block_13_expand",
    much="block_3_expand",
)
