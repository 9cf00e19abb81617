"""Files of ImageNet as classifiers: their classes, their sizes, and what they say."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DetectorError, WeightsError
from detector.images import load_image
from detector.preprocess import ClassifierPreprocessor
from detector.pretrained.imagenet import files
from detector.pretrained.imagenet.classifier import imagenet_names, load_imagenet_classifier
from detector.runtime.classifier import Classifier
from detector.runtime.classifier_file import ClassifierFile
from tests.pretrained.graph_files import graph
from tests.pretrained.imagenet.networks import (
    logits,
    random_network,
    slim_tensors,
    torch_tensors,
    write_keras,
    write_torch,
)
from tests.system.file_server import FileServer

CHELSEA = SAMPLE_FOLDER / "chelsea.jpg"
WRITERS = {
    ".h5": write_keras,
    ".pth": lambda network: write_torch(torch_tensors(network)),
    ".pb": lambda network: graph(slim_tensors(network)),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing of these tests is kept in the user's cache."""
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "cache"))


def test_names_are_those_of_the_thousand_columns():
    names = imagenet_names()
    assert len(names) == len(set(names)) == 1000
    known = {0: "tench", 134: "crane bird", 281: "tabby", 285: "Egyptian cat", 517: "crane"}
    known |= {340: "zebra", 504: "coffee mug", 638: "maillot", 639: "maillot tank suit", 999: "toilet tissue"}
    assert {column: names[column] for column in known} == known


@pytest.mark.parametrize(
    ("name", "classes", "side"),
    [
        ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96.h5", 1000, 96),
        ("mobilenet_2_5_128_tf.h5", 1000, 128),
        ("mobilenet_v2_1.0_192_frozen.pb", 1001, 192),
        ("mobilenet_v2-b0353104.pth", 1000, 224),
        ("mine.pb", 1001, 224),
    ],
)
def test_classes_and_size_are_those_that_were_published(tmp_path, monkeypatch, name, classes, side):
    if name.endswith(".h5"):
        pytest.importorskip("h5py")
    network = random_network("mobilenet_v2", 0.25, classes)
    path = tmp_path / name.replace("-b0353104", "")
    path.write_bytes(WRITERS[path.suffix](network))
    weights, spec = load_imagenet_classifier(path)
    assert (spec.input_hw, spec.view, len(spec.classes)) == ((side, side), "middle", classes)
    assert spec.classes[-1] == "toilet tissue"
    assert spec.classes[0] == ("background" if classes == 1001 else "tench")
    assert ("note" in spec.card) == (path.suffix == ".pth")
    np.testing.assert_array_equal(weights["logits/kernel"][0, 0], network.kernel)


def test_probabilities_are_those_of_the_network_that_was_published(tmp_path):
    network = random_network("mobilenet_v1", 0.25, 1001)
    path = tmp_path / "mobilenet_v1_0.25_128_frozen.pb"
    path.write_bytes(graph(slim_tensors(network)))
    classifier = Classifier.load(path)
    photo = load_image(CHELSEA)
    seen = ClassifierPreprocessor(classifier.spec)(photo)[0].astype(np.float32) / 127.5 - 1
    expected = np.exp(logits(network, seen))
    found = classifier.classify(photo)
    np.testing.assert_allclose(found.scores, expected / expected.sum(), atol=1e-5)
    larger = Classifier.load(path, input_size=160)
    assert larger.spec == replace(classifier.spec, input_hw=(160, 160))
    assert cv2.norm(larger.classify(photo).scores, found.scores) > 0


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (random_network("mobilenet_v2", 0.25, 37), "a classifier of 37 classes, whose names"),
        (replace(random_network("mobilenet_v2", 0.25), kernel=None, bias=None), "a backbone alone"),
    ],
)
def test_what_is_no_classifier_of_imagenet_is_refused(tmp_path, network, message):
    pytest.importorskip("h5py")
    (tmp_path / "x.h5").write_bytes(write_keras(network))
    with pytest.raises(WeightsError, match=message):
        Classifier.load(tmp_path / "x.h5")
    with pytest.raises(DetectorError, match="Cannot read"):
        Classifier.load(tmp_path / "absent.h5")


def test_the_default_is_fetched_once_and_said_to_be(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    content = write_keras(random_network("mobilenet_v2", 0.25, 1000))
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    said = []
    with FileServer() as server:
        server.files[f"/mobilenet_v2/{name}"] = content
        address = server.url
        monkeypatch.setattr(files, "_HOME", address)
        first = Classifier.load(say=said.append).classify(CHELSEA)
    assert said == [f"Fetching {name} of keras.applications."]
    second = Classifier.load(say=said.append).classify(CHELSEA)  # nobody serves it any more
    assert second.name == first.name
    assert len(said) == 1
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(
        WeightsError, match=f"cannot be fetched .*Get {address}/.*{name} .* name the file with"
    ):
        Classifier.load(say=said.append)
    assert not (tmp_path / "cache").exists()


def test_what_was_fetched_and_is_damaged_goes(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    monkeypatch.setattr(files, "download", lambda address, path, most_bytes: path.write_bytes(b"cut short"))
    for _ in range(2):
        with pytest.raises(WeightsError, match="is damaged"):
            Classifier.load(say=None)
    assert not list((tmp_path / "cache").rglob("*.h5"))


def test_a_checkpoint_is_known_by_its_index(tmp_path):
    """Named without a suffix it is no file; what was made of it is made anew when it changes."""
    network = random_network("mobilenet_v1", 0.25, 1001)
    path = tmp_path / "mobilenet_v1_0.25_128.ckpt"
    index = path.with_name(f"{path.name}.index")
    names = set()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("detector.pretrained.imagenet.classifier.read_imagenet", lambda _: network)
        for content in (b"first", b"first", b"second"):
            index.write_bytes(content)
            names.add(ClassifierFile(path).tflite().name)
    assert len(names) == 2


def test_without_what_reads_the_file_nothing_is_fetched(monkeypatch):
    monkeypatch.setattr("detector.pretrained.imagenet.keras_file.find_spec", lambda name: None)
    monkeypatch.setattr(files, "download", lambda *arguments, **options: pytest.fail("fetched"))
    with pytest.raises(
        WeightsError, match=r"read by the package h5py, which is not installed: .*install h5py"
    ):
        Classifier.load(say=None)
