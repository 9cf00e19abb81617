"""PyTorch's files: read to the bit, and nothing in them is ever run."""

import os
import pickle

import numpy as np
import pytest

from detector.errors import WeightsError
from detector.pretrained.imagenet.torch_file import read_torch_tensors
from tests.pretrained.imagenet.networks import write_torch

TENSORS = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "b": np.array([0.5, -2], np.float16),
    "count": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}
both = pytest.mark.parametrize("legacy", [True, False])


def read(tmp_path, content):
    path = tmp_path / "network.pth"
    path.write_bytes(content)
    return read_torch_tensors(path)


@both
def test_tensors_come_back_in_their_order_and_whole_numbers_are_left_out(tmp_path, legacy):
    found = read(tmp_path, write_torch(TENSORS, legacy=legacy))
    assert list(found) == ["a.weight", "b", "empty"]
    for name, values in found.items():
        np.testing.assert_array_equal(values, TENSORS[name])
        assert values.dtype == np.float32


class Call:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


HARMFUL = {
    "a command": Call(os.system, "touch harmed"),
    "code": Call(eval, "open('harmed', 'w')"),
    "a class": Call(os.environ.__class__.keys, {}),
    "an import": Call(__import__, "this"),
}


@both
@pytest.mark.parametrize("what", HARMFUL)
def test_what_would_be_called_is_refused_and_not_called(tmp_path, monkeypatch, what, legacy):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        WeightsError, match=r"network\.pth is damaged or is no state dict .*tensors alone"
    ) as caught:
        read(tmp_path, write_torch({**TENSORS, "x": HARMFUL[what]}, legacy=legacy))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "harmed").exists()


# Instructions of pickles that could build something else, by hand: each ends in a value on the stack.
PROGRAMS = {
    "a class by its module": pickle.dumps(os.getcwd, protocol=4),
    "an object": b"\x80\x02(ios\nsystem\n.",
    "an object from its class": b"\x80\x02cos\nsystem\n)\x81.",
    "an extension": b"\x80\x02\x82\x01.",
    "the state of a name": b"\x80\x02ccollections\nOrderedDict\n}b.",
    "arguments of an allowed name": b"\x80\x02ccollections\nOrderedDict\n(]tR.",
    "a name that is called as another": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "nothing": b"\x80\x02.",
    "a mark that is not there": b"\x80\x02t.",
    "what lies under a mark": b"\x80\x02}(s.",
    "no end": b"\x80\x02}",
    "a memo that is not there": b"\x80\x02h\x05.",
    "no dict": b"\x80\x02].",
    "a number": b"\x80\x02K\x01.",
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_other_programs_are_refused(tmp_path, what):
    import io
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", PROGRAMS[what])
    for content in (file.getvalue(), PROGRAMS[what]):
        with pytest.raises(WeightsError, match="no state dict"):
            read(tmp_path, content)


@both
def test_tensors_that_lie_otherwise_or_are_cut_short_are_refused(tmp_path, legacy):
    square = {"a": np.zeros((3, 3), np.float32)}
    for strides in ((1, 3), (0, 0), (3, 2), (3,), (2**40, 1)):
        with pytest.raises(WeightsError, match="no state dict"):
            read(tmp_path, write_torch(square, legacy=legacy, strides=strides))
    whole = write_torch(TENSORS, legacy=legacy)
    for end in range(0, len(whole) - 1, 7):
        with pytest.raises(WeightsError):
            read(tmp_path, whole[:end])


@both
def test_any_byte_may_be_another(tmp_path, legacy):
    whole = write_torch(TENSORS, legacy=legacy)
    random = np.random.default_rng(0)
    for position in random.choice(len(whole), 300, replace=False):
        damaged = bytearray(whole)
        damaged[position] ^= int(random.integers(1, 256))
        try:
            read(tmp_path, bytes(damaged))
        except WeightsError as error:
            assert "\n" not in str(error)  # noqa: PT017
