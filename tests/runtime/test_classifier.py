import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from detector.classifier_spec import ClassifierSpec
from detector.errors import ArgumentError, BackendError, ModelError
from detector.formats.tflite.classifier import build_classifier_tflite
from detector.formats.tflite.metadata import pack_spec
from detector.numpy_network import NumpyClassifier
from detector.preprocess import ClassifierPreprocessor
from detector.runtime.classifier import Classifier
from detector.runtime.classifier_backend import open_classifier
from detector.runtime.classifier_file import ClassifierFile
from detector.spec import ModelSpec
from detector.system.run_names import RUN_WEIGHTS
from detector.weights import save_weights
from tests.random_networks import random_weights

SPEC = ClassifierSpec("birds", ("robin", "wren", "tit"), (64, 96), "mobilenet_v2", 0.35)
WEIGHTS = random_weights(SPEC)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing of these tests is kept in the user's cache."""
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=["npz", "run", "tflite"])
def model(request, tmp_path):
    if request.param == "tflite":
        path = tmp_path / "birds.tflite"
        path.write_bytes(build_classifier_tflite(WEIGHTS, SPEC))
        return path
    path = tmp_path / RUN_WEIGHTS
    save_weights(path, WEIGHTS, SPEC)
    return tmp_path if request.param == "run" else path


@pytest.fixture
def weights(tmp_path):
    save_weights(tmp_path / "birds.npz", WEIGHTS, SPEC)
    return tmp_path / "birds.npz"


def pictures(count=4):
    generator = np.random.default_rng(3)
    return [generator.integers(0, 256, (90 + each, 120, 3), np.uint8) for each in range(count)]


def expected(picture, spec=SPEC):
    seen = ClassifierPreprocessor(spec)(picture).astype(np.float32)
    return NumpyClassifier(WEIGHTS, spec).run(seen * np.float32(spec.pixel_scale) + spec.pixel_offset)


def test_says_what_the_reference_says_of_each_kind_of_file(model):
    classifier = Classifier.load(model)
    picture = pictures(1)[0]
    found = classifier.classify(picture)
    np.testing.assert_allclose(found.scores, expected(picture), atol=1e-5)
    assert found.name == SPEC.classes[int(expected(picture).argmax())]
    assert repr(classifier).startswith("<Classifier birds: robin, wren, tit; 64x96; litert")


def test_weights_fit_any_size_and_a_file_that_is_ready_has_one(weights, tmp_path):
    picture = pictures(1)[0]
    found = Classifier.load(weights, input_size=32).classify(picture).scores
    np.testing.assert_allclose(found, expected(picture, replace(SPEC, input_hw=(32, 32))), atol=1e-5)
    ready = tmp_path / "ready.tflite"
    ready.write_bytes(build_classifier_tflite(WEIGHTS, SPEC))
    with pytest.raises(ModelError, match="written for the input size 64x96 and cannot run at 32"):
        Classifier.load(ready, input_size=32)
    with pytest.raises(ArgumentError, match="one input size"):
        Classifier.load(weights, input_size=[32, 64])


def test_a_batch_and_threads_and_a_pickled_one_say_the_same(weights):
    classifier = Classifier.load(weights, threads=2)
    shown = pictures(8)
    one = [classifier.classify(each).scores for each in shown]
    batch = [each.scores for each in classifier.classify_batch(shown)]
    np.testing.assert_allclose(batch, one, atol=1e-6)
    with ThreadPoolExecutor(4) as pool:
        threads = [each.scores for each in pool.map(classifier.share().classify, shown)]
    np.testing.assert_array_equal(threads, one)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_allclose(again.classify(shown[0]).scores, one[0], atol=1e-6)


def test_crops_are_boxes_with_some_of_what_is_around_them(weights):
    classifier = Classifier.load(weights)
    picture = pictures(1)[0]
    found = classifier.classify_crops(picture, np.array([[20, 30, 60, 70], [100, 60, 300, 300]], np.float32))
    np.testing.assert_array_equal(found[0].scores, classifier.classify(picture[26:74, 16:64]).scores)
    np.testing.assert_array_equal(found[1].scores, classifier.classify(picture[36:, 80:]).scores)
    with pytest.raises(ArgumentError, match="nothing of the image, which is 120x90"):
        classifier.classify_crops(picture, np.array([[200, 200, 210, 210]], np.float32))


def test_what_is_no_classifier_is_refused(weights, tmp_path):
    spec = ModelSpec("toy", ("a",), (64, 64), width_multiplier=0.35)
    save_weights(tmp_path / "toy.npz", random_weights(spec), spec)
    with pytest.raises(ModelError, match="is a detector"):
        Classifier.load(tmp_path / "toy.npz")
    with pytest.raises(ModelError, match="There is no model file"):
        Classifier.load(tmp_path / "none.npz")
    with pytest.raises(ModelError, match=r"Expected a \.npz file of a classifier"):
        Classifier.load(tmp_path / "none")
    with pytest.raises(BackendError, match="abacus"):
        Classifier.load(weights, backend="abacus")
    with pytest.raises(ArgumentError):
        Classifier.load(weights, threads=0)


def test_a_conversion_is_kept_and_made_again_when_it_is_damaged(weights):
    said = []
    file = ClassifierFile(weights, say=said.append)
    kept = file.tflite()
    assert ClassifierFile(weights).tflite() == kept
    content = kept.read_bytes()
    kept.write_bytes(content[:1000])
    assert file.tflite().read_bytes() == content
    assert [line.split(" and is ")[1] for line in said] == ["made anew."]


def test_a_file_whose_spec_is_of_another_network_is_refused(tmp_path):
    other = ClassifierSpec("birds", ("robin", "wren"), (64, 96), "mobilenet_v2", 0.35)
    content = build_classifier_tflite(WEIGHTS, SPEC)
    plain = content[: -len(pack_spec(SPEC))]
    (tmp_path / "x.tflite").write_bytes(plain + pack_spec(other))
    with pytest.raises(ModelError, match="spec of another network"):
        open_classifier(tmp_path / "x.tflite")


@pytest.mark.parametrize(
    ("view", "box"), [("whole", (slice(0, 80), slice(0, 160))), ("middle", (slice(5, 75), slice(45, 115)))]
)
@pytest.mark.parametrize(("side", "how"), [(16, cv2.INTER_AREA), (128, cv2.INTER_LINEAR)])
def test_the_view_is_the_whole_picture_or_the_square_in_the_middle(view, box, side, how):
    picture = np.random.default_rng(0).integers(0, 256, (80, 160, 3), np.uint8)
    spec = ClassifierSpec("birds", ("robin",), (side, side), view=view)
    seen = ClassifierPreprocessor(spec)(picture)
    assert (seen.shape, seen.dtype) == ((1, side, side, 3), np.uint8)
    np.testing.assert_array_equal(
        seen[0], cv2.resize(picture[box], (side, side), interpolation=how)[..., ::-1]
    )
