"""The TensorFlow network where only a part is trained, with live or with folded batch normalisation."""

from functools import cache

import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.errors import WeightsError
from detector.spec import ModelSpec
from tests.formats.tflite.test_writer import random_weights

pytestmark = pytest.mark.slow
tf_keras = pytest.importorskip("tf_keras")
network_module = pytest.importorskip("detector.model.network")

SMALL = ModelSpec("small", ("cat", "dog"), input_hw=(64, 96), width_multiplier=0.35)
# First trained layer and whether batch normalisation is live.
MODES = {
    "live": (None, True),
    "folded": (None, False),
    "half frozen, live": ("block_6_expand", True),
    "half frozen, folded": ("block_6_expand", False),
    "backbone frozen, live": ("extra_2_reduce", True),
    "all frozen but a head": ("class_head_5", False),
}
every_mode = pytest.mark.parametrize("mode", MODES)


@cache
def small_weights():
    return random_weights(SMALL)


@cache
def built(mode):
    first, live = MODES[mode]
    return network_module.build_network(SMALL, frozen_until=first, live_batch_norm=live)


def small_network(mode):
    """A network in one of the modes, with the same weights each time."""
    network = built(mode)
    network_module.set_weights(network, SMALL, small_weights())
    return network


def small_images(seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (2, *SMALL.input_hw, 3)).astype(np.float32)


def trained_layers(mode):
    layers = build_architecture(SMALL).layers
    first = MODES[mode][0]
    names = [layer.name for layer in layers]
    return layers[0 if first is None else names.index(first) :]


def trainable_by_key(network):
    """The variables that gradients are taken of; Keras leaves a frozen layer's variables marked trainable."""
    trainable = {variable.ref() for variable in network.trainable_variables}
    return {
        key: variable
        for key, variable in network_module.variables_by_key(network, SMALL).items()
        if variable.ref() in trainable
    }


@every_mode
def test_every_mode_infers_the_same(mode):
    expected = small_network("live")(small_images(), training=False)
    found = small_network(mode)(small_images(), training=False)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        scale = np.abs(values).max()
        assert np.abs(found[name] - values).max() <= 1e-4 * scale
        assert np.std(values) > 1e-3 * scale


@every_mode
def test_exactly_the_layers_from_the_first_trained_one_are_trained(mode):
    network = small_network(mode)
    layers = trained_layers(mode)
    trained = {key for layer in layers for key in layer.weight_shapes if "moving_" not in key}
    assert trainable_by_key(network).keys() == trained
    assert len(network.trainable_variables) == sum(3 if layer.batch_norm else 2 for layer in layers)
    parameters = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert parameters == sum(layer.trainable_parameters for layer in layers)
    # Nothing is left out: what the network holds is what has a key.
    variables = network_module.variables_by_key(network, SMALL)
    assert {v.ref() for v in network.variables} == {v.ref() for v in variables.values()}


@every_mode
def test_weights_come_back_as_they_went_in_in_every_mode(mode):
    network, weights = small_network(mode), small_weights()
    other = {key: values[..., ::-1] + 0.5 for key, values in weights.items()}
    network_module.set_weights(network, SMALL, other)
    back = network_module.get_weights(network, SMALL)
    assert back.keys() == weights.keys() == build_architecture(SMALL).weight_shapes.keys()
    for key, values in other.items():
        np.testing.assert_array_equal(back[key], values)
    # A part goes in and the rest stays.
    part = {key: weights[key] for key in ("Conv1/kernel", "block_1_expand_BN/gamma", "box_head_0/bias")}
    network_module.set_weights(network, SMALL, part)
    back = network_module.get_weights(network, SMALL)
    for key, values in {**other, **part}.items():
        np.testing.assert_array_equal(back[key], values)


@pytest.mark.parametrize("mode", ["live", "folded"])
def test_weights_of_another_network_are_refused_in_every_mode(mode):
    network, weights = small_network(mode), small_weights()
    for wrong in (
        {"Conv2/kernel": np.zeros(1, np.float32)},
        {"Conv1/kernel": weights["Conv1/kernel"][..., :3]},
    ):
        with pytest.raises(WeightsError, match=r"Conv[12]/kernel"):
            network_module.set_weights(network, SMALL, wrong)


@every_mode
def test_only_live_statistics_move_while_training(mode):
    network = small_network(mode)
    network(small_images(), training=True)
    after = network_module.get_weights(network, SMALL)
    moved = {key for key, values in small_weights().items() if not np.array_equal(after[key], values)}
    live = [layer for layer in trained_layers(mode) if layer.batch_norm and MODES[mode][1]]
    assert moved == {f"{layer.batch_norm}/moving_{what}" for layer in live for what in ("mean", "variance")}


