"""``ssdlite train`` from end to end, and the writing of records, in processes that may be stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.data.folder import load_labelled_folder
from tests.data.labelled import CLASSES, Photo, write_coco, write_voc
from tests.training.forked import Forked, run_forked, ssdlite

pytestmark = pytest.mark.slow
pytest.importorskip("official.core.base_trainer")

QUICK = (
    "training.steps=6",
    "training.evaluate_every=3",
    "training.frozen_until=heads",
    "training.batch_size=4",
)


def photos() -> list[Photo]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(12):
        left, top = rng.integers(0, 150, 2)
        box = (CLASSES[number % 3], int(left), int(top), int(left) + 120, int(top) + 90)
        split = "val" if number % 4 == 3 else "train"
        found.append(Photo(f"photo {number}.jpg", (box,), split, (320, 240)))
    return found


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("data") / "shapes", photos())


def options(settings: tuple[str, ...]) -> list[str]:
    return [option for setting in settings for option in ("--set", setting)]


def start_training(*arguments: object, settings: tuple[str, ...] = QUICK, **environment: str) -> Forked:
    return Forked(ssdlite, "train", *arguments, *options(settings), **environment)


def train(*arguments: object, settings: tuple[str, ...] = QUICK) -> subprocess.CompletedProcess[str]:
    return run_forked(ssdlite, "train", *arguments, *options(settings))


def read_history(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def by_step(run: Path, key: str) -> dict[int, float]:
    return {entry["step"]: entry[key] for entry in read_history(run) if key in entry}


@pytest.fixture(scope="module")
def whole_run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    command = [sys.executable, "-m", "detector.commands.cli", "train", dataset, "--output", run]
    outcome = subprocess.run(
        [*command, *options(QUICK)], capture_output=True, text=True, timeout=300, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    (run / "stdout.txt").write_text(outcome.stdout)
    return run


def test_a_run_folder_holds_everything(whole_run: Path) -> None:
    files = ("model.npz", "model.tflite", "config.yaml", "metrics.json", "validation.json", "curves.png")
    for name in (*files, "predictions.jpg"):
        assert (whole_run / name).stat().st_size > 0, name
    assert list((whole_run / "tensorboard/train").iterdir())
    assert list((whole_run / "tensorboard/validation").iterdir())
    assert by_step(whole_run, "AP").keys() == {3, 6}
    assert (
        max(by_step(whole_run, "AP").values()) == json.loads((whole_run / "metrics.json").read_text())["AP"]
    )


def test_the_plan_and_the_next_commands_are_printed(whole_run: Path) -> None:
    printed = (whole_run / "stdout.txt").read_text()
    for part in (
        "train 9, validate 3",
        "cat, dog, traffic light",
        "class columns of",
        "3 validation images with 3 objects: expect AP to be known to about",
        f"--model {whole_run}",
    ):
        assert part in printed


def test_the_next_command_gives_the_number_of_the_run(whole_run: Path) -> None:
    arguments = ["eval", whole_run / "validation.json", "--model", whole_run, "--output", whole_run / "again"]
    run_forked(ssdlite, *arguments).check_returncode()
    again = json.loads((whole_run / "again/metrics.json").read_text())
    first = json.loads((whole_run / "metrics.json").read_text())
    for name in ("AP", "AP50", "AR100"):
        assert again[name] == pytest.approx(first[name], abs=1e-9)


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_happened(
    whole_run: Path, dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "killed"
    process = start_training(dataset, "--output", run)
    deadline = time.monotonic() + 200
    while not any((run / "checkpoints").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    second = train("--resume", run, settings=())
    process.send_signal(signal.SIGKILL)
    assert second.returncode == 2
    assert f"is being trained by process {process.pid} on" in second.stderr
    process.communicate()
    if json.loads((run / "run.json").read_text())["finished"]:
        pytest.fail("the run was over before it was killed")
    outcome = train("--resume", run, settings=())
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    for key in ("AP", "learning_rate"):
        resumed, uninterrupted = by_step(run, key), by_step(whole_run, key)
        assert resumed[6] == pytest.approx(uninterrupted[6], rel=1e-4)
    again = train("--resume", run, settings=())
    assert again.returncode == 2
    assert "is finished" in again.stderr


def test_ctrl_c_saves_and_names_the_command_to_go_on(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "stopped"
    settings = (*QUICK[1:], "training.steps=5000", "training.evaluate_every=5000")
    process = start_training(dataset, "--output", run, settings=settings)
    deadline = time.monotonic() + 200
    while not (run / "history.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert f"ssdlite train --resume {run}" in printed
    assert "Traceback" not in errors
    assert any((run / "checkpoints").glob("*.json"))
    (dataset / "JPEGImages/photo 1.jpg").touch()
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "fingerprint": "other"}))
    changed = train("--resume", run, settings=())
    assert changed.returncode == 2
    assert "has changed since this run began" in changed.stderr


SMALL = (*QUICK[2:], "training.steps=2", "training.evaluate_every=1", "model.input_size=96")
SMALL += ("model.width_multiplier=0.1", "training.initial_weights=none", "training.batch_norm=frozen")


def train_interrupted_at_its_end(arguments: list[str]) -> None:
    from detector.training import final_report

    final_report.draw_gallery = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)
    ssdlite(arguments)


def test_a_run_that_was_interrupted_at_its_end_and_damaged_is_completed(
    dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "a run"
    outcome = run_forked(train_interrupted_at_its_end, "train", dataset, "--output", run, *options(SMALL))
    assert outcome.returncode == 130, outcome.stderr
    assert f"Go on with: ssdlite train --resume '{run}'" in outcome.stdout
    assert not (run / "predictions.jpg").exists()
    (run / "model.npz").write_bytes((run / "model.npz").read_bytes()[:1000])
    (run / "checkpoints/ckpt-2.index").write_bytes(b"")
    assert not detects(run, dataset / "JPEGImages/photo 1.jpg")
    outcome = train("--resume", run, settings=())
    assert outcome.returncode == 0, outcome.stderr
    for part in (
        "ckpt-2.index has 0 bytes",
        "Going on from the checkpoint of step 1; the 1 step after it is trained again",
        "are lost",
    ):
        assert part in outcome.stdout
    assert by_step(run, "AP").keys() == {1, 2}
    assert (run / "predictions.jpg").stat().st_size
    assert detects(run, dataset / "JPEGImages/photo 1.jpg")


def detects(run: Path, photo: Path) -> bool:
    """Whether the weights of a run can be used."""
    arguments = ["detect", photo, "--model", run, "--output", run.parent / "detected"]
    outcome = run_forked(ssdlite, *arguments)
    assert outcome.returncode in (0, 2)
    assert "Traceback" not in outcome.stderr
    return outcome.returncode == 0


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker_mirrored"])
def test_several_devices_train_as_one(strategy: str, whole_run: Path, dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / strategy
    settings = (*QUICK, f"runtime.strategy={strategy}")
    if strategy == "mirrored":
        outcome = train(dataset, "--output", run, settings=(*settings, "runtime.virtual_cpus=2"))
        assert outcome.returncode == 0, outcome.stderr
    else:
        workers = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        clusters = [
            {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}} for index in range(2)
        ]
        processes = [
            start_training(dataset, "--output", run, settings=settings, TF_CONFIG=json.dumps(cluster))
            for cluster in clusters
        ]
        printed = ["".join(process.communicate()) for process in processes]
        assert [process.returncode for process in processes] == [0, 0], printed
        assert "step 6" in printed[0]
        assert "step 6" not in printed[1]  # one of them speaks and writes
    losses, alone = by_step(run, "loss"), by_step(whole_run, "loss")
    assert losses[6] == pytest.approx(alone[6], rel=1e-3)
    assert by_step(run, "AP")[6] == pytest.approx(by_step(whole_run, "AP")[6], abs=0.01)


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def write_records_and_measure(arguments: list[str]) -> None:
    """Print how much memory the process has had after few images, and after many."""
    import resource

    from detector.training.record_writer import save_records

    root = Path(arguments[0])
    labelled = load_labelled_folder(root / "voc")
    (image,) = labelled.train.images
    for count in (12, 120):
        images = tuple(replace(image, id=number) for number in range(count))
        train = replace(labelled.train, images=images, annotations=())
        save_records(replace(labelled, train=train), root / f"records{count}")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs")
def test_memory_stays_the_same(tmp_path: Path) -> None:
    root = write_voc(
        tmp_path / "voc", [Photo("a.bmp", split="train", size_wh=(700, 500)), Photo("v.png", split="val")]
    )
    size = (root / "JPEGImages/a.bmp").stat().st_size
    assert size > 1_000_000
    done = run_forked(write_records_and_measure, tmp_path)
    done.check_returncode()
    few, many = (1024 * int(line) for line in done.stdout.split())
    written = sum(path.stat().st_size for path in (tmp_path / "records120").iterdir())
    assert written > 120 * size
    assert many - few < 10 * size


def test_ctrl_c(tmp_path: Path) -> None:
    photos = [Photo(f"{n}.png", split="train") for n in range(3000)]  # takes a second or more to write
    root = write_coco(tmp_path / "coco", [*photos, Photo("v.png", split="val")])
    parent = tmp_path / "parent"
    process = Forked(ssdlite, "data", "records", root, parent / "out", "--shards", "3")
    try:
        deadline = time.monotonic() + 120
        while not list(parent.rglob("*.tfrecord")):
            assert process.returncode is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.strip().endswith("Stopped.")
    assert "Traceback" not in err
    assert list(parent.iterdir()) == []
