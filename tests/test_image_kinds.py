"""What may be given in place of an image, and what is refused in one sentence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from detector import Detector, draw_detections, load_image
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DetectorError, ImageError
from detector.image_kinds import to_image
from tests.system.file_server import FileServer

PATH = SAMPLE_FOLDER / "coffee.jpg"
RANDOM = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)


def _png(image: Any) -> PillowImage.Image:
    return PillowImage.open(io.BytesIO(cv2.imencode(".png", image)[1].tobytes()))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (RANDOM, RANDOM),
        (RANDOM[:, ::-1], RANDOM[:, ::-1]),
        (RANDOM[::2, 3:20], RANDOM[::2, 3:20]),
        (np.dstack([RANDOM, RANDOM[..., 0]]), RANDOM),
        (RANDOM[..., 1], np.repeat(RANDOM[..., 1:2], 3, axis=2)),
        (RANDOM[..., 1:2], np.repeat(RANDOM[..., 1:2], 3, axis=2)),
        (np.ma.masked_array(RANDOM), RANDOM),  # type: ignore[no-untyped-call]
        (_png(RANDOM), RANDOM),
        (_png(RANDOM[..., 0]), np.repeat(RANDOM[..., :1], 3, axis=2)),
        (_png(np.dstack([RANDOM, RANDOM[..., 0]])), RANDOM),
        (_png(RANDOM).quantize(4), None),
        (PillowImage.new("1", (4, 5), 1), np.full((5, 4, 3), 255, np.uint8)),
    ],
)
def test_each_kind_is_the_same_image(given: Any, expected: Any) -> None:
    image = to_image(given)
    assert (image.ndim, image.shape[2], image.dtype) == (3, 3, np.uint8)
    if expected is not None:
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("path", [PATH, str(PATH)])
def test_a_path_is_read(path: Any) -> None:
    np.testing.assert_array_equal(to_image(path), load_image(PATH))


def test_an_address_is_fetched() -> None:
    with FileServer() as server:
        server.files["/a%20photo.jpg"] = PATH.read_bytes()
        server.files["/page"] = b"<html>no picture</html>"
        np.testing.assert_array_equal(to_image(f"{server.url}/a%20photo.jpg"), load_image(PATH))
        with pytest.raises(ImageError, match=r"/page is not an image that can be read"):
            to_image(f"{server.url}/page")
        with pytest.raises(DetectorError, match="answers 404"):
            to_image(f"{server.url}/absent.jpg")
    with pytest.raises(DetectorError, match=r"Cannot reach .*; check the network"):
        to_image(f"{server.url}/a%20photo.jpg")


REFUSED = {
    "nothing": (None, "cv2.imread"),
    "floats": (np.zeros((5, 5, 3), np.float32), "float32"),
    "floats from 0 to 1": (np.full((5, 5, 3), 0.5), "float64"),
    "16 bits": (np.zeros((5, 5, 3), np.uint16), "uint16"),
    "signed": (np.zeros((5, 5, 3), np.int8), "int8"),
    "truth": (np.zeros((5, 5, 3), bool), "bool"),
    "objects": (np.array([[None]]), "object"),
    "a batch": (np.zeros((2, 5, 5, 3), np.uint8), "detect_batch"),
    "channels first": (np.zeros((3, 50, 40), np.uint8), "transpose"),
    "two channels": (np.zeros((5, 5, 2), np.uint8), r"\(5, 5, 2\)"),
    "a row": (np.zeros(5, np.uint8), r"\(5,\)"),
    "a number": (5, "got int"),
    "no pixels": (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\)"),
    "no columns": (np.zeros((5, 0), np.uint8), r"\(5, 0\)"),
    "a list": ([[1, 2], [3, 4]], "got list"),
    "bytes": (PATH.read_bytes(), "got bytes"),
    "Pillow's 16 bits": (_png(np.zeros((5, 5), np.uint16)), "mode I"),
    "Pillow's floats": (PillowImage.new("F", (5, 5)), "mode F"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_image_is_refused_in_one_sentence(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match="^expected an? (Pillow )?image.*" + words):
        to_image(given)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for given in (str(tmp_path / "absent.jpg"), tmp_path):
        with pytest.raises(ImageError):
            to_image(given)
    (tmp_path / "cut.jpg").write_bytes(PATH.read_bytes()[:5000])
    with (
        PillowImage.open(tmp_path / "cut.jpg") as cut,
        pytest.raises(ImageError, match="Pillow image cannot be read"),
    ):
        to_image(cut)


@pytest.fixture(scope="module")
def detector(model: Path) -> Detector:
    return Detector.load(model)


def test_detect_takes_each_kind(detector: Detector) -> None:
    expected = detector.detect(load_image(PATH))
    assert len(expected)
    assert detector.detect(PATH) == detector.detect(str(PATH)) == expected
    with PillowImage.open(PATH) as pillow:
        found = detector.detect(pillow)
    assert found.names == expected.names
    assert list(detector.detect_batch([PATH, load_image(PATH)])) == list(detector.detect_batch([PATH] * 2))


@pytest.mark.parametrize(
    "given",
    [None, 5, str(PATH), PATH, load_image(PATH), load_image(PATH)[..., 0], PillowImage.new("RGB", (4, 4))],
    ids=["none", "number", "text", "path", "array", "grey", "pillow"],
)
def test_a_batch_is_of_several_images(detector: Detector, given: Any) -> None:
    with pytest.raises(ValueError, match="detect_batch takes several images"):
        detector.detect_batch(given)


def test_an_array_of_images_is_a_batch(detector: Detector) -> None:
    assert len(list(detector.detect_batch(np.zeros((2, 8, 9, 3), np.uint8)))) == 2


def test_a_picture_is_drawn_of_each_kind(detector: Detector) -> None:
    detections = detector.detect(PATH)
    expected = draw_detections(load_image(PATH), detections)
    np.testing.assert_array_equal(draw_detections(PATH, detections), expected)
    with pytest.raises(ValueError, match="expected an image, got None"):
        draw_detections(None, detections)
    with pytest.raises(ValueError, match="expected Detections, got ndarray"):
        draw_detections(PATH, load_image(PATH))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        {"tile": 0}, {"tile": -1}, {"tile": 1}, {"tile": 99}, {"tile": 1 << 40}, {"tile": float("nan")},
        {"tile": 320.0}, {"tile": "320"}, {"tile": True},
        {"score_threshold": 1}, {"score_threshold": -0.1}, {"score_threshold": float("nan")},
        {"score_threshold": "0.5"}, {"iou_threshold": 2}, {"iou_threshold": float("nan")},
        {"iou_threshold": "0.5"}, {"max_detections": 0}, {"max_detections": 2.5}, {"max_detections": "10"},
        {"threads": 0}, {"threads": -1}, {"threads": 1.5}, {"threads": 10**9}, {"threads": "2"},
        {"classes": 3}, {"classes": 5}, {"classes": [1]}, {"classes": []}, {"classes": ["prson"]},
        {"backend": "tpu"}, {"backend": 5}, {"resize": "bicubic"},
        {"model": None}, {"model": 5}, {"model": b"x.npz"}, {"model": ""}, {"model": "a\0b.npz"},
    ],
    ids=str,
)  # fmt: skip
def test_arguments_out_of_range_are_refused_in_one_sentence(model: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises((ValueError, DetectorError), match=r"[Ee]xpected|There is no|has no|must be") as why:
        Detector.load(**{"model": model, "say": None, **arguments})
    ((name, value),) = arguments.items()
    assert str(value) in str(why.value) or repr(value) in str(why.value) or name == "classes"
    assert "\n" not in str(why.value)


def test_thresholds_are_checked_when_they_are_changed(detector: Detector) -> None:
    own = detector.share()
    for wrong in (1.5, float("nan"), "0.5", None):
        with pytest.raises(ValueError, match="expected 0 <= score_threshold < 1"):
            own.score_threshold = wrong  # type: ignore[assignment]
    for wrong in (0, "a"):
        with pytest.raises(ValueError, match="Expected a tile"):
            own.tile = wrong  # type: ignore[assignment]
    for name in ("iou_threshold", "classes", "scor_threshold"):
        with pytest.raises(ValueError, match=f"no setting '{name}' that can be changed"):
            setattr(own, name, 0.5)
    own.tile = 100
    with pytest.raises(ImageError, match=r"tiles of 100 pixels would cover 30000 x 3000 pixels"):
        own.detect(np.zeros((3000, 30000, 3), np.uint8))
