from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st

from detector.architecture import build_architecture
from detector.formats.tflite.calibration import calibrate
from detector.formats.tflite.quantization import dequantize_kernel, quantize_kernel, range_to_scale
from detector.formats.tflite.writer import build_tflite
from detector.numpy_network import NumpyNetwork
from detector.runtime.litert import LiteRTBackend
from detector.weights import fold_batch_norm
from tests.formats.tflite.test_writer import SMALL, random_weights

WEIGHTS = random_weights(SMALL)


@pytest.fixture(scope="module")
def inputs():
    generator = np.random.default_rng(1)
    return [generator.uniform(-1, 1, (1, *SMALL.input_hw, 3)).astype(np.float32) for _ in range(3)]


@pytest.fixture(scope="module")
def quantization(inputs):
    return calibrate(WEIGHTS, SMALL, inputs)


def run(tmp_path, network_input, **options):
    path = tmp_path / "model.tflite"
    path.write_bytes(build_tflite(WEIGHTS, SMALL, **options))
    return LiteRTBackend(path, 1).run(network_input)


def relative_error(outputs, expected):
    """Root mean square of the error over that of the deviation from the mean, for both outputs."""
    return [float((o - e).std() / e.std()) for o, e in zip(outputs, expected, strict=True)]


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_a_scale_spans_its_range_and_has_an_integer_for_zero(one, other):
    low, high = min(one, other), max(one, other)
    scale = range_to_scale(low, high)
    assert -128 <= scale.zero_point <= 127
    step = float(scale.scale[0])
    least, most = ((integer - scale.zero_point) * step for integer in (-128, 127))
    assert least <= min(low, 0) + step
    assert most >= max(high, 0) - step


def test_kernels_are_rounded_by_channel():
    kernel = np.zeros((2, 1, 1, 3), np.float32)
    kernel[0, 0, 0] = [1.27, -0.5, 0.004]
    integers, scales = quantize_kernel(kernel, axis=0)
    # 1.27 / 127 = .01 a step: -.5 is -50 steps, .004 less than half of one.
    assert integers[0, 0, 0].tolist() == [127, -50, 0]
    assert scales[0] == pytest.approx(0.01)
    assert integers[1].max() == 0  # a channel of zeros stays one
    assert dequantize_kernel(integers, scales, 0)[0, 0, 0].tolist() == pytest.approx([1.27, -0.5, 0])


def test_a_bias_is_what_it_was_where_its_channel_hardly_reads_anything(tmp_path, inputs, quantization):
    """Batch norm leaves channels with kernels of next to nothing and a bias as large as any."""
    name, weights = "box_head_0_depthwise", dict(WEIGHTS)
    layer = build_architecture(SMALL)[name]
    weights[f"{layer.batch_norm}/gamma"] = np.full(layer.out_channels, 1e-4, np.float32)
    weights[f"{layer.batch_norm}/beta"] = np.linspace(-5, 5, layer.out_channels, dtype=np.float32)
    expected = fold_batch_norm(weights, build_architecture(SMALL))[name][1]
    path = tmp_path / "model.tflite"
    path.write_bytes(build_tflite(weights, SMALL, quantization=replace(quantization, bias_corrections={})))
    interpreter = Interpreter(str(path))
    (bias,) = (each for each in interpreter.get_tensor_details() if each["name"] == f"{name}/bias")
    scales = bias["quantization_parameters"]["scales"]
    assert interpreter.get_tensor(bias["index"]) * scales == pytest.approx(expected, abs=2e-4)


def test_ranges_are_what_occurred(inputs, quantization):
    network = NumpyNetwork(WEIGHTS, SMALL)
    activations = [dict(network.activations(network_input)) for network_input in inputs]
    name = "block_3_expand"
    assert quantization.ranges[name] == pytest.approx(
        (
            min(0, *(float(each[name].min()) for each in activations)),
            max(float(each[name].max()) for each in activations),
        )
    )
    assert quantization.ranges["image"] == pytest.approx((-1, 1))


def test_the_background_does_not_widen_the_range_of_a_class_head(inputs):
    weights = dict(WEIGHTS)
    bias = weights["class_head_0/bias"].copy()
    bias[:: len(SMALL.classes) + 1] = 1000
    weights["class_head_0/bias"] = bias
    assert calibrate(weights, SMALL, inputs).ranges["class_head_0"][1] < 500


def test_biases_take_back_what_rounding_adds(inputs, quantization):
    """Of a 1x1 convolution, the mean output is the kernel's product with the mean input."""
    architecture = build_architecture(SMALL)
    layer = architecture["block_1_expand"]
    kernel = fold_batch_norm(WEIGHTS, architecture)[layer.name][0]
    network = NumpyNetwork(WEIGHTS, SMALL)
    mean = np.mean([dict(network.activations(x))[layer.source].mean((0, 1)) for x in inputs], axis=0)
    added = mean @ (dequantize_kernel(*quantize_kernel(kernel, 3), 3) - kernel)[0, 0]
    assert np.abs(added).max() > 1e-4
    assert quantization.bias_corrections[layer.name] == pytest.approx(-added, rel=1e-3, abs=1e-6)


def test_int8_outputs_are_near_the_networks(tmp_path, inputs, quantization):
    expected = NumpyNetwork(WEIGHTS, SMALL).run(inputs[0])
    errors = relative_error(run(tmp_path, inputs[0], quantization=quantization), expected)
    uncorrected = replace(quantization, bias_corrections={})
    errors_without = relative_error(run(tmp_path, inputs[0], quantization=uncorrected), expected)
    assert max(errors) < 0.2
    assert sum(errors) < sum(errors_without)
    interpreter = Interpreter(str(tmp_path / "model.tflite"))
    kinds = {detail["name"]: detail["dtype"] for detail in interpreter.get_tensor_details()}
    assert kinds["block_3_expand/kernel"] == kinds["block_3_expand"] == np.int8


def test_layers_can_stay_in_float32(tmp_path, inputs, quantization):
    everything = frozenset(layer.name for layer in build_architecture(SMALL).layers)
    expected = NumpyNetwork(WEIGHTS, SMALL).run(inputs[0])
    whole = run(tmp_path, inputs[0], quantization=replace(quantization, float_layers=everything))
    assert max(relative_error(whole, expected)) < 1e-4
    heads = frozenset(name for name in everything if "head" in name)
    mixed = run(tmp_path, inputs[0], quantization=replace(quantization, float_layers=heads))
    assert 1e-4 < max(relative_error(mixed, expected)) < 0.2


def test_half_the_size_with_nearly_the_same_outputs(tmp_path, inputs):
    expected = NumpyNetwork(WEIGHTS, SMALL).run(inputs[0])
    assert max(relative_error(run(tmp_path, inputs[0], half=True), expected)) < 0.01
    whole, half = (len(build_tflite(WEIGHTS, SMALL, half=half)) for half in (False, True))
    assert half < 0.6 * whole


def test_integer_heads_share_a_scale(inputs):
    ranges = calibrate(WEIGHTS, SMALL, inputs, integer_heads=True).ranges
    for head in ("box_head", "class_head"):
        assert len({ranges[f"{head}_{number}"] for number in range(6)}) == 1


def test_nothing_to_calibrate_on():
    with pytest.raises(ValueError, match="at least one image"):
        calibrate(WEIGHTS, SMALL, [])
