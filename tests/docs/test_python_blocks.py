"""Every example in Python in README.md and docs/ runs: those of a page after each other, as in a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import all_blocks
from tests.docs.tables import LOGGERS, PYTHON
from tests.docs.workplace import copy_workplace

EXAMPLES = [block for block in all_blocks() if block.language == "python"]
PAGES = sorted({block.page for block in EXAMPLES})
HERE = [block for block in EXAMPLES if block.first_line not in LOGGERS]


def test_no_substitution_is_left_over() -> None:
    assert [text for text in PYTHON if not any(text in block.text for block in EXAMPLES)] == []


@pytest.mark.parametrize("page", PAGES)
def test_examples_are_python(page: str) -> None:
    for block in EXAMPLES:
        if block.page == page:
            compile(block.text, f"{page}:{block.line}", "exec")


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({block.page for block in HERE}))
def test_examples_run(
    page: str,
    workplace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("official")
    copy_workplace(workplace, tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in HERE:
        if block.page != page:
            continue
        code = block.text
        for said, run in PYTHON.items():
            code = code.replace(said, run)
        lines = "\n" * block.line  # so that a traceback names the page's line
        exec(compile(lines + code, page, "exec"), names)
    assert "Traceback" not in capsys.readouterr().err
