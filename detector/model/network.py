"""The network as a tf_keras model, built from the architecture."""

from __future__ import annotations

from typing import Any

import tf_keras

from detector.architecture import IMAGE, Architecture, Layer, build_architecture
from detector.spec import ModelSpec
from detector.weights import BATCH_NORM_EPSILON, Weights, check_weights


def build_network(
    spec: ModelSpec, *, weight_decay: float = 4e-5, batch_norm_momentum: float = 0.9997
) -> tf_keras.Model:
    """The network with fresh weights; the defaults are those of the released model's recipe.

    Input ``image``: (B, H, W, 3) float32, RGB, normalised as the spec says. Outputs, a dict:
    ``box_encodings`` (B, A, 4) and ``class_logits`` (B, A, K + 1), float32, background in column 0.

    Args:
        spec: input size, width multiplier, classes and anchors.
        weight_decay: L2 on the kernels of convolutions (half the squared norm, as TF-Slim has it);
            depthwise kernels and batch normalisation have none.
        batch_norm_momentum: decay of batch normalisation's moving statistics.
    """
    architecture = build_architecture(spec)
    image = tf_keras.Input((*spec.input_hw, 3), name=IMAGE)
    outputs = {IMAGE: image}
    for layer in architecture.layers:
        outputs[layer.name] = _add_layer(layer, outputs, weight_decay, batch_norm_momentum)
    return tf_keras.Model(
        image,
        {
            "box_encodings": _join(architecture.box_heads, outputs, 4, "box_encodings"),
            "class_logits": _join(architecture.class_heads, outputs, len(spec.classes) + 1, "class_logits"),
        },
        name="ssdlite_mobilenet_v2",
    )


def _add_layer(layer: Layer, outputs: dict[str, Any], weight_decay: float, momentum: float) -> Any:
    head = layer.batch_norm is None
    options = {
        "strides": layer.stride,
        "padding": "same",
        "use_bias": head,
        "name": layer.name,
        # A head's outputs feed the losses, so they stay float32 under mixed precision.
        "dtype": "float32" if head else None,
    }
    # Standard deviations of the released recipe: .03 in heads and extra maps, .09 in the backbone.
    added = layer.name.startswith(("extra_", "box_head_", "class_head_"))
    initializer = tf_keras.initializers.TruncatedNormal(stddev=0.03 if added else 0.09)
    if layer.kind == "conv":
        convolution = tf_keras.layers.Conv2D(
            layer.out_channels,
            layer.kernel,
            kernel_initializer=initializer,
            kernel_regularizer=tf_keras.regularizers.L2(weight_decay / 2) if weight_decay else None,
            **options,
        )
    else:
        convolution = tf_keras.layers.DepthwiseConv2D(
            layer.kernel, depthwise_initializer=initializer, **options
        )
    x = convolution(outputs[layer.source])
    if layer.batch_norm:
        x = tf_keras.layers.BatchNormalization(
            momentum=momentum, epsilon=BATCH_NORM_EPSILON, name=layer.batch_norm
        )(x)
    if layer.relu6:
        x = tf_keras.layers.ReLU(6.0, name=layer.relu6)(x)
    if layer.shortcut:
        x = tf_keras.layers.Add(name=layer.name.replace("_project", "_add"))([outputs[layer.shortcut], x])
    return x


def _join(heads: tuple[str, ...], outputs: dict[str, Any], columns: int, name: str) -> Any:
    rows = [tf_keras.layers.Reshape((-1, columns), name=f"{head}_rows")(outputs[head]) for head in heads]
    # The same layer name as the output's key, so that exported models have stable output names.
    return tf_keras.layers.Concatenate(axis=1, name=name, dtype="float32")(rows)


def set_weights(network: tf_keras.Model, spec: ModelSpec, weights: Weights) -> None:
    """Put weights into a network that ``build_network`` made.

    Raises:
        WeightsError: the weights are not those of the spec's network.
    """
    architecture = build_architecture(spec)
    check_weights(weights, architecture, origin="the weights")
    for variable, key in _variables(network, architecture):
        variable.assign(weights[key])


def get_weights(network: tf_keras.Model, spec: ModelSpec) -> dict[str, Any]:
    """The network's weights by key, for ``save_weights``."""
    return {key: variable.numpy() for variable, key in _variables(network, build_architecture(spec))}


def _variables(network: tf_keras.Model, architecture: Architecture) -> list[tuple[Any, str]]:
    pairs = []
    for key in architecture.weight_shapes:
        layer, variable = key.split("/")
        module = network.get_layer(layer)
        if isinstance(module, tf_keras.layers.DepthwiseConv2D) and variable == "kernel":
            variable = "depthwise_kernel"
        pairs.append((getattr(module, variable), key))
    return pairs
