"""A Detector for other input sizes made from one that is there."""

import pickle

import numpy as np
import pytest

from detector import Detector, load_image
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ArgumentError, BackendError, ModelError
from detector.postprocess import Postprocessor
from detector.preprocess import Preprocessor
from detector.runtime.looks import Looks


@pytest.fixture(scope="module")
def photo():
    return load_image(SAMPLE_FOLDER / "coffee.jpg")


def same(a, b):
    return np.array_equal(a.boxes, b.boxes) and np.array_equal(a.scores, b.scores) and a.names == b.names


@pytest.mark.parametrize("start", [None, 224, "224,384"])
@pytest.mark.parametrize("size", [300, 224, "256x320", [300, 384]])
def test_it_finds_what_one_loaded_at_that_size_finds(released_weights, photo, start, size):
    settings = {
        "classes": ["cup", "dining table"],
        "score_threshold": 0.2,
        "voting": True,
        "iou_threshold": 0.5,
    }
    resized = Detector.load(released_weights, input_size=start, **settings).resized(size)
    loaded = Detector.load(released_weights, input_size=size, **settings)
    assert resized.input_sizes == loaded.input_sizes
    assert (resized.spec, resized.classes, resized.own_hw) == (loaded.spec, loaded.classes, (300, 300))
    assert len(loaded.detect(photo)) > 0
    assert same(resized.detect(photo), loaded.detect(photo))
    (of_batch,) = resized.detect_batch([photo])
    assert same(of_batch, loaded.detect(photo))


def test_the_settings_are_those_it_has_now_and_its_own_from_then_on(released_weights):
    detector = Detector.load(released_weights, tile=400)
    detector.score_threshold = 0.25
    other = detector.resized(256)
    assert (other.score_threshold, other.tile) == (0.25, 400)
    other.score_threshold = 0.5
    assert (detector.score_threshold, detector.input_sizes) == (0.25, ((300, 300),))


def test_a_network_of_a_size_that_both_have_is_shared(released_weights):
    detector = Detector.load(released_weights)
    both = detector.resized("300,256")
    assert [network for network, _ in both._looks._looks].count(detector._looks.first[0]) == 1
    assert both.resized(300).backend is detector.backend


def test_it_can_be_pickled(released_weights, photo):
    detector = Detector.load(released_weights).resized(256)
    assert same(pickle.loads(pickle.dumps(detector)).detect(photo), detector.detect(photo))


def test_a_file_that_is_ready_to_run_has_one_size(model):
    detector = Detector.load(model)
    assert not detector.any_size
    assert detector.resized(300).input_sizes == ((300, 300),)
    with pytest.raises(ModelError, match="was written for the input size 300 and cannot run at 512"):
        detector.resized(512)


def test_what_was_not_loaded_has_one_size(released_weights):
    loaded = Detector.load(released_weights)
    looks = Looks.through(loaded.backend, Preprocessor(loaded.spec))
    detector = Detector(looks, Postprocessor(loaded.spec), threads=1)
    with pytest.raises(BackendError, match="has one input size"):
        detector.resized(512)


def test_sizes_that_are_none(released_weights):
    with pytest.raises(ArgumentError, match="Expected an input size"):
        Detector.load(released_weights).resized("big")
