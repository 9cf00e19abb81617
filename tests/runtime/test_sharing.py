"""One Detector for several threads, and in processes that were forked or that received it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from detector import Detections, Detector, load_image
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import BackendError, ModelError
from detector.images import Image
from detector.runtime.shared_network import SharedNetwork

BACKENDS = ["litert", "openvino", "onnxruntime", "tensorflow"]
PHOTOS = sorted(SAMPLE_FOLDER.glob("*.jpg"))
CALLS, THREADS = 450, 3


def _images() -> list[Image]:
    """Photographs in sizes of their own, one of them in grey."""
    photos = [load_image(path) for path in PHOTOS]
    return [photos[0], photos[1][:300], photos[2][:, :200], np.tile(photos[3], (2, 1, 1)), photos[0][..., 1]]


def _load(backend: str) -> Detector:
    pytest.importorskip("ai_edge_litert" if backend == "litert" else backend)
    return Detector.load(backend=backend, say=None)


def _is_nearly(one: Detections, other: Detections) -> bool:
    """The same objects; networks with another number of threads add up in another order."""
    return (
        one.names == other.names
        and np.allclose(one.scores, other.scores, atol=1e-3)
        and np.allclose(one.boxes, other.boxes, atol=0.1)
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_that_share_a_detector_get_what_one_gets(released_weights: Path, backend: str) -> None:
    detector, images = _load(backend), _images()
    expected = [detector.detect(image) for image in images]
    assert len({str(each.to_dicts()) for each in expected}) == len(images)
    wrong: list[object] = []

    def call(first: int) -> None:
        try:
            for number in range(first, first + CALLS // THREADS):
                index = number % len(images)
                if detector.detect(images[index]) != expected[index]:
                    wrong.append(index)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=call, args=(first,)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("backend", BACKENDS[:3])
def test_batches_tiles_and_single_images_at_once(released_weights: Path, backend: str) -> None:
    detector, images = _load(backend), _images()
    tiled = detector.share()
    tiled.tile = 400
    careful = detector.share()
    careful.score_threshold = 0.8
    expected = [detector.detect(image) for image in images]
    parts = tiled.detect(images[0])
    assert len(parts) != len(expected[0])
    wrong: list[object] = []

    def check(name: str, is_right: bool) -> None:
        if not is_right:
            wrong.append(name)

    def batch() -> None:
        found = list(detector.detect_batch(images * 2))
        check("batch", all(map(_is_nearly, found, expected * 2)) and len(found) == 2 * len(expected))

    def tiles() -> None:
        for _ in range(2):
            check("tiles", tiled.detect(images[0]) == parts)

    def single() -> None:
        for image, whole in zip(images * 2, expected * 2, strict=True):
            check("single", detector.detect(image) == whole)
            check("careful", careful.detect(image) == whole[whole.scores >= 0.8])

    def guarded(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (batch, batch, tiles, single)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


FORK = """
import os, signal, sys
from detector import Detector, load_image
from detector.errors import DetectorError
from detector.data.sample import SAMPLE_FOLDER
backend, work = sys.argv[1:]
image = load_image(SAMPLE_FOLDER / "chelsea.jpg")
detector = Detector.load(backend=backend, say=None)
expected = detector.detect(image)
batch = detector.detect_batch([image] * 8)
next(batch)
child = os.fork()
if child == 0:
    signal.alarm(100)  # what waits for ever is ended
    if work == "use":
        assert detector.detect(image) == expected
        assert [found.names for found in detector.detect_batch([image] * 3)] == [["cat"]] * 3
        assert detector.share().detect(image) == expected
    if work != "use":
        for call in (lambda: next(batch), *([lambda: detector.detect(image)] if work == "refuse" else [])):
            try:
                call()
            except DetectorError as error:
                assert "fork" in str(error), error
            else:
                raise AssertionError("not refused")
    sys.exit(0)  # not os._exit: what was inherited goes, or stays, as at the end of any program
assert os.waitpid(child, 0)[1] == 0
assert len(list(batch)) == 7
assert detector.detect(image) == expected
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("work", ["use", "leave"])
@pytest.mark.parametrize("backend", BACKENDS[:3])
def test_a_forked_process_has_a_network_of_its_own(released_weights: Path, backend: str, work: str) -> None:
    pytest.importorskip("ai_edge_litert" if backend == "litert" else backend)
    _run_fork(backend, work)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_tensorflow_says_that_it_does_not_survive_a_fork(released_weights: Path) -> None:
    pytest.importorskip("tensorflow")
    _run_fork("tensorflow", "refuse")


def _run_fork(backend: str, work: str) -> None:
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}  # its thread does not survive a fork
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, backend, work],
        capture_output=True, text=True, env=environment, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _names_in(detector: Detector, path: Path) -> list[str]:
    return detector.detect(path).names


def test_a_detector_goes_to_other_processes(released_weights: Path) -> None:
    detector = Detector.load(classes=["cat", "dog"], tile=400, say=None, score_threshold=0.3)
    detector.score_threshold = 0.2
    cat = SAMPLE_FOLDER / "chelsea.jpg"
    arrived = pickle.loads(pickle.dumps(detector))
    assert (arrived.classes, arrived.tile, arrived.score_threshold) == (("cat", "dog"), 400, 0.2)
    assert arrived.detect(cat) == detector.detect(cat)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_names_in, (detector, cat)) == ["cat"]


def test_a_model_by_relative_path_is_found_from_another_folder(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    detector = Detector.load(model.name, say=None)
    cat = SAMPLE_FOLDER / "chelsea.jpg"
    monkeypatch.chdir(tmp_path)
    assert [found.names for found in detector.detect_batch([cat])] == [["cat"]]
    assert pickle.loads(pickle.dumps(detector)).detect(cat).names == ["cat"]


def test_a_model_that_was_replaced_is_not_opened_in_its_stead(released_weights: Path, tmp_path: Path) -> None:
    from detector.weights import load_weights, save_weights, select_classes

    weights, spec = load_weights(released_weights)
    path = tmp_path / "model.npz"
    save_weights(path, *select_classes(weights, spec, ["cat"]))
    parcel = pickle.dumps(Detector.load(path, say=None))
    save_weights(path, *select_classes(weights, spec, ["dog"]))
    with pytest.raises(ModelError, match="another model than the one first opened"):
        pickle.loads(parcel)


def test_a_network_of_ones_own_is_not_pickled(released_weights: Path) -> None:
    detector = Detector.load(say=None)
    detector.backend = detector.backend
    with pytest.raises(BackendError, match=r"not made by Detector\.load"):
        pickle.dumps(detector)


def test_workers_are_kept_for_the_next_batch_and_not_more_of_them(released_weights: Path) -> None:
    made: list[int] = []

    class Counted:
        def run(self, network_input: object) -> object:
            raise NotImplementedError

        def split(self, count: int) -> list[Counted]:
            made.append(count)
            return [Counted() for _ in range(count)]

    network = SharedNetwork(Counted())  # type: ignore[arg-type]
    first, second = network.take_workers(3), network.take_workers(3)
    assert made == [3, 3]
    network.give_back(first)
    network.give_back(second)
    assert set(network.take_workers(4)) > set(first)
    assert made == [3, 3, 1]