@pytest.mark.parametrize("mode", ["folded", "half frozen, folded", "all frozen but a head"])
def test_without_live_statistics_training_computes_what_inference_computes(mode):
    network = small_network(mode)
    training, inference = (network(small_images(), training=flag) for flag in (True, False))
    for name, values in inference.items():
        np.testing.assert_array_equal(training[name], values)


def gradients_by_key(network, training):
    import tensorflow as tf

    rng = np.random.default_rng(5)
    variables = trainable_by_key(network)
    with tf.GradientTape() as tape:
        outputs = network(small_images(), training=training)
        loss = tf.add_n(
            [
                tf.reduce_sum(outputs[name] * rng.normal(size=outputs[name].shape).astype(np.float32))
                for name in sorted(outputs)
            ]
        )
    return dict(zip(variables, tape.gradient(loss, list(variables.values())), strict=True))


@pytest.mark.parametrize("mode", ["folded", "half frozen, folded"])
def test_gradients_are_those_of_a_normalisation_with_fixed_statistics(mode):
    expected = gradients_by_key(small_network("live"), training=False)
    found = gradients_by_key(small_network(mode), training=True)
    assert found.keys() <= expected.keys()
    assert len(found) == len(built(mode).trainable_variables)
    for key, values in found.items():
        size = np.linalg.norm(expected[key])
        assert size > 0
        assert np.linalg.norm(values - expected[key]) <= 1e-3 * size


@pytest.mark.parametrize("name", ["Conv1", "block_1_expand", "block_1_depthwise", "block_2_depthwise"])
def test_one_folded_convolution_against_two_layers(name):
    """Kernels of 3 and 1, strides of 1 and 2, both kinds."""
    import tensorflow as tf

    layer = build_architecture(SMALL)[name]
    rng = np.random.default_rng(6)
    folded = network_module.FoldedConvolution(layer, "glorot_uniform")
    options = {"strides": layer.stride, "padding": "same", "use_bias": False}
    if layer.kind == "conv":
        convolution = tf_keras.layers.Conv2D(layer.out_channels, layer.kernel, **options)
    else:
        convolution = tf_keras.layers.DepthwiseConv2D(layer.kernel, **options)
    norm = tf_keras.layers.BatchNormalization(epsilon=1e-3)
    image = tf.constant(rng.normal(size=(2, 9, 8, layer.in_channels)), tf.float32)
    norm(convolution(image))
    values = [rng.normal(size=layer.kernel_shape)]
    values += [rng.uniform(0.5, 1.5, layer.out_channels) for _ in range(4)]
    folded.set_weights(values)
    convolution.set_weights(values[:1])
    norm.set_weights(values[1:])
    results = []
    for call, variables in (
        (folded, folded.trainable_weights),
        (
            lambda x: norm(convolution(x), training=False),
            convolution.trainable_weights + norm.trainable_weights,
        ),
    ):
        with tf.GradientTape() as tape:
            tape.watch(image)
            output = call(image)
            loss = tf.reduce_sum(tf.sin(output))
        results.append([output, *tape.gradient(loss, [*variables, image])])
    assert len(results[0]) == 5  # output, kernel, gamma, beta, image
    for mine, theirs in zip(*results, strict=True):
        assert mine.shape == theirs.shape
        assert np.linalg.norm(mine - theirs) <= 1e-4 * np.linalg.norm(theirs)


@pytest.mark.parametrize("mode", ["live", "half frozen, folded"])
def test_in_bfloat16_outputs_stay_close_and_weights_stay_float32(mode):
    expected = small_network(mode)(small_images(), training=False)
    policy = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        first, live = MODES[mode]
        network = network_module.build_network(SMALL, frozen_until=first, live_batch_norm=live)
        network_module.set_weights(network, SMALL, small_weights())
        found = network(small_images(), training=False)
    finally:
        tf_keras.mixed_precision.set_global_policy(policy)
    assert network.get_layer("block_6_expand").compute_dtype == "bfloat16"
    assert {variable.dtype.name for variable in network.variables} == {"float32"}
    for key, values in network_module.get_weights(network, SMALL).items():
        np.testing.assert_array_equal(values, small_weights()[key])
    for name, values in expected.items():
        assert found[name].dtype == values.dtype == "float32"
        difference = np.abs(found[name] - values).max() / np.abs(values).max()
        assert 1e-5 < difference < 0.05
