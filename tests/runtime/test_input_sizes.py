"""A Detector at other input sizes than its weights' own, and at several."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector import Detections, Detector, evaluate, load_image
from detector.any_size import resize_network
from detector.data.dataset import Dataset
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ArgumentError, ModelError
from detector.system.processes import code_command
from detector.weights import load_weights, save_weights

PHOTOS = [load_image(path) for path in sorted(SAMPLE_FOLDER.glob("*.jpg"))]
SIZES: list[dict[str, Any]] = [
    {"input_size": 384},
    {"input_size": "256x320"},
    {"input_size": [300, 448], "voting": True},
    {"accurate": True, "classes": ["cat", "cup"]},
]


def nearly(one: Detections, other: Detections) -> bool:
    return (
        one.names == other.names
        and np.allclose(one.scores, other.scores, atol=1e-3)
        and np.allclose(one.boxes, other.boxes, atol=0.2)
    )


@pytest.mark.parametrize("how", [{"input_size": 300}, {"input_size": "300x300"}, {"input_size": ["300"]}])
def test_at_its_own_size_a_detector_is_as_it_was(released_weights: Path, how: dict[str, Any]) -> None:
    plain, asked = Detector.load(say=None), Detector.load(say=None, **how)
    assert asked.spec == plain.spec
    assert [asked.detect(photo) for photo in PHOTOS] == [plain.detect(photo) for photo in PHOTOS]


@pytest.mark.parametrize("how", SIZES)
def test_a_batch_and_a_copy_find_what_one_image_after_the_other_does(
    released_weights: Path, how: dict[str, Any]
) -> None:
    detector = Detector.load(say=None, score_threshold=0.3, **how)
    expected = [detector.detect(photo) for photo in PHOTOS]
    assert sum(map(len, expected)) >= 2
    assert expected == [detector.detect(photo) for photo in PHOTOS]
    assert all(map(nearly, detector.detect_batch(PHOTOS), expected))
    copy = pickle.loads(pickle.dumps(detector))
    assert copy.input_sizes == detector.input_sizes
    assert [copy.detect(photo) for photo in PHOTOS] == expected


# In a process that has imported nothing else: threads of other libraries do not survive a fork.
FORK = """
import json, os, signal, sys
from detector import Detector, load_image

photos = [load_image(path) for path in sys.argv[2:]]
detector = Detector.load(say=None, score_threshold=0.3, **json.loads(sys.argv[1]))
expected = [detector.detect(photo) for photo in photos]
assert sum(map(len, expected)) >= 2
child = os.fork()
if child == 0:
    signal.alarm(100)  # what waits for ever is ended
    assert [detector.detect(photo) for photo in photos] == expected
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("how", SIZES)
def test_a_forked_process_finds_the_same(released_weights: Path, how: dict[str, Any]) -> None:
    photos = [str(path) for path in sorted(SAMPLE_FOLDER.glob("*.jpg"))]
    code = code_command(FORK, json.dumps(how), *photos)
    done = subprocess.run(code, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "tensorflow"])
def test_every_backend_finds_the_same_at_several_sizes(released_weights: Path, backend: str) -> None:
    pytest.importorskip(backend)
    how: dict[str, Any] = {"input_size": "300,384x448", "score_threshold": 0.2, "say": None}
    ours, theirs = Detector.load(**how), Detector.load(backend=backend, **how)
    assert theirs.backend_name == backend
    assert all(nearly(ours.detect(photo), theirs.detect(photo)) for photo in PHOTOS)


def test_weights_that_were_written_at_a_size_are_those_that_are_asked_for_at_it(
    released_weights: Path, tmp_path: Path
) -> None:
    save_weights(tmp_path / "512.npz", *resize_network(*load_weights(released_weights), (512, 512)))
    written, asked = Detector.load(tmp_path / "512.npz", say=None), Detector.load(input_size=512, say=None)
    assert written.spec == asked.spec
    assert written.spec.input_hw == (512, 512)
    assert [written.detect(photo) for photo in PHOTOS] == [asked.detect(photo) for photo in PHOTOS]
    back = Detector.load(tmp_path / "512.npz", input_size=300, say=None)
    plain = Detector.load(say=None)
    assert back.spec == plain.spec
    assert all(nearly(back.detect(photo), plain.detect(photo)) for photo in PHOTOS)


def test_what_is_small_is_found_at_two_sizes_and_what_is_large_is_kept(released_weights: Path) -> None:
    cat = load_image(SAMPLE_FOLDER / "chelsea.jpg")
    frame = np.full((900, 1200, 3), 114, np.uint8)
    frame[100:700, 100:1000] = np.kron(cat, np.ones((2, 2, 1), np.uint8))[:600, :900]
    small = cat[::3, ::3]
    frame[760 : 760 + small.shape[0], 1030 : 1030 + small.shape[1]] = small
    plain, both = Detector.load(say=None).detect(frame), Detector.load(accurate=True, say=None).detect(frame)
    assert plain.names.count("cat") == 1
    assert both.names.count("cat") == 2


def test_a_model_file_has_one_size(model: Path) -> None:
    for how in ({"input_size": 512}, {"input_size": "300,512"}, {"accurate": True}):
        with pytest.raises(ModelError, match=r"was written for the input size 300 and cannot run at 512"):
            Detector.load(model, say=None, **how)  # type: ignore[arg-type]
    assert Detector.load(model, input_size=300, say=None).input_sizes == ((300, 300),)


def test_accurate_leaves_no_size_to_choose(released_weights: Path) -> None:
    detector = Detector.load(accurate=True, say=None)
    assert detector.input_sizes == ((300, 300), (512, 512))
    assert detector.postprocess.voting
    with pytest.raises(ArgumentError, match="leave out input_size"):
        Detector.load(accurate=True, input_size=512)


@pytest.mark.slow
def test_what_two_sizes_gain(coco_sample: Dataset, released_weights: Path) -> None:
    larger = evaluate(coco_sample, input_size=512).summary
    assert (larger["AP"], larger["APs"], larger["APm"]) > (0.295, 0.107, 0.360)
    both = evaluate(coco_sample, input_size=[300, 512])
    assert both.ap > 0.377
    accurate = evaluate(coco_sample, accurate=True)
    assert accurate.ap > 0.382
    assert accurate.summary["APs"] > 0.098
    assert accurate.summary["APl"] > 0.68
    assert (accurate.settings["input_size"], accurate.settings["voting"]) == ("300,512", True)
