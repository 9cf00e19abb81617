"""``train`` and ``TrainedRun``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector import DetectorError, Progress, TrainedRun, train
from detector.errors import ArgumentError, DatasetError
from detector.evaluation.coco_metrics import METRICS
from detector.training.config import ConfigError
from tests.training.small_run import SETTINGS, begin_run, write_run, write_shapes

SMALL = dict(setting.split("=") for setting in SETTINGS)


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "shapes")


def test_any_run_can_be_looked_at(shapes: Path, tmp_path: Path) -> None:
    run = TrainedRun(write_run(tmp_path / "run", shapes).root)
    assert list(run.metrics) == list(METRICS)
    assert [entry["step"] for entry in run.history] == [3, 3, 6, 6]
    assert not run.finished
    assert repr(run).startswith(f"<TrainedRun in {tmp_path / 'run'}: AP ")
    assert repr(run).endswith(", not finished>")
    assert run.detector(score_threshold=0.1).classes == ("cat", "dog", "traffic light")
    assert "<img" not in run._repr_html_()
    (run.folder / "curves.png").write_bytes(b"png")
    assert run._repr_html_().endswith('src="data:image/png;base64,cG5n">')


def test_a_run_that_has_just_begun_has_no_numbers(shapes: Path, tmp_path: Path) -> None:
    run = TrainedRun(begin_run(tmp_path / "run", shapes).root)
    assert repr(run) == f"<TrainedRun in {tmp_path / 'run'}: not evaluated, not finished>"
    assert "AP" not in run._repr_html_()
    with pytest.raises(DetectorError, match=r"metrics.json"):
        _ = run.metrics


def test_folds_are_held_to_their_range_and_a_run_without_them_has_none(shapes: Path, tmp_path: Path) -> None:
    assert TrainedRun(begin_run(tmp_path / "run", shapes).root).folds is None
    for folds in (1, 21):
        with pytest.raises(DatasetError, match="expected 2 to 20"):
            train(shapes, folds=folds, output=tmp_path / "folds")
    with pytest.raises(ArgumentError, match="folds to be a whole number"):
        train(shapes, folds=2.5)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="no regular expression"):
        train(shapes, group_by="(")
    assert not (tmp_path / "folds").exists()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="holds no training run"):
        TrainedRun(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training.stps": 5}, "training.steps"),
        (["training.steps"], r"section\.key=value"),
        ({"training.steps": -1}, "0 <= training.steps"),
        ({"model.classes": ["cat", "Cat"]}, "a name twice"),
    ],
)
def test_settings_are_read_as_strictly_as_a_file(settings: object, message: str, shapes: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train(shapes, settings=settings)  # type: ignore[arg-type]


@pytest.mark.slow
def test_training_is_silent_tells_its_progress_and_can_be_interrupted_and_resumed(
    shapes: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("official.core.base_trainer")
    points: list[Progress] = []

    class Listener:
        def on_step(self, progress: Progress) -> None:
            points.append(progress)

        on_evaluation = on_step

    class Stopping(Listener):
        def on_evaluation(self, progress: Progress) -> None:
            points.append(progress)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(shapes, steps=6, output=tmp_path / "run", settings=SMALL, callbacks=[Stopping()])
    assert points[-1].step == 3
    assert set(points[-1].metrics) == set(METRICS)
    assert not TrainedRun(tmp_path / "run").finished
    said: list[str] = []
    run = train(resume=tmp_path / "run", callbacks=[Listener()], say=said.append)
    assert run.finished
    assert (run.folder / "report.html").is_file()
    assert said[-1].startswith(f"Open {run.folder / 'report.html'} in a browser")
    record = json.loads((run.folder / "run.json").read_text())
    assert record["plan"][0].split()[0] == "dataset"  # as it began, also after it was gone on with
    assert not any("the checkpoint of step" in line for line in record["plan"])
    assert sum(record["objects"].values()) == 6
    assert (points[-1].step, points[-1].steps) == (6, 6)
    assert all(set(point.losses) >= {"loss"} for point in points if not point.metrics)
    assert "Going on from the checkpoint of step 3." in said
    assert any(line.startswith("Trained 6 steps") for line in said)
    assert run.metrics["AP"] == max(entry["AP"] for entry in run.history if "AP" in entry)
    assert capfd.readouterr().out == ""
