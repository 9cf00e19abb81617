from __future__ import annotations

import numpy as np
import pytest

from detector.architecture import Architecture, build_architecture
from detector.boxes import FloatArray
from detector.pretrained.folded_batch_norm import measure_statistics, unfold_batch_norm
from detector.spec import ModelSpec
from detector.weights import BATCH_NORM_EPSILON, fold_batch_norm

SPEC = ModelSpec(name="small", classes=("a", "b"), input_hw=(64, 64), width_multiplier=0.35)
# Odd sizes are padded otherwise than even ones.
ODD = ModelSpec(name="small", classes=("a", "b"), input_hw=(75, 61), width_multiplier=0.35)


def random_weights(architecture: Architecture) -> dict[str, FloatArray]:
    """Weights that keep the signal from fading, with batch normalisation that does something."""
    random = np.random.default_rng(0)
    weights = {}
    for layer in architecture.layers:
        fan_in = np.prod(layer.kernel_shape[:2]) * (layer.in_channels if layer.kind == "conv" else 1)
        weights[f"{layer.name}/kernel"] = random.normal(0, (2 / fan_in) ** 0.5, layer.kernel_shape)
        size = layer.out_channels
        if layer.batch_norm is None:
            weights[f"{layer.name}/bias"] = random.normal(size=size)
            continue
        weights[f"{layer.batch_norm}/gamma"] = random.uniform(0.5, 2, size)
        weights[f"{layer.batch_norm}/beta"] = random.normal(size=size)
        weights[f"{layer.batch_norm}/moving_mean"] = random.normal(size=size)
        weights[f"{layer.batch_norm}/moving_variance"] = random.uniform(0.5, 2, size)
    return {key: values.astype(np.float32) for key, values in weights.items()}


def fold(weights: dict[str, FloatArray], architecture: Architecture) -> dict[str, FloatArray]:
    """The same network with the factors in its kernels and normalisation that only adds a shift."""
    folded = dict(weights)
    for layer in architecture.layers:
        if layer.batch_norm is None:
            continue
        kernel, shift = fold_batch_norm(weights, architecture)[layer.name]
        folded[f"{layer.name}/kernel"] = kernel
        ones = np.ones(layer.out_channels, np.float32)
        folded[f"{layer.batch_norm}/gamma"] = ones
        folded[f"{layer.batch_norm}/beta"] = shift
        folded[f"{layer.batch_norm}/moving_mean"] = 0 * ones
        folded[f"{layer.batch_norm}/moving_variance"] = ones - np.float32(BATCH_NORM_EPSILON)
    return folded


def images(spec: ModelSpec) -> FloatArray:
    return np.random.default_rng(1).uniform(-1, 1, (2, *spec.input_hw, 3)).astype(np.float32)


def test_unfolding_leaves_what_is_computed() -> None:
    architecture = build_architecture(SPEC)
    folded = fold(random_weights(architecture), architecture)
    statistics = measure_statistics(folded, architecture, images(SPEC))
    normalised = [layer for layer in architecture.layers if layer.batch_norm]
    unfolded = dict(folded)
    unfold_batch_norm(unfolded, normalised, statistics)
    for layer in normalised:
        np.testing.assert_array_equal(
            unfolded[f"{layer.batch_norm}/moving_mean"], statistics[f"{layer.name}/mean"]
        )
        assert not np.allclose(unfolded[f"{layer.batch_norm}/gamma"], 1)
    expected = fold_batch_norm(folded, architecture)
    for name, arrays in fold_batch_norm(unfolded, architecture).items():
        for mine, theirs in zip(arrays, expected[name], strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4, err_msg=name)


def test_only_the_named_layers_are_unfolded() -> None:
    architecture = build_architecture(SPEC)
    folded = fold(random_weights(architecture), architecture)
    unfolded = dict(folded)
    size = architecture["Conv1"].out_channels
    statistics = {"Conv1/mean": np.full(size, 2, np.float32), "Conv1/variance": np.full(size, 3, np.float32)}
    unfold_batch_norm(unfolded, [architecture["Conv1"]], statistics)
    changed = {key for key in folded if not np.array_equal(folded[key], unfolded[key])}
    assert changed == {f"bn_Conv1/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")}


def test_normalising_with_the_measured_statistics_normalises() -> None:
    # In training the batch's own statistics take the place of the stored ones; they must be the same.
    architecture = build_architecture(SPEC)
    folded = fold(random_weights(architecture), architecture)
    statistics = measure_statistics(folded, architecture, images(SPEC))
    unfold_batch_norm(folded, [layer for layer in architecture.layers if layer.batch_norm], statistics)
    again = measure_statistics(folded, architecture, images(SPEC))
    assert again.keys() == statistics.keys()
    for key, values in statistics.items():
        np.testing.assert_allclose(again[key], values, rtol=1e-3, atol=1e-3, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [SPEC, ODD], ids=["even", "odd"])
def test_statistics_are_those_of_tensorflow(spec: ModelSpec) -> None:
    pytest.importorskip("tensorflow")
    import tf_keras

    from detector.model.network import build_network, set_weights

    architecture = build_architecture(spec)
    weights = random_weights(architecture)
    statistics = measure_statistics(weights, architecture, images(spec))

    network = build_network(spec)
    set_weights(network, spec, fold(weights, architecture))
    normalised = [layer.name for layer in architecture.layers if layer.batch_norm]
    inputs = tf_keras.Model(network.input, [network.get_layer(name).output for name in normalised])
    assert statistics.keys() == {f"{name}/{what}" for name in normalised for what in ("mean", "variance")}
    for name, values in zip(normalised, inputs(images(spec)), strict=True):
        x = values.numpy().astype(np.float64)
        # Rounding grows from layer to layer; wrong padding would be off by tenths.
        power = (x**2).mean()
        for what, expected, scale in (
            ("mean", x.mean((0, 1, 2)), np.sqrt(power)),
            ("variance", x.var((0, 1, 2)), power),
        ):
            found = statistics[f"{name}/{what}"]
            np.testing.assert_allclose(
                found, expected, rtol=1e-3, atol=1e-3 * scale, err_msg=f"{name}/{what}"
            )
