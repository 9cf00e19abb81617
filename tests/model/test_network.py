"""The TensorFlow network against the official graph, LiteRT, and keras.applications."""

from functools import cache

import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.errors import WeightsError
from detector.formats.tflite.writer import build_tflite
from detector.runtime.litert import LiteRTBackend
from detector.spec import ModelSpec
from detector.weights import load_weights
from tests.formats.tflite.test_writer import random_weights

pytestmark = pytest.mark.slow
tf_keras = pytest.importorskip("tf_keras")
network_module = pytest.importorskip("detector.model.network")
conversion = pytest.importorskip("studies.conversion")


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


@pytest.fixture(scope="module")
def released(released_weights):
    weights, spec = load_weights(released_weights)
    network = network_module.build_network(spec)
    network_module.set_weights(network, spec, weights)
    return network, spec, weights


def test_outputs_are_those_of_the_official_graph(released, golden):
    ids = [key.removesuffix("/input") for key in golden if key.endswith("/input")]
    outputs = released[0](np.stack([golden[f"{id_}/input"] for id_ in ids]), training=False)
    for name, values in outputs.items():
        expected = np.stack([golden[f"{id_}/{name}"] for id_ in ids])
        assert values.shape == expected.shape
        assert np.abs(values - expected).max() <= 2e-4


def test_parameters_are_those_that_the_architecture_counts(released):
    network, spec, _ = released
    trainable = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert trainable == build_architecture(spec).trainable_parameters == 4_337_013


def test_weights_come_back_as_they_went_in(released):
    network, spec, weights = released
    back = network_module.get_weights(network, spec)
    assert back.keys() == weights.keys()
    for key, values in weights.items():
        np.testing.assert_array_equal(back[key], values)


@pytest.mark.parametrize(("size_hw", "width"), [((300, 300), 0.35), ((320, 320), 1.4), ((97, 128), 0.5)])
def test_litert_and_tensorflow_agree_on_any_size(size_hw, width, tmp_path):
    spec = ModelSpec("test", ("cat", "dog"), input_hw=size_hw, width_multiplier=width)
    weights = random_weights(spec)
    network = network_module.build_network(spec)
    network_module.set_weights(network, spec, weights)
    path = tmp_path / "model.tflite"
    path.write_bytes(build_tflite(weights, spec))
    image = np.random.default_rng(1).uniform(-1, 1, (1, *size_hw, 3)).astype(np.float32)
    expected = network(image, training=False)
    box_encodings, class_logits = LiteRTBackend(path, 2).run(image)
    for found, name in ((box_encodings, "box_encodings"), (class_logits, "class_logits")):
        scale = np.abs(expected[name]).max()
        assert np.abs(found - expected[name][0]).max() <= 1e-4 * scale
        assert np.std(found) > 1e-3 * scale  # the inputs get through to the outputs


def test_the_file_that_is_written_is_the_one_that_tensorflow_converts(released, tmp_path, golden):
    _, spec, weights = released
    (tmp_path / "converted.tflite").write_bytes(conversion.convert_to_tflite(weights, spec))
    (tmp_path / "written.tflite").write_bytes(build_tflite(weights, spec))
    image = golden["139/input"][None]
    found = [LiteRTBackend(tmp_path / f"{name}.tflite", 1).run(image) for name in ("converted", "written")]
    for converted, written in zip(*found, strict=True):
        np.testing.assert_allclose(written, converted, atol=1e-3)


def test_the_backbone_is_that_of_keras_applications():
    spec = ModelSpec("test", ("cat",), input_hw=(96, 96), width_multiplier=0.35)
    network = network_module.build_network(spec)
    theirs = tf_keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, include_top=False, weights=None)
    for layer in theirs.layers:
        if layer.weights:
            values = layer.get_weights()
            if len(values) == 4:  # batch normalisation, whose fresh values are all alike
                values = [np.random.default_rng(2).uniform(0.5, 1.5, value.shape) for value in values]
                layer.set_weights(values)
            network.get_layer(layer.name).set_weights(values)
    names = ("block_13_expand_relu", "out_relu")
    image = np.random.default_rng(3).uniform(-1, 1, (2, 96, 96, 3)).astype(np.float32)
    outputs = [
        tf_keras.Model(model.input, [model.get_layer(name).output for name in names])(image)
        for model in (network, theirs)
    ]
    for mine, their in zip(*outputs, strict=True):
        assert np.std(mine) > 0
        np.testing.assert_allclose(mine, their, rtol=1e-5)


def test_momentum_reaches_the_layers():
    network = network_module.build_network(SMALL, batch_norm_momentum=0.9)
    assert network.get_layer("Conv_1_bn").momentum == 0.9
    assert not network.losses  # what is regularised is the task's affair


def test_training_with_batch_statistics_starts_from_nearly_the_same_function(released, coco_sample):
    from detector.images import load_image
    from detector.preprocess import Preprocessor

    network, spec, _ = released
    preprocess = Preprocessor(spec)
    batch = np.concatenate([preprocess(load_image(image.path)) for image in coco_sample.images[:24]])
    kept = [variable.numpy() for variable in network.variables]
    inference = network(batch, training=False)["class_logits"].numpy()
    training = network(batch, training=True)["class_logits"].numpy()
    for variable, value in zip(network.variables, kept, strict=True):
        variable.assign(value)
    # With mean 0 and variance 1, as folded weights have it, the correlation is next to nothing.
    assert np.corrcoef(inference.ravel(), training.ravel())[0, 1] > 0.95


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
