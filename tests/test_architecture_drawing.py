"""The drawing of the package in the documentation."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_the_drawing_is_what_the_imports_are() -> None:
    pytest.importorskip("grimp")
    made = runpy.run_path(str(DOCS / "architecture.py"))["draw"]()
    assert (DOCS / "architecture.svg").read_text("utf-8") == made, (
        "draw it anew: uv run --group dev docs/architecture.py"
    )


def test_every_room_has_a_line() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    for folder in (DOCS.parent / "detector").iterdir():
        if (folder / "__init__.py").exists():
            assert f"| `{folder.name}` |" in text
