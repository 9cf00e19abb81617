import copy
import pickle
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from detector.data.sample import SAMPLE_FOLDER
from detector.detections import Detections, draw_detections
from detector.errors import DetectorError, ImageError
from detector.image_memory import take_image
from detector.images import load_image
from tests.system.file_server import FileServer

DETECTIONS = Detections(
    boxes=np.array([[0, 1, 2, 3], [4, 5, 6, 7.123]], np.float32),
    scores=np.array([0.9, 0.5], np.float32),
    labels=np.array([1, 0]),
    classes=("cat", "dog"),
)


def test_names_and_iteration():
    assert DETECTIONS.names == ["dog", "cat"]
    assert [(box.tolist(), name) for box, _, name in DETECTIONS][:1] == [([0, 1, 2, 3], "dog")]
    assert DETECTIONS.to_dicts()[1] == {"name": "cat", "score": 0.5, "box": [4.0, 5.0, 6.0, 7.12]}


def test_selection():
    assert DETECTIONS[DETECTIONS.scores > 0.6].names == ["dog"]
    assert DETECTIONS[1:].names == ["cat"]
    assert len(DETECTIONS[:0]) == 0


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"expected boxes \(N, 4\)"):
        Detections(DETECTIONS.boxes, DETECTIONS.scores[:1], DETECTIONS.labels, ("cat", "dog"))


def test_one_of_them_has_names_for_its_parts():
    assert (DETECTIONS[0].name, DETECTIONS[-1].score) == ("dog", 0.5)
    assert next(iter(DETECTIONS)).box.tolist() == [0, 1, 2, 3]


def test_printed_it_is_a_table():
    assert str(DETECTIONS).splitlines() == [
        "2 objects",
        "score      x1     y1     x2     y2  class",
        " 0.90       0      1      2      3  dog",
        " 0.50       4      5      6      7  cat",
    ]
    assert str(DETECTIONS[:0]) == "0 objects"
    many = DETECTIONS[[0] * 30]
    assert str(many).endswith("\nand 10 more")


PHOTO = SAMPLE_FOLDER / "coffee.jpg"


def found_in(given: Any) -> Detections:
    return replace(DETECTIONS, _memory=take_image(given)[1])


def test_the_picture_of_a_path_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(SAMPLE_FOLDER)
    found = found_in("coffee.jpg")
    monkeypatch.chdir(tmp_path)
    expected = draw_detections(PHOTO, DETECTIONS)
    copies = (found[[0, 1]], pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found))
    for each in (found, *copies, replace(found, classes=found.classes)):
        np.testing.assert_array_equal(each.draw(), expected)
        assert each == DETECTIONS
    assert found.save(tmp_path / "new" / "out.png") == tmp_path / "new" / "out.png"
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new" / "out.png")), expected)
    png = found._repr_png_()
    assert png is not None
    assert cv2.imdecode(np.frombuffer(png, np.uint8), 1).shape == (400, 600, 3)
    assert found._repr_html_() is None


def test_pixels_are_not_kept():
    image = load_image(PHOTO)
    found = found_in(image)
    assert found.image is image
    unpickled = pickle.loads(pickle.dumps(found))
    assert unpickled == found
    assert unpickled.image is None
    del image
    for lost in (found, unpickled, DETECTIONS):
        assert lost.image is None
        assert lost._repr_png_() is None
        assert "dog" in (lost._repr_html_() or "")
        with pytest.raises(ValueError, match=r"no more in memory; give it: draw\(image\)"):
            lost.draw()
        assert lost.draw(PHOTO).shape == (400, 600, 3)


def test_an_image_that_has_changed_is_refused(tmp_path: Path):
    path = Path(shutil.copy(PHOTO, tmp_path / "photo.jpg"))
    array, pillow = load_image(PHOTO), PillowImage.open(PHOTO)
    pillow.load()
    changed = [found_in(path), found_in(array), found_in(pillow)]
    changed.append(pickle.loads(pickle.dumps(changed[0])))
    for found in changed:
        assert found.draw().shape == (400, 600, 3)
    shutil.copy(SAMPLE_FOLDER / "camera.jpg", path)
    array[:] = array[:, ::-1].copy()  # as a buffer that the next frame is read into
    pillow.thumbnail((50, 50))
    for found in changed:
        with pytest.raises(ImageError, match="has changed since"):
            found.draw()
        assert found._repr_png_() is None
        assert "dog" in (found._repr_html_() or "")


def test_an_address_is_asked_once():
    with FileServer() as server:
        server.files["/snapshot.jpg"] = PHOTO.read_bytes()
        found = found_in(f"{server.url}/snapshot.jpg")
        server.files["/snapshot.jpg"] = (SAMPLE_FOLDER / "camera.jpg").read_bytes()
        np.testing.assert_array_equal(found.draw(), draw_detections(PHOTO, DETECTIONS))
        assert len(server.requests) == 1
    assert pickle.loads(pickle.dumps(found)).image is None


@pytest.mark.parametrize("shape", [(1, 5000, 3), (5000, 1, 3)])
def test_a_notebook_shows_an_image_of_any_shape(shape: tuple[int, ...]):
    image = np.zeros(shape, np.uint8)
    assert found_in(image)._repr_png_()


