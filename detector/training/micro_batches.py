"""How many images of a batch go through the network at a time, so that a step takes little memory."""

from __future__ import annotations

import math

from detector.architecture import build_architecture
from detector.spec import ModelSpec

# Measured at 512 from block_3 on, where 8 images have outputs of 560 MiB: a step of 8 at a time takes .94 GB,
# of 2 at a time .48 GB, and both take the same time.
_MOST_BYTES = 224 << 20


def micro_batch_size(spec: ModelSpec, first: str | None, batch: int) -> int:
    """The number of images at a time: a divisor of the batch, whose layers' outputs take 224 MiB at most
    where that is possible.

    Args:
        spec: the network.
        first: name of the first layer that is trained, None for all: what goes before it keeps no outputs.
        batch: number of images in the batch.
    """
    layers = build_architecture(spec).layers
    names = [layer.name for layer in layers]
    trained = layers[0 if first is None else names.index(first) :]
    each = sum(4 * math.prod(layer.out_hw) * layer.out_channels for layer in trained)
    most = max(1, _MOST_BYTES // each)
    return max(size for size in range(1, batch + 1) if batch % size == 0 and size <= most)
