"""Writes a classifier as OpenVINO's IR, a pair of ``.xml`` and ``.bin``; needs the package ``openvino``.

Input ``image``: uint8 (1, H, W, 3), RGB. Output ``probabilities``: float32 (1, K), which add up to 1. The
spec and the names of the classes are in the model's ``rt_info``, as ``model_spec`` and ``labels``, and
beside them ``model_info``, by which OpenVINO's Model API knows what to do with the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.classifier_spec import ClassifierSpec
from detector.formats.openvino_file import join_labels, save_from_tflite
from detector.system.telemetry import import_openvino

if TYPE_CHECKING:
    from openvino import Model

openvino = import_openvino()
ops = openvino.opset8


def save_classifier_openvino(path: Path, tflite: bytes, spec: ClassifierSpec, *, half: bool = False) -> None:
    """Write the classifier as ``path`` and, beside it, the ``.bin`` of the same name.

    Args:
        path: ends in ``.xml``.
        tflite: the classifier as ``build_classifier_tflite`` gives it, float32 or int8; an int8 one stays
            int8.
        spec: what network it is.
        half: store float32 constants as float16.

    Raises:
        ModelError: the path has another suffix.
        DetectorError: the folder cannot be written to, or the disk is full.
    """
    save_from_tflite(path, tflite, spec, _pass_reshape, half=half, model_info=_describe_for_model_api(spec))


def _pass_reshape(model: Model) -> Model:
    """The model with its image passing a reshape, as in ``openvino._add_postprocess`` and for its reason."""
    (image,) = model.get_parameters()
    readers = image.output(0).get_target_inputs()
    bytes_ = ops.reshape(image, ops.constant(np.array(image.get_output_shape(0))), False)
    for reader in readers:
        reader.replace_source_output(bytes_.output(0))
    return model


def _describe_for_model_api(spec: ClassifierSpec) -> dict[str, str]:
    """What OpenVINO's Model API wants to know of a classifier; it takes pictures as OpenCV has them.

    Source: openvino-model-api 0.4, ``model_api/models/classification.py`` and ``parameters.py``.
    """
    return {
        "model_type": "Classification",
        "labels": join_labels(spec.classes),
        "resize_type": "standard",  # squashed to the input
        "reverse_input_channels": "True",
    }
