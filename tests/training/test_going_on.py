"""A training that goes on from an earlier run, in processes, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import detector
from detector import Progress
from detector.data.readers.coco import save_coco
from detector.training.run_folder import RunFolder
from detector.weights import load_weights
from tests.data.labelled import CLASSES, Photo, write_voc
from tests.training.forked import run_forked, ssdlite
from tests.training.small_run import SETTINGS, validation_of, write_run, write_shapes

pytestmark = pytest.mark.slow
pytest.importorskip("official.core.base_trainer")
OWN = [each for each in SETTINGS if not each.startswith(("model.", "training.initial_weights"))]


class Killer:
    """A callback that ends its process at the second evaluation."""

    def on_evaluation(self, progress: Progress) -> None:
        if progress.step == 6:
            os.kill(os.getpid(), signal.SIGKILL)


def train_and_die(words: list[str]) -> None:
    """Train from Python: the dataset, the earlier run, and the folder of the new one."""
    dataset, earlier, run = words
    detector.train(
        dataset, output=run, from_run=earlier, keep_classes=["dog"], settings=OWN, callbacks=[Killer()]
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("going_on")
    run = write_run(root / "earlier", write_shapes(root / "shapes"))
    run.update_record(finished=True)
    save_coco(validation_of(run).dataset, run.validation)
    photos = [
        Photo(f"n{n}.jpg", (("bird", 5 + n, 4, 40 + n, 40),), "val" if n % 4 == 3 else "train")
        for n in range(8)
    ]
    write_voc(root / "new", photos)
    return root


def test_a_killed_run_is_gone_on_with_and_measured_against_the_earlier_one(place: Path) -> None:
    words = (place / "new", place / "earlier", place / "run")
    assert run_forked(train_and_die, *words).returncode == -signal.SIGKILL
    outcome = run_forked(ssdlite, "train", "--resume", place / "run")
    assert outcome.returncode == 0, outcome.stderr
    run = RunFolder(place / "run")
    record = run.load_record()
    assert record["finished"]
    assert record["columns"] == [*CLASSES, "bird"]
    assert record["teacher"]
    weights, spec = load_weights(run.weights)
    earlier, _ = load_weights(place / "earlier/model.npz")
    assert spec.classes == (*CLASSES, "bird")
    np.testing.assert_array_equal(weights["Conv1/kernel"], earlier["Conv1/kernel"])
    kept = json.loads((run.root / "retention.json").read_text())
    assert {each["name"] for each in kept["classes"]} <= set(CLASSES)
    assert kept["images"] == 2
    assert 'id="kept"' in (run.root / "report.html").read_text()
    last = outcome.stdout.strip().splitlines()
    assert any("What is kept, on 2 images that validated" in line for line in last[-6:])
    assert "So few images" in last[-1]
