"""The examples for MLflow and Weights & Biases log a training, without a network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from detector.evaluation.coco_metrics import METRICS
from detector.system.processes import code_command
from tests.docs.blocks import all_blocks
from tests.docs.tables import LOGGERS
from tests.training.small_run import SETTINGS, write_shapes

LOSSES = {"loss", "classification_loss", "localization_loss"}
SMALL = {key: value for key, value in (line.split("=") for line in SETTINGS) if key != "training.steps"}


def run_example(first_line: str, folder: Path, **environment: str) -> None:
    """Run the block that starts so in a fresh process, on a small dataset, in a folder."""
    (block,) = (block for block in all_blocks() if block.first_line == first_line)
    write_shapes(folder / "photos")
    assert "steps=500" in block.text
    code = block.text.replace("steps=500", f'steps=4, output="run", settings={SMALL}')
    done = subprocess.run(
        code_command(code),
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("first_line", LOGGERS)
def test_the_logger_itself_is_five_lines(first_line: str) -> None:
    (block,) = (block for block in all_blocks() if block.first_line == first_line)
    _, logger, _ = block.text.split("\n\n\n")
    assert len(list(filter(None, logger.splitlines()))) == 5


@pytest.mark.slow
def test_mlflow_has_the_losses_the_metrics_and_the_model(tmp_path: Path) -> None:
    pytest.importorskip("official")
    run_example(
        "import mlflow",
        tmp_path,
        MLFLOW_TRACKING_URI=(tmp_path / "store").as_uri(),
        MLFLOW_ALLOW_FILE_STORE="true",  # a database is the default, which takes two packages more
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )
    (metrics,) = tmp_path.glob("store/*/*/metrics")
    assert {path.name for path in metrics.iterdir()} == LOSSES | set(METRICS)
    lines = [line.split() for line in (metrics / "AP").read_text().splitlines()]
    assert [int(step) for _, _, step, *_ in lines] == [3, 4]
    (model,) = tmp_path.glob("store/*/*/artifacts/model.npz")
    assert model.read_bytes() == (tmp_path / "run/model.npz").read_bytes()


@pytest.mark.slow
def test_weights_and_biases_has_the_losses_the_metrics_and_the_model(tmp_path: Path) -> None:
    pytest.importorskip("official")
    run_example("import wandb", tmp_path, WANDB_MODE="offline", WANDB_ERROR_REPORTING="false")
    (log,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    content = log.read_bytes()
    for name in (*LOSSES, *METRICS, "model.npz"):
        assert name.encode() in content
