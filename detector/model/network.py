"""The network as a tf_keras model, built from the architecture."""

from __future__ import annotations

import tensorflow as tf
import tf_keras

from detector.architecture import LOGITS, build_architecture, build_classifier, crossing_layers, layers_of
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.input_sizes import SizeHW
from detector.layers import IMAGE, Layer, Layers
from detector.model.dropout import CountedDropout
from detector.spec import ModelSpec
from detector.weights import BATCH_NORM_EPSILON, Weights, check_weights


def build_network(
    spec: ModelSpec,
    *,
    frozen_until: str | None = None,
    live_batch_norm: bool = True,
    batch_norm_momentum: float = 0.9997,
) -> tf_keras.Model:
    """The network with fresh weights.

    Input ``image``: (B, H, W, 3) float32, RGB, normalised as the spec says. Outputs, a dict:
    ``box_encodings`` (B, A, 4) and ``class_logits`` (B, A, K + 1), float32, background in column 0.

    Args:
        spec: input size, width multiplier, classes and anchors.
        frozen_until: name of the first layer that is trained; the layers before it are not.
        live_batch_norm: in trained layers, normalise by the batch's statistics while training. Otherwise,
            and in frozen layers always, the moving statistics hold and are multiplied into the kernels.
        batch_norm_momentum: decay of the moving statistics; the default is that of the released recipe.
    """
    architecture = build_architecture(spec)
    outputs = _add_layers(spec.input_hw, architecture, frozen_until, live_batch_norm, batch_norm_momentum)
    return tf_keras.Model(
        outputs[IMAGE],
        {
            "box_encodings": _join(architecture.box_heads, outputs, 4, "box_encodings"),
            "class_logits": _join(architecture.class_heads, outputs, len(spec.classes) + 1, "class_logits"),
        },
        name=spec.network_name,
    )


def build_classifier_network(
    spec: ClassifierSpec,
    *,
    frozen_until: str | None = None,
    live_batch_norm: bool = True,
    batch_norm_momentum: float = 0.997,
    dropout: float = 0.0,
) -> tf_keras.Model:
    """The classifier with fresh weights.

    Input ``image``: (B, H, W, 3) float32, RGB, normalised as the spec says. Outputs, a dict: ``logits``
    (B, K), float32.

    Args:
        spec: input size, width multiplier and classes.
        frozen_until, live_batch_norm, batch_norm_momentum: as for ``build_network``.
        dropout: share of what the logits read that is left out, while training.
    """
    layers = build_classifier(spec)
    outputs = _add_layers(spec.input_hw, layers, frozen_until, live_batch_norm, batch_norm_momentum, dropout)
    rows = tf_keras.layers.Flatten(name=f"{LOGITS}_rows", dtype="float32")(outputs[LOGITS])
    return tf_keras.Model(outputs[IMAGE], {LOGITS: rows}, name=spec.network_name)


def _add_layers(
    input_hw: SizeHW,
    layers: Layers,
    frozen_until: str | None,
    live_batch_norm: bool,
    momentum: float,
    dropout: float = 0.0,
) -> dict[str, tf.Tensor]:
    """The output of each layer by its name, and the image."""
    outputs = {IMAGE: tf_keras.Input((*input_hw, 3), name=IMAGE)}
    trained = frozen_until is None
    for layer in layers.layers:
        trained = trained or layer.name == frozen_until
        if layer.kind == "mean":
            mean = tf_keras.layers.GlobalAveragePooling2D(keepdims=True, name=layer.name)
            outputs[layer.name] = mean(outputs[layer.source])
            continue
        folded = layer.batch_norm is not None and not (trained and live_batch_norm)
        x = outputs[layer.source]
        if layer.name == LOGITS and dropout:
            x = CountedDropout(dropout, name=f"{LOGITS}_dropout")(x)
        x = _add_convolution(layer, x, folded, trained, momentum)
        if layer.relu6:
            x = tf_keras.layers.ReLU(6.0, name=layer.relu6)(x)
        if layer.shortcut:
            add = tf_keras.layers.Add(name=_name_of_sum(layer))
            x = add([outputs[layer.shortcut], x])
        outputs[layer.name] = x
    return outputs


def _name_of_sum(layer: Layer) -> str:
    """Name of the layer that adds a shortcut to this one's output, as keras.applications has it."""
    return layer.name.replace("_project", "_add")


def _add_convolution(
    layer: Layer, source: tf.Tensor, folded: bool, trained: bool, momentum: float
) -> tf.Tensor:
    """The layer's convolution, with its batch normalisation or its bias."""
    # Standard deviations of the released recipe: .03 in heads and extra maps, .09 in the backbone.
    added = layer.name.startswith(("extra_", "box_head_", "class_head_"))
    initializer = tf_keras.initializers.TruncatedNormal(stddev=0.03 if added else 0.09)
    if folded:
        return FoldedConvolution(layer, initializer, name=layer.name, trainable=trained)(source)
    options = {
        "strides": layer.stride,
        "padding": "same",
        "use_bias": layer.batch_norm is None,
        "name": layer.name,
        "trainable": trained,
        # A head's outputs feed the losses, so they stay float32 under mixed precision.
        "dtype": "float32" if layer.batch_norm is None else None,
    }
    if layer.kind == "conv":
        x = tf_keras.layers.Conv2D(
            layer.out_channels, layer.kernel, kernel_initializer=initializer, **options
        )(source)
    else:
        x = tf_keras.layers.DepthwiseConv2D(layer.kernel, depthwise_initializer=initializer, **options)(
            source
        )
    if layer.batch_norm:
        x = tf_keras.layers.BatchNormalization(
            momentum=momentum, epsilon=BATCH_NORM_EPSILON, name=layer.batch_norm
        )(x)
    return x