def test_they_are_compared_sorted_and_looked_for():
    first, second = DETECTIONS
    assert first == DETECTIONS[0] != second
    assert first in DETECTIONS
    assert "dog" in DETECTIONS
    assert "cup" not in DETECTIONS
    assert None not in DETECTIONS
    assert max(DETECTIONS) == first
    assert [each.name for each in sorted(DETECTIONS)] == ["cat", "dog"]
    assert list(DETECTIONS).index(second) == 1
    assert f"{DETECTIONS:>200}".endswith("cat")
    first.box[:] = 0
    assert DETECTIONS[0].box.tolist() == [0, 1, 2, 3]


def test_lists_make_detections_and_nonsense_does_not():
    made = Detections([[1, 2, 3, 4]], [0.5], [0], ["a"])  # type: ignore[arg-type]
    assert made[0].name == "a"
    for label in (1, -1):
        with pytest.raises(ValueError, match="expected labels from 0 to 0"):
            Detections([[1, 2, 3, 4]], [0.5], [label], ["a"])  # type: ignore[arg-type]
    for path in (None, 5, b"a.jpg", "\0.jpg", ""):
        with pytest.raises(ValueError, match="to be a path"):
            made.save(path, PHOTO)  # type: ignore[arg-type]


def test_a_picture_that_cannot_be_written(tmp_path: Path):
    for name in ("out", "out.xyz", "."):
        with pytest.raises(DetectorError):
            DETECTIONS.save(tmp_path / name, PHOTO)
    assert not list(tmp_path.iterdir())


def test_it_is_a_sequence():
    assert len(DETECTIONS) == 2
    for number in (0, 1, -1, -2, np.int64(1)):
        box, score, name = DETECTIONS[number]
        expected = list(DETECTIONS)[number]
        assert (box.tolist(), score, name) == (expected[0].tolist(), *expected[1:])
    with pytest.raises(IndexError, match="there is no detection 2; there are 2"):
        DETECTIONS[2]
    with pytest.raises(IndexError, match="there is no detection 0; there are 0"):
        DETECTIONS[:0][0]
    for indices in ([1, 0], (1, 0), np.array([1, 0])):
        assert DETECTIONS[indices].names == ["cat", "dog"]
    assert DETECTIONS[[]].names == DETECTIONS[[False, False]].names == []
    for wrong in ("dog", 0.5, None, [[0]], [0.5]):
        with pytest.raises(ValueError, match="expected the number of a detection"):
            DETECTIONS[wrong]


def test_equality():
    same = Detections(
        *(DETECTIONS.__dict__[name].copy() for name in ("boxes", "scores", "labels")), ("cat", "dog")
    )
    assert same == DETECTIONS
    assert not same != DETECTIONS  # noqa: SIM202
    moved = Detections(DETECTIONS.boxes + 1, DETECTIONS.scores, DETECTIONS.labels, ("cat", "dog"))
    for other in (moved, DETECTIONS[:1], DETECTIONS[:0], None, "dog", [*DETECTIONS]):
        assert other != DETECTIONS
    assert DETECTIONS[:0] == same[:0]
    assert not DETECTIONS[:0]
    with pytest.raises(TypeError, match="unhashable"):
        hash(DETECTIONS)


def test_it_shows_its_objects():
    assert repr(DETECTIONS) == "<Detections: 2 objects: dog 0.90 [0 1 2 3], cat 0.50 [4 5 6 7]>"
    assert repr(DETECTIONS[:0]) == "<Detections: 0 objects>"
    assert repr(DETECTIONS[[0] * 7]).endswith(" and 2 more>")
    named = Detections(DETECTIONS.boxes, DETECTIONS.scores, DETECTIONS.labels, ("<b>\n", "dog"))
    assert "\n" not in repr(named)
    page = named._repr_html_()
    assert "<td>&lt;b&gt;\n</td><td>0.50</td><td>4.0, 5.0, 6.0, 7.1</td>" in page
    assert page.count("<tr>") == 3


def test_to_supervision():
    pytest.importorskip("supervision")
    for found in (DETECTIONS, DETECTIONS[:0]):
        theirs = found.to_supervision()
        assert np.array_equal(theirs.xyxy, found.boxes)
        assert np.array_equal(theirs.confidence, found.scores)
        assert np.array_equal(theirs.class_id, found.labels)
        assert theirs.data["class_name"].tolist() == found.names


def test_to_dataframe():
    pytest.importorskip("pandas")
    table = DETECTIONS.to_dataframe()
    assert list(table.columns) == ["name", "score", "x1", "y1", "x2", "y2"]
    assert table["name"].tolist() == ["dog", "cat"]
    assert np.array_equal(table[["x1", "y1", "x2", "y2"]].to_numpy(), DETECTIONS.boxes)
    assert len(DETECTIONS[:0].to_dataframe()) == 0


@pytest.mark.parametrize(
    ("package", "install"), [("supervision", "'supervision<0.30'"), ("pandas", "pandas")]
)
def test_what_is_not_installed_is_said(package: str, install: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, package, None)
    convert = DETECTIONS.to_supervision if package == "supervision" else DETECTIONS.to_dataframe
    with pytest.raises(DetectorError, match=f"needs the package {package} .*: (uv )?pip install {install}"):
        convert()
