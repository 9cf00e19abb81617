"""The public face: its names, its examples, and that it is light."""

from __future__ import annotations

import doctest
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import detector
from detector.system.processes import code_command

NAMES = {
    *("Classification", "Classifier", "SecondStage"),
    *("Comparison", "Dataset", "Detections", "Detector", "DetectorError", "Evaluation", "Export"),
    *(
        "LivePipeline",
        "ModelSpec",
        "Progress",
        "TrainedRun",
        "compare",
        "draw_detections",
        "evaluate",
        "export",
    ),
    *("load_dataset", "load_image", "open_source", "train"),
}


def test_the_names_are_these() -> None:
    assert set(detector.__all__) == NAMES
    assert detector.__all__ == sorted(detector.__all__)
    assert set(dir(detector)) == NAMES | {"__version__"}  # what a tab completes
    for name in NAMES:
        assert getattr(detector, name).__name__ == name
        assert f"``{name}``" in (detector.__doc__ or "")


def test_no_module_hides_a_name() -> None:
    for name in NAMES:
        assert find_spec(f"detector.{name}") is None


def _examples() -> list[doctest.DocTest]:
    found = [doctest.DocTestFinder().find(getattr(detector, name), name, globs={}) for name in sorted(NAMES)]
    return [test for tests in found for test in tests if test.examples]


@pytest.mark.usefixtures("released_weights")
@pytest.mark.parametrize("example", _examples(), ids=lambda example: example.name)
def test_the_examples_do_what_they_say(example: doctest.DocTest) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(example, out=said.append)
    assert not runner.failures, "".join(said)


def test_there_are_examples() -> None:
    have = {example.name.split(".")[0] for example in _examples()}
    without = {
        "Classification",
        "Comparison",
        "Dataset",
        "DetectorError",
        "Evaluation",
        "Export",
        "ModelSpec",
        "Progress",
    }
    assert NAMES - have == without | {"TrainedRun", "train"}  # which take minutes: see docs/three_jobs.py


class Anything:
    """What has nothing that an image, a path, a model or a dataset has."""


WRONG = (
    None,
    1,
    -1,
    1.5,
    True,
    "",
    "absent",
    b"absent",
    [],
    [None],
    {},
    {"a": 1},
    object(),
    Anything,
    Anything(),
)
TAKE_ONE = {
    "Classifier.load": lambda wrong: detector.Classifier.load(wrong, say=None),
    "second_stage": lambda wrong: detector.SecondStage(detector.Detector.load(), wrong),
    "second_stage_of": lambda wrong: detector.SecondStage(wrong, {"bird": wrong}),
    "compare": lambda wrong: detector.compare(wrong, wrong, wrong),
    "detect": lambda wrong: detector.Detector.load().detect(wrong),
    "detect_batch": lambda wrong: list(detector.Detector.load().detect_batch(wrong)),
    "draw_detections": lambda wrong: detector.draw_detections(wrong, wrong),
    "evaluate": lambda wrong: detector.evaluate(wrong or "absent", model=wrong),
    "export": lambda wrong: detector.export(wrong, output=wrong),
    "load": lambda wrong: detector.Detector.load(wrong),
    "load_dataset": detector.load_dataset,
    "load_image": detector.load_image,
    "open_source": lambda wrong: detector.open_source(wrong).close(),
    "train": lambda wrong: detector.train(wrong, output="absent/run"),
    "classes": lambda wrong: detector.Detector.load(classes=wrong or "absent"),
    "input_size": lambda wrong: detector.Detector.load(input_size=wrong or "absent"),
    "pipeline": lambda wrong: detector.LivePipeline(wrong, wrong),
}


@pytest.mark.usefixtures("released_weights")
@pytest.mark.parametrize("name", TAKE_ONE)
@pytest.mark.parametrize("wrong", WRONG, ids=[f"{type(wrong).__name__}{i}" for i, wrong in enumerate(WRONG)])
def test_what_makes_no_sense_is_refused_in_a_sentence(
    name: str, wrong: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with suppress(detector.DetectorError, ValueError):
        TAKE_ONE[name](wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("released_weights")
def test_what_it_gives_back_tells_what_it_is_in_a_line() -> None:
    made = detector.Detector.load(classes="person, cat", tile=400, threads=1)
    dataset = detector.load_dataset()
    with detector.LivePipeline(detector.open_source(dataset.images[0].path), made) as pipeline:
        shown = [repr(pipeline), repr(made), repr(made.spec), repr(dataset)]
    assert "astronaut.jpg with <Detector" in shown[0]
    assert shown[1] == (
        "<Detector ssdlite_mobilenet_v2_coco: person, cat; input size 300; scores from 0.4; litert, 1 thread>"
    )
    assert shown[2] == "<ModelSpec ssdlite_mobilenet_v2_coco: 2 classes; input 300x300>"
    assert shown[3].endswith("instances.json: 4 images, 6 objects, 5 classes>")


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ("cv2", "numpy", "pycocotools", "tqdm", "ai_edge_litert")
    code = f"import detector, sys; dir(detector); print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run(code_command(code), capture_output=True, text=True, check=True).stdout == "[]\n"
