"""What the cache holds is what was written, or it is made anew and that is said."""

from __future__ import annotations

import numpy as np
import pytest

from detector import Detector
from detector.commands.cli import main
from detector.system.cache import converted_folder
from detector.system.conversions import find_damaged_conversions, is_intact_conversion, store_conversion
from detector.weights import save_weights
from tests.formats.tflite.test_writer import SMALL, random_weights


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "cache"))
    save_weights(tmp_path / "small.npz", random_weights(SMALL), SMALL)
    return tmp_path / "small.npz"


def run(weights):
    said = []
    detector = Detector.load(weights, threads=1, say=said.append)
    image = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    return detector.backend.run(detector.preprocess(image))[0].copy(), said


def flip_a_bit(data):
    data[len(data) // 2] ^= 4


def cut(data):
    del data[-1000:]


@pytest.mark.parametrize("damage", [flip_a_bit, cut, bytearray.clear])
def test_a_damaged_conversion_is_made_anew(weights, damage):
    expected, said = run(weights)
    assert said == []
    (path,) = converted_folder().glob("*.tflite")
    whole = path.read_bytes()
    data = bytearray(whole)
    damage(data)
    path.write_bytes(data)
    assert find_damaged_conversions(converted_folder()) == [path]
    found, said = run(weights)
    np.testing.assert_array_equal(found, expected)
    assert len(said) == 1
    assert "made anew" in said[0]
    assert path.read_bytes() == whole
    assert find_damaged_conversions(converted_folder()) == []


def test_the_list_says_what_is_damaged(weights, capsys):
    run(weights)
    (path,) = converted_folder().glob("*.tflite")
    path.write_bytes(path.read_bytes()[:-1])
    main(["weights", "list"])
    assert f"{path}  DAMAGED" in capsys.readouterr().out


def test_a_conversion_without_its_digest_or_with_another_is_not_intact(tmp_path):
    path = tmp_path / "a.tflite"
    store_conversion(path, b"content")
    assert is_intact_conversion(path)
    record = tmp_path / "a.tflite.sha256"
    for text in ("", "0" * 64):
        other = tmp_path / f"b{len(text)}.tflite"
        store_conversion(other, b"content")
        other.with_name(f"{other.name}.sha256").write_text(text)
        assert not is_intact_conversion(other)
    record.unlink()
    path.write_bytes(b"content, and more")
    assert not is_intact_conversion(path)
    assert not is_intact_conversion(tmp_path / "absent.tflite")
