"""The public face: its names, its examples, and that it is light."""

from __future__ import annotations

import doctest
import subprocess
from importlib.util import find_spec

import pytest

import detector
from detector.system.processes import code_command

NAMES = {
    *("Comparison", "Dataset", "Detections", "Detector", "DetectorError", "Evaluation", "Export"),
    *("LivePipeline", "ModelSpec", "TrainedRun", "compare", "draw_detections", "evaluate", "export"),
    *("load_dataset", "load_image", "open_source", "train"),
}


def test_the_names_are_these() -> None:
    assert set(detector.__all__) == NAMES
    assert detector.__all__ == sorted(detector.__all__)
    assert set(dir(detector)) > NAMES
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
    without = {"Comparison", "Dataset", "DetectorError", "Evaluation", "Export", "ModelSpec"}
    assert NAMES - have == without | {"TrainedRun", "train"}  # which take minutes: see docs/three_jobs.py


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ("cv2", "numpy", "pycocotools", "tqdm", "ai_edge_litert")
    code = f"import detector, sys; dir(detector); print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run(code_command(code), capture_output=True, text=True, check=True).stdout == "[]\n"
