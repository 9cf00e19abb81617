"""``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from detector import Detector, DetectorError, export, load_dataset
from detector.api.export import BundleName, FormatName, Precision
from detector.commands.export import export_command
from detector.exports import exporter
from detector.exports.bundles import BUNDLES
from detector.exports.outcome import ExportError
from detector.formats.network import PRECISIONS, Network
from detector.formats.table import FORMATS, read_spec
from detector.weights import Weights


def test_a_file_and_its_numbers_in_silence(
    released_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "<b>.tflite"
    written = export(released_weights, output=str(path), classes=["cat", "person"], dataset=load_dataset())
    assert capfd.readouterr() == ("", "")
    assert (written.path, written.files, written.size) == (path, (path,), path.stat().st_size)
    assert Detector.load(path).classes == ("person", "cat")
    (comparison,) = written.comparisons
    assert comparison.verdict.fault is None
    assert comparison.parity.images == 4
    assert comparison.parity.found_again == comparison.parity.detections > 0
    assert written.ap is not None
    assert written.ap.first.value == pytest.approx(written.ap.second.value)
    number = f"AP {100 * written.ap.first.value:.2f} -> "
    assert number in repr(written)
    assert "&lt;b&gt;.tflite" in written._repr_html_()


def test_a_bundle_is_all_of_its_files(released_weights: Path, tmp_path: Path) -> None:
    said: list[str] = []
    written = export(released_weights, bundle="python", output=tmp_path / "new", say=said.append)
    assert [file.name for file in written.files] == ["README.md", "detect.py", "ssdlite.tflite"]
    assert written.ap is None
    assert "Compared with the network on 4 images of the bundled photographs:" in said


def test_what_finds_something_else_is_refused_with_its_numbers(
    released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(weights: Weights, *arguments: Any) -> Network:
        broken = {key: np.zeros_like(weights[key]) for key in weights if key.startswith("class_head")}
        return Network({**weights, **broken}, *arguments)

    monkeypatch.setattr(exporter, "Network", lose)
    with pytest.raises(ExportError, match=r"is not the same detector: it loses .* points of AP") as refused:
        export(released_weights, output=tmp_path / "a.tflite", dataset=load_dataset())
    assert isinstance(refused.value, DetectorError)
    assert not list(tmp_path.iterdir())
    (comparison,) = refused.value.comparisons
    assert comparison.verdict.fault
    assert comparison.parity.ap is not None
    assert comparison.parity.ap.difference.value < 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"format": "pdf"}, "Expected format to be one of tflite, onnx"),
        ({"quantize": "int4"}, "Expected quantize to be one of none, fp16, int8"),
        ({"bundle": "toaster"}, "Expected bundle to be one of frigate"),
        ({"bundle": "python", "postprocess": True}, "knows what its consumer needs"),
        ({"model": ""}, "Expected a model's name"),
        ({"classes": 3}, "a list of names"),
        ({"input_size": 1.5}, "Expected an input size"),
        ({"input_size": (300, 512)}, "which can be two things"),
        ({"input_size": [300, 512]}, "ask for it with postprocess, or give one size"),
        ({"input_size": [300, 512], "bundle": "coral"}, "bundle coral is of one input size"),
        ({"max_ap_drop": -1}, "from 0 to 100 points"),
        ({"max_ap_drop": "much"}, "from 0 to 100 points"),
    ],
)
def test_mistakes(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        export(**wrong)


@pytest.mark.parametrize(
    ("size", "hw"), [(160, (160, 160)), ("160x192", (160, 192)), (["128", 160], (160, 160))]
)
def test_input_sizes(
    released_weights: Path, tmp_path: Path, size: int | str | list[int | str], hw: tuple[int, int]
) -> None:
    path = tmp_path / "a.tflite"
    several = isinstance(size, list)
    classes = ["cat", "person"]
    written = export(
        released_weights, output=path, input_size=size, classes=classes, postprocess=several
    )  # fmt: skip
    (comparison,) = written.comparisons
    assert comparison.parity.added == 0
    assert read_spec(path).input_hw == hw


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'quantise'"):
        export(quantise="int8")  # type: ignore[arg-type]


def test_what_may_be_said_is_what_there_is() -> None:
    options = {each.name: each.type for each in export_command.params}
    for option, words, known in (
        ("format_name", FormatName, FORMATS),
        ("quantize", Precision, PRECISIONS),
        ("bundle", BundleName, BUNDLES),
    ):
        assert get_args(words) == tuple(known)
        assert tuple(options[option].choices) == tuple(known)  # type: ignore[attr-defined]
