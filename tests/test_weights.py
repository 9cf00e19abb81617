import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.errors import ModelError, WeightsError
from detector.spec import ModelSpec
from detector.weights import fold_batch_norm, load_weights, save_weights, select_classes

SPEC = ModelSpec("tiny", ("cat", "dog", "red fox"), input_hw=(64, 64), width_multiplier=0.35)


@pytest.fixture
def weights():
    generator = np.random.default_rng(0)
    return {
        key: generator.random(shape, np.float32) + 0.1
        for key, shape in build_architecture(SPEC).weight_shapes.items()
    }


def test_round_trip(tmp_path, weights):
    save_weights(tmp_path / "w.npz", weights, SPEC)
    loaded, spec = load_weights(tmp_path / "w.npz")
    assert spec == SPEC
    assert loaded.keys() == weights.keys()
    for key in weights:
        np.testing.assert_array_equal(loaded[key], weights[key])
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, weights, share):
    path = tmp_path / "w.npz"
    save_weights(path, weights, SPEC)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=r"w\.npz"):
        load_weights(path)


def test_a_changed_byte_is_noticed(tmp_path, weights):
    path = tmp_path / "w.npz"
    save_weights(path, weights, SPEC)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(path)


@pytest.mark.parametrize("fault", ["missing", "shape", "unknown", "nan"])
def test_weights_of_another_network_are_refused(tmp_path, weights, fault):
    if fault == "missing":
        del weights["Conv1/kernel"]
    elif fault == "shape":
        weights["Conv1/kernel"] = weights["Conv1/kernel"][..., :-1]
    elif fault == "unknown":
        weights["Conv2/kernel"] = weights["Conv1/kernel"]
    else:
        weights["Conv1/kernel"][0, 0, 0, 0] = np.nan
    save_weights(tmp_path / "w.npz", weights, SPEC)
    with pytest.raises(WeightsError, match=r"Conv[12]/kernel"):
        load_weights(tmp_path / "w.npz")


def test_an_archive_without_a_spec_is_refused(tmp_path, weights):
    np.savez(tmp_path / "w.npz", **weights)
    with pytest.raises(WeightsError, match="not a weights file"):
        load_weights(tmp_path / "w.npz")


def test_select_classes_keeps_background_and_the_named_columns(weights):
    cut, spec = select_classes(weights, SPEC, ["Red_Fox", "cat"])
    assert spec.classes == ("cat", "red fox")
    bias = weights["class_head_1/bias"].reshape(6, 4)
    np.testing.assert_array_equal(cut["class_head_1/bias"].reshape(6, 3), bias[:, [0, 1, 3]])
    assert cut["class_head_0/kernel"].shape[-1] == 3 * 3
    np.testing.assert_array_equal(cut["box_head_0/kernel"], weights["box_head_0/kernel"])


def test_select_classes_suggests_the_nearest_name(weights):
    with pytest.raises(ModelError, match="no class 'dogs'; did you mean 'dog'"):
        select_classes(weights, SPEC, ["dogs"])
    with pytest.raises(ModelError, match="at least one"):
        select_classes(weights, SPEC, [])


def test_folding_by_hand(weights):
    # gamma 2, beta 3, mean 4, variance 1 - eps: y = 2 (x - 4) + 3 = 2 x - 5
    for key, value in {"gamma": 2, "beta": 3, "moving_mean": 4, "moving_variance": 1 - 1e-3}.items():
        weights[f"bn_Conv1/{key}"][:] = value
    kernel, bias = fold_batch_norm(weights, build_architecture(SPEC))["Conv1"]
    np.testing.assert_allclose(kernel, 2 * weights["Conv1/kernel"], rtol=1e-6)
    np.testing.assert_allclose(bias, -5, rtol=1e-5)


@pytest.mark.parametrize(("dtype", "fits"), [(np.float64, True), (np.float16, True), (np.int32, False)])
def test_weights_of_another_type(tmp_path, weights, dtype, fits):
    save_weights(tmp_path / "w.npz", {key: values.astype(dtype) for key, values in weights.items()}, SPEC)
    if not fits:
        with pytest.raises(WeightsError, match="not a weights file"):
            load_weights(tmp_path / "w.npz")
        return
    loaded, _ = load_weights(tmp_path / "w.npz")
    assert {values.dtype for values in loaded.values()} == {np.dtype(np.float32)}


def test_an_array_in_place_of_an_archive(tmp_path):
    np.save(tmp_path / "w.npy", np.zeros(3))
    (tmp_path / "w.npy").rename(tmp_path / "w.npz")
    with pytest.raises(WeightsError, match="not a weights file"):
        load_weights(tmp_path / "w.npz")