class FoldedConvolution(tf_keras.layers.Layer):  # type: ignore[misc]
    """A convolution with the batch normalisation that follows it multiplied into its kernel.

    The statistics are fixed; kernel, gamma and beta are trained as if the normalisation were a layer of its
    own. One pass over the feature map instead of two, and nothing of the second to keep for the gradients.
    """

    def __init__(
        self, layer: Layer, initializer: tf_keras.initializers.Initializer, **options: object
    ) -> None:
        super().__init__(**options)
        self._layer = layer
        # float32 whatever the layer computes in: the product of kernel and factor must not be rounded twice.
        weight: dict[str, bool] = {"experimental_autocast": False}
        channels = (layer.out_channels,)
        self.kernel = self.add_weight("kernel", layer.kernel_shape, initializer=initializer, **weight)
        self.gamma = self.add_weight("gamma", channels, initializer="ones", **weight)
        self.beta = self.add_weight("beta", channels, initializer="zeros", **weight)
        weight["trainable"] = False
        self.moving_mean = self.add_weight("moving_mean", channels, initializer="zeros", **weight)
        self.moving_variance = self.add_weight("moving_variance", channels, initializer="ones", **weight)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """(B, H', W', C') from (B, H, W, C)."""
        factor = self.gamma * tf.math.rsqrt(self.moving_variance + BATCH_NORM_EPSILON)
        bias = self.beta - self.moving_mean * factor
        strides = [1, self._layer.stride, self._layer.stride, 1]
        if self._layer.kind == "conv" and self._layer.kernel == self._layer.stride == 1:
            # A matrix product, whose gradients cost a CPU less than those of a convolution.
            kernel = tf.cast(self.kernel * factor, inputs.dtype)[0, 0]
            x = tf.reshape(inputs, (-1, self._layer.in_channels)) @ kernel
            x = tf.reshape(x, (-1, *inputs.shape[1:3], self._layer.out_channels))
        elif self._layer.kind == "conv":
            kernel = tf.cast(self.kernel * factor, inputs.dtype)
            x = tf.nn.conv2d(inputs, kernel, strides, "SAME")
        else:
            kernel = tf.cast(self.kernel * factor[:, None], inputs.dtype)
            x = tf.nn.depthwise_conv2d(inputs, kernel, strides, "SAME")
        return tf.nn.bias_add(x, tf.cast(bias, inputs.dtype))


def _join(heads: tuple[str, ...], outputs: dict[str, tf.Tensor], columns: int, name: str) -> tf.Tensor:
    rows = [tf_keras.layers.Reshape((-1, columns), name=f"{head}_rows")(outputs[head]) for head in heads]
    # The same layer name as the output's key, so that exported models have stable output names.
    return tf_keras.layers.Concatenate(axis=1, name=name, dtype="float32")(rows)


def split_network(network: tf_keras.Model, spec: ModelSpec | ClassifierSpec, first: str) -> tf_keras.Model:
    """The part of a network from a layer on, which shares its layers and variables.

    Its inputs are a list of what ``architecture.crossing_layers`` names, in that order; its outputs are those
    of the network.

    Args:
        network: that ``build_network`` made with ``frozen_until`` at this layer.
        spec: what network it is.
        first: name of the first layer of the part.
    """
    layers = layers_of(spec)
    inputs = []
    for name in crossing_layers(layers, first):
        layer = layers[name]
        # Layers before the first that is trained are folded, so nothing else can follow them.
        last = layer.relu6 or (_name_of_sum(layer) if layer.shortcut else name)
        inputs.append(network.get_layer(last).output)
    outputs = dict(network.output)
    return tf_keras.Model(inputs, outputs, name=f"{network.name}_from_{first}")


def set_weights(network: tf_keras.Model, spec: ModelSpec | ClassifierSpec, weights: Weights) -> None:
    """Put weights into a network that ``build_network`` made; what they lack stays as it is.

    Raises:
        WeightsError: the weights are not those of the spec's network.
    """
    merged = {**get_weights(network, spec), **weights}
    check_weights(merged, layers_of(spec), origin="the weights")
    for key, variable in variables_by_key(network, spec).items():
        variable.assign(merged[key])


def get_weights(network: tf_keras.Model, spec: ModelSpec | ClassifierSpec) -> dict[str, FloatArray]:
    """The network's weights by key, for ``save_weights``."""
    return {key: variable.numpy() for key, variable in variables_by_key(network, spec).items()}


def variables_by_key(network: tf_keras.Model, spec: ModelSpec | ClassifierSpec) -> dict[str, tf.Variable]:
    """Each of the network's variables by its key among the weights."""
    variables = {}
    for layer in layers_of(spec).layers:
        if layer.kind == "mean":
            continue
        convolution = network.get_layer(layer.name)
        for key in layer.weight_shapes:
            owner, variable = key.split("/")
            folded = isinstance(convolution, FoldedConvolution)
            module = convolution if folded else network.get_layer(owner)
            if isinstance(module, tf_keras.layers.DepthwiseConv2D) and variable == "kernel":
                variable = "depthwise_kernel"
            variables[key] = getattr(module, variable)
    return variables
