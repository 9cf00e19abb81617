"""Runs commands on models and datasets in temporary folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.commands.cli import main
from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import (
    Outcome,
    Run,
    sample_content,
)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process; captures what native libraries print, too."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Outcome(code, *capfd.readouterr())

    return call


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Writes the bundled sample as a dataset after a function has changed it; returns its folder."""

    def build(
        change: Callable[[dict[str, Any]], object] = lambda content: None, name: str = "instances.json"
    ) -> Path:
        folder = tmp_path / "dataset"
        shutil.copytree(SAMPLE_FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "*.json", "__pycache__"))
        content = sample_content()
        change(content)
        (folder / name).write_text(json.dumps(content))
        return folder

    return build


@pytest.fixture(scope="module")
def sample_output(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an evaluation of the bundled sample has written."""
    folder = tmp_path_factory.mktemp("sample") / "new" / "output"
    main(["eval", "--model", str(model), "--output", str(folder)])
    return folder
