import io
import os
import struct
import zipfile

import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.errors import DetectorError, ModelError, WeightsError
from detector.formats.table import read_spec
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


def write_archive(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def npy(header, content=b""):
    """A .npy file with a header of one's own."""
    text = repr(header).encode() if isinstance(header, dict) else header
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + content


def array(shape, descr="<f4", content=b""):
    return npy({"descr": descr, "fortran_order": False, "shape": shape}, content)


def spec_array(text=None):
    stream = io.BytesIO()
    np.save(stream, np.array(text or SPEC.to_json()))
    return stream.getvalue()


HOSTILE = {
    "a bomb": {"model_spec.npy": spec_array(), "Conv1/kernel.npy": array((1 << 26,), content=bytes(1 << 28))},
    "a spec without end": {"model_spec.npy": array((), "<U50000000", bytes(200_000_000))},
    "a claim": {"model_spec.npy": spec_array(), "Conv1/kernel.npy": array((1 << 60,))},
    "a claim in two axes": {"model_spec.npy": spec_array(), "Conv1/kernel.npy": array((1 << 40, 1 << 40))},
    "a negative axis": {"model_spec.npy": spec_array(), "Conv1/kernel.npy": array((-1,))},
    "objects": {"model_spec.npy": array((), "|O", b"cos\nsystem\n(S'true'\ntR.")},
    "a huge type": {"model_spec.npy": array((), "|V99999999999")},
    "a deep header": {"model_spec.npy": npy(b"(" * 60_000)},
    "a sum for a header": {"model_spec.npy": npy(b"-" * 9000 + b"1")},
    "code for a header": {"model_spec.npy": npy(b"__import__('os').system('true')")},
    "an open bracket": {"model_spec.npy": npy(b"{'descr': (")},
    "another version": {"model_spec.npy": b"\x93NUMPY\x02\0" + struct.pack("<I", 1 << 31)},
    "a letter that is none": {"model_spec.npy": array((), "<U1", b"\xff\xff\xff\xff")},
    "no array": {"model_spec.npy": b"text"},
    "numbers for a spec": {"model_spec.npy": array((), "<f4", bytes(4))},
    "a hostile spec": {"model_spec.npy": spec_array("[" * 100_000)},
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_an_archive_that_was_made_to_do_harm_is_refused(tmp_path, members):
    write_archive(tmp_path / "w.npz", members)
    with pytest.raises(DetectorError):
        load_weights(tmp_path / "w.npz")


def test_an_archive_that_expands_without_bounds_is_refused_before_it_does(tmp_path):
    write_archive(tmp_path / "w.npz", {f"{k}.npy": bytes(1 << 22) for k in range(20)})
    with pytest.raises(WeightsError, match="expand"):
        load_weights(tmp_path / "w.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions_are_refused(tmp_path, method):
    write_archive(tmp_path / "w.npz", {"model_spec.npy": spec_array()}, method)
    with pytest.raises(WeightsError, match="compressed"):
        load_weights(tmp_path / "w.npz")


def test_a_directory_of_a_million_members_is_refused(tmp_path):
    write_archive(tmp_path / "w.npz", {f"{k:0200}": b"" for k in range(5000)})
    with pytest.raises(WeightsError, match="directory"):
        load_weights(tmp_path / "w.npz")


@pytest.mark.parametrize("name", ["w.npz", "w.tflite", "w.onnx", "w.xml"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes here")
    os.mkfifo(tmp_path / name)
    with pytest.raises(DetectorError, match="not a regular file"):
        (load_weights if name == "w.npz" else read_spec)(tmp_path / name)
