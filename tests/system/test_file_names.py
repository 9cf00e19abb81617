from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.system.file_names import safe_file_name

ODD = [
    "", ".", "..", "...", "/", "\\", "/etc/passwd", "../../x", "C:\\x", "C:x", "a/b", "a\0b", "a\nb", "~",
    "-rf", ".hidden", "CON", "nul.txt", "com1", "LPT9.x", "COM\u00b9", "a:stream", "n" * 1000, "ö" * 1000,
    "a.", "a ", "\ud800", "a*?<>|b", "\u202etxt.exe", "\u2215\u2044", "$(x)", "`x`",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_odd_names(name: str) -> None:
    assert_is_a_file_name(safe_file_name(name))


@given(st.text())
def test_any_name(name: str) -> None:
    assert_is_a_file_name(safe_file_name(name))


def assert_is_a_file_name(safe: str) -> None:
    for path in (Path(safe), PureWindowsPath(safe)):
        assert path.name == safe
        assert not path.is_absolute()
        assert len(path.parts) == 1
    assert not PureWindowsPath(safe).is_reserved()
    assert safe.isprintable()
    assert 0 < len(safe.encode()) <= 110
    assert safe[0] not in ".-~ "
    assert safe[-1] not in ". "
    assert safe_file_name(safe) == safe


@pytest.mark.parametrize(
    "name", ["ssdlite_mobilenet_v2_coco", "raccoons-2", "v1.2", "my model", "Möwe", "Affe (2)"]
)
def test_common_names_stay(name: str) -> None:
    assert safe_file_name(name) == name
