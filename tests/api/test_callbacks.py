"""Callbacks: which objects are taken, what is called with what, and what becomes of what they raise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector import Progress, TrainedRun, train
from detector.api.callbacks import Callback, Callbacks
from detector.evaluation.coco_metrics import METRICS
from detector.training.job import StopError
from tests.training.small_run import SETTINGS, write_run, write_shapes

SMALL = dict(setting.split("=") for setting in SETTINGS)
LOSSES = Progress(3, 9, losses={"loss": 1.5})
METRICS_OF_3 = Progress(3, 9, metrics={"AP": 0.5}, is_best=True)


class Losses:
    def __init__(self) -> None:
        self.told: list[object] = []

    def on_step(self, progress: Progress) -> None:
        self.told.append(progress)


class Everything(Losses):
    def on_evaluation(self, progress: Progress) -> None:
        self.told.append(progress)

    def on_end(self, run: TrainedRun) -> None:
        self.told.append(run.folder)


class Misshapen:
    def __init__(self, method: object) -> None:
        self.on_end = method

    def __repr__(self) -> str:
        return "<Misshapen>"


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (Losses(), r"to be a list of objects with on_step, on_evaluation or on_end, not <.*Losses object"),
        ([Losses(), object()], r"or on_end; <object object at .*> has none of them\."),
        ([print], r"<built-in function print> has none of them\."),
        ("loss", r"'l' has none of them"),
        ([Losses], r"Losses is a class: give Losses\(\)\."),
        ([Misshapen(None)], r"on_end of <Misshapen> to be a method that takes one argument, the run\."),
        ([Misshapen(lambda: None)], "takes one argument"),
        ([Misshapen(lambda run, step: None)], "takes one argument"),
    ],
)
def test_what_is_no_callback_is_refused_before_anything_is_done(
    callbacks: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        train("photos", callbacks=callbacks)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_each_is_called_with_what_it_asks_for_in_order() -> None:
    first, second = Everything(), Losses()
    mine: list[Callback] = [first, second, Misshapen(lambda run, more=None: None)]
    callbacks = Callbacks(mine)
    callbacks.tell(LOSSES)
    callbacks.tell(METRICS_OF_3)
    assert first.told == [LOSSES, METRICS_OF_3]
    assert second.told == [LOSSES]
    assert callbacks.failure is None


@pytest.mark.parametrize("error", [ZeroDivisionError("of mine"), KeyboardInterrupt(), SystemExit(3)])
def test_whatever_one_raises_stops_the_run_and_is_kept(error: BaseException) -> None:
    class Raising:
        def on_step(self, progress: Progress) -> None:
            raise error

    after = Losses()
    callbacks = Callbacks([Raising(), after])
    with pytest.raises(StopError):
        callbacks.tell(LOSSES)
    assert callbacks.failure is error
    assert after.told == []


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run that ``train`` returns without training."""
    run = write_run(tmp_path / "run", write_shapes(tmp_path / "shapes"))
    monkeypatch.setattr("detector.api.training.begin", lambda *_: run)
    return run.root


def test_the_run_is_given_at_the_end_and_errors_then_come_out_as_they_are(trained: Path) -> None:
    mine = Everything()
    assert train("photos", callbacks=[mine]).folder == trained
    assert mine.told == [trained]

    def fail(run: TrainedRun) -> None:
        raise ConnectionError(str(run.folder))

    with pytest.raises(ConnectionError, match="run"):
        train("photos", callbacks=[Misshapen(fail)])


def test_of_several_workers_the_first_calls(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index, told in ((0, [trained]), (1, [])):
        cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": index}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
        mine = Everything()
        train("photos", callbacks=[mine])
        assert mine.told == told


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A run of six steps that nothing stopped."""
    pytest.importorskip("official.core.base_trainer")
    root = tmp_path_factory.mktemp("whole")
    return train(write_shapes(root / "shapes"), steps=6, output=root / "run", settings=SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["on_step", "on_evaluation"])
def test_an_error_of_a_callback_leaves_a_run_that_goes_on_as_if_nothing_had_been(
    method: str, tmp_path: Path, whole: TrainedRun
) -> None:
    class FullError(Exception):
        pass

    def fail(progress: Progress) -> None:
        if progress.step >= 3:
            raise FullError(f"at step {progress.step}") from OSError("no room")

    failing, said = Misshapen(lambda run: None), list[str]()
    setattr(failing, method, fail)
    shapes = write_shapes(tmp_path / "shapes")
    with pytest.raises(FullError, match=r"at step \d") as caught:
        train(
            shapes,
            steps=6,
            output=tmp_path / "run",
            settings=SMALL,
            callbacks=[failing],
            say=said.append,
        )
    assert isinstance(caught.value.__cause__, OSError)  # as it was raised
    assert said[-1].startswith("Interrupted. Go on with: ")
    stopped = TrainedRun(tmp_path / "run")
    reached = stopped.history[-1]["step"]
    assert not stopped.finished

    rest = Everything()
    run = train(resume=tmp_path / "run", callbacks=[rest], say=said.append)
    assert f"Going on from the checkpoint of step {reached}." in said
    assert run.finished
    assert rest.told[-1] == run.folder
    points = [point for point in rest.told if isinstance(point, Progress)]
    assert all(point.step > reached or point.metrics for point in points)
    assert (points[-1].step, points[-1].steps, set(points[-1].metrics)) == (6, 6, set(METRICS))

    evaluations = [
        [(entry["step"], entry["AP"], entry["AP50"]) for entry in each.history if "AP" in entry]
        for each in (run, whole)
    ]
    assert evaluations[0] == evaluations[1]
