"""A run that is over, without a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.readers.coco import save_coco
from detector.training.run_folder import RunFolder
from tests.training.small_run import validation_of, write_run, write_shapes

PLAN = ["   dataset  shapes", "            (input size: 96, as was asked for)"]


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "shapes")


@pytest.fixture
def ended(shapes: Path, tmp_path: Path) -> RunFolder:
    """A run that has come to its end."""
    run = write_run(tmp_path / "run", shapes)
    save_coco(validation_of(run).dataset, run.validation)
    run.update_record(plan=PLAN, objects={"cat": 2, "dog": 2, "traffic light": 2}, finished=True)
    return run
