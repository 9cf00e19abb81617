"""The notebook for the first ten minutes does what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "first_steps.ipynb"
MOST_BYTES = 600_000
PICTURES = {"image/jpeg", "image/png"}


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds_of_outputs(cell: Any) -> set[str]:
    """What a reader sees below a cell: MIME types, and standard output; whether a library warns is the
    machine's.
    """
    shown = set()
    for output in cell.outputs:
        shown |= set(output.data) if "data" in output else {output.name}
    return shown - {"stderr"}


def test_it_is_stored_as_it_ran_from_top_to_bottom() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert sum(bool(kinds_of_outputs(cell) & PICTURES) for cell in cells) >= 3
    assert NOTEBOOK.stat().st_size < MOST_BYTES


def test_it_installs_nothing_by_itself() -> None:
    install, *others = code_cells(nbformat.read(NOTEBOOK, as_version=4))
    assert "%pip install '..[train]'" in install.source
    assert all(line.startswith("#") for line in install.source.splitlines())
    assert not [cell.source for cell in others if cell.source.lstrip().startswith(("%", "!"))]


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_is_stored(tmp_path: Path, released_weights: Path) -> None:
    pytest.importorskip("official")
    stored, ran = (nbformat.read(NOTEBOOK, as_version=4) for _ in range(2))
    NotebookClient(ran, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for before, after in zip(code_cells(stored), code_cells(ran), strict=True):
        assert after.source == before.source
        assert kinds_of_outputs(after) == kinds_of_outputs(before), before.source
    assert {path.name for path in tmp_path.iterdir()} == {"first_steps"}
    assert sum(bool(kinds_of_outputs(cell) & PICTURES) for cell in code_cells(ran)) >= 3
    printed = code_cells(ran)[-1].outputs[0].text
    assert {"ball", "star"} & set(printed.split()), "the exported file finds none of the stickers"
