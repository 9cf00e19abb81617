"""The ImageNet backbone of keras.applications."""

from __future__ import annotations

import tensorflow as tf
import tf_keras

from detector.architecture import build_architecture
from detector.backbones import BACKBONES
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.spec import ModelSpec

_NETWORKS = {
    "mobilenet_v1": tf_keras.applications.MobileNet,
    "mobilenet_v2": tf_keras.applications.MobileNetV2,
}


def load_imagenet_backbone(spec: ModelSpec, weights: str = "imagenet") -> dict[str, FloatArray]:
    """The backbone's weights by key; heads and extra maps are not among them.

    The layer names are the same there and here, so each weight is found by its name.

    Args:
        spec: the network; its width multiplier must be one that keras.applications publishes.
        weights: ``imagenet`` (fetched and cached by Keras), or a file in its format.

    Raises:
        WeightsError: they cannot be fetched, or there are none of that width.
    """
    height, width = spec.input_hw
    try:
        keras_model = _NETWORKS[spec.backbone](
            (height, width, 3), alpha=spec.width_multiplier, include_top=False, weights=weights
        )
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise WeightsError(
            f"The ImageNet weights of {BACKBONES[spec.backbone].title} {spec.width_multiplier:g} cannot be "
            f"had ({error})."
        ) from error
    found = {}
    for layer in build_architecture(spec).layers:
        for key in layer.weight_shapes:
            owner, variable = key.split("/")
            if not owner.startswith(("extra_", "box_head_", "class_head_")):
                found[key] = _variable(keras_model.get_layer(owner), variable).numpy()
    return found


def _variable(layer: tf_keras.layers.Layer, variable: str) -> tf.Variable:
    depthwise = isinstance(layer, tf_keras.layers.DepthwiseConv2D) and variable == "kernel"
    return getattr(layer, "depthwise_kernel" if depthwise else variable)
