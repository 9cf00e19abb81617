"""From the tensors of the released model to this project's weights."""

from __future__ import annotations

from collections.abc import Mapping

from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.labels import COCO_IDS
from detector.pretrained.folded_batch_norm import Statistics, unfold_batch_norm
from detector.pretrained.foreign_layers import check_kinds, slim_layers
from detector.pretrained.foreign_widths import to_weights
from detector.spec import ModelSpec
from detector.weights import check_weights

_NUM_COLUMNS = 91  # background and COCO's ids 1 to 90
_TITLE = "the released model"


def slim_to_weights(
    tensors: Mapping[str, FloatArray], spec: ModelSpec, statistics: Statistics
) -> dict[str, FloatArray]:
    """This project's weights from a released model's tensors.

    Of the 91 class columns the background and the 80 that COCO uses are kept. Batch normalisation that
    comes folded becomes proper batch normalisation again, with the given statistics.

    Args:
        tensors: arrays by their published names, from ``read_tensors``.
        spec: the released model's spec, with COCO's 80 classes.
        statistics: mean and variance at the input of each batch normalisation.

    Raises:
        WeightsError: a tensor is missing or has another shape.
    """
    architecture = build_architecture(spec)
    layers = slim_layers(tensors, {}, tensors, _TITLE)
    check_kinds(layers, _TITLE)
    for head, anchors in zip(architecture.class_heads, spec.anchors.per_cell(), strict=True):
        if layers[head].out_channels != anchors * _NUM_COLUMNS:
            raise WeightsError(
                f"A class head should have {anchors} x {_NUM_COLUMNS} columns and has "
                f"{layers[head].out_channels}; it is not the released COCO model."
            )
    weights = to_weights(spec, layers, [0, *COCO_IDS.values()])
    unfold_batch_norm(weights, (each for each in architecture.layers if layers[each.name].folded), statistics)
    check_weights(weights, architecture, origin=_TITLE)
    return weights
