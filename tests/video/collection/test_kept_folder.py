import errno
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DetectorError
from detector.images import load_image
from detector.video.collection.kept_folder import ALIKE, FULL, KEPT, KeptFolder
from detector.video.collection.reasons import FLICKERING, UNSURE, WRONG
from tests.video.collection.frames import SCENE, live_frame, other_scene

PERSON = ("person", 0.9, (10.25, 10.5, 60.0, 100.75))
DOG = ("dog", 0.35, (200.0, 50.0, 260.0, 90.0))
MEGABYTE = 1_000_000


def open_folder(path, most=500, most_bytes=500 * MEGABYTE):
    return KeptFolder(path, most=most, most_bytes=most_bytes)


def pictures(path):
    return sorted(each.name.split("-")[0] for each in path.glob("*.jpg"))


def keep_one(path):
    with closing(open_folder(path)) as folder:
        assert folder.keep(live_frame(0, PERSON), UNSURE) == KEPT


def spot(left):
    """The scene with something small in it."""
    image = SCENE.copy()
    image[105:111, left : left + 6] = 255
    return image


def test_the_trainer_reads_the_folder_as_it_is(tmp_path):
    folder = open_folder(tmp_path / "new" / "kept")
    for number in range(6):
        kept = folder.keep(live_frame(number, PERSON, weak=(DOG,), image=other_scene(number)), UNSURE)
        assert kept == KEPT
    read = load_labelled_folder(tmp_path / "new" / "kept")
    assert read.format == "Pascal VOC"
    assert len(read.train.images) + len(read.val.images) == folder.count == 6
    assert folder.size == sum(each.stat().st_size for each in folder.path.iterdir())
    for part in (read.train, read.val):
        for each in part.annotations:
            name, (x, y, width, height) = part.categories[each["category_id"]], each["bbox"]
            box = PERSON[2] if name == "person" else DOG[2]
            assert [x, y, x + width, y + height] == pytest.approx(box, abs=0.5)
            assert each["iscrowd"] == (name == "dog")  # what is not shown is neither object nor background
        assert {part.categories[each["category_id"]] for each in part.annotations} == {"person", "dog"}
    assert not [each for each in read.findings if "left out" in str(each)]


def test_another_reader_reads_the_same(tmp_path):
    supervision = pytest.importorskip("supervision")
    open_folder(tmp_path).keep(live_frame(0, PERSON, weak=(DOG,)), UNSURE)
    read = supervision.DetectionDataset.from_pascal_voc(str(tmp_path), str(tmp_path))
    ((_, image, found),) = list(read)
    assert image.shape == SCENE.shape
    assert [read.classes[number] for number in found.class_id] == ["person", "dog"]
    # It counts pixels from 1, as VOC's own pictures do and few labelling tools.
    assert found.xyxy + 1 == pytest.approx(np.array([PERSON[2], DOG[2]]), abs=0.5)


def test_the_picture_is_the_camera_s(tmp_path):
    folder = open_folder(tmp_path)
    folder.keep(live_frame(0, PERSON), UNSURE)
    (picture,) = tmp_path.glob("*.jpg")
    assert np.abs(load_image(picture).astype(int) - SCENE).mean() < 3


def test_never_two_alike(tmp_path):
    folder = open_folder(tmp_path)
    assert folder.keep(live_frame(0, PERSON), UNSURE) == KEPT
    brighter = cv2.convertScaleAbs(SCENE, alpha=1, beta=20)
    nearly = ("person", 0.5, (12.0, 10.0, 62.0, 100.0))
    assert folder.keep(live_frame(1, nearly, image=np.asarray(brighter)), FLICKERING) == ALIKE
    assert folder.keep(live_frame(2), UNSURE) == ALIKE  # nothing in it that is not in the first
    assert folder.keep(live_frame(3, PERSON, image=other_scene(3)), UNSURE) == KEPT
    assert folder.count == len(list(tmp_path.glob("*.jpg"))) == 2


def test_what_moves_before_a_fixed_camera_is_new(tmp_path):
    folder = open_folder(tmp_path)
    assert folder.keep(live_frame(0, PERSON), UNSURE) == KEPT
    elsewhere = ("person", 0.9, (210.0, 10.0, 260.0, 100.0))
    assert folder.keep(live_frame(1, elsewhere), UNSURE) == KEPT
    assert folder.keep(live_frame(2, PERSON, elsewhere), UNSURE) == ALIKE  # both are known by now
    assert folder.keep(live_frame(3, ("dog", 0.9, PERSON[2])), UNSURE) == KEPT


def test_a_frame_called_wrong_takes_the_place_of_the_same_one(tmp_path):
    folder = open_folder(tmp_path, most=3)
    elsewhere = ("person", 0.9, (210.0, 10.0, 260.0, 100.0))
    for number, found in enumerate((PERSON, elsewhere)):  # one picture, in which another object is found
        assert folder.keep(live_frame(number, found), UNSURE) == KEPT
    assert folder.keep(live_frame(2, image=other_scene(2)), UNSURE) == KEPT
    assert folder.keep(live_frame(3, PERSON), WRONG) == KEPT
    assert pictures(tmp_path) == ["unsure", "wrong"]
    assert folder.count == 2
    assert folder.size == sum(each.stat().st_size for each in tmp_path.iterdir())
    assert folder.keep(live_frame(2, PERSON), WRONG) == ALIKE


def test_a_small_thing_that_was_missed_is_enough_to_call_a_frame_wrong(tmp_path):
    folder = open_folder(tmp_path)
    assert folder.keep(live_frame(0, image=spot(10)), WRONG) == KEPT
    assert folder.keep(live_frame(1, image=spot(200)), WRONG) == KEPT
    assert folder.keep(live_frame(2, image=spot(200)), WRONG) == ALIKE
    assert folder.keep(live_frame(3, image=spot(100)), UNSURE) == ALIKE


def test_no_more_than_so_many_pictures(tmp_path):
    folder = open_folder(tmp_path, most=2)
    kept = [folder.keep(live_frame(n, PERSON, image=other_scene(n)), UNSURE) for n in range(4)]
    assert kept == [KEPT, KEPT, FULL, FULL]
    assert len(list(tmp_path.iterdir())) == 4


def test_no_more_than_so_many_bytes(tmp_path):
    folder = open_folder(tmp_path, most_bytes=60_000)
    kept = [folder.keep(live_frame(n, PERSON, image=other_scene(n)), UNSURE) for n in range(20)]
    assert kept[0] == KEPT
    assert kept[-1] == FULL
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 61_000  # labels come after the picture


def test_it_goes_on_in_a_folder_that_is_there(tmp_path):
    before = open_folder(tmp_path)
    before.keep(live_frame(0, PERSON), UNSURE)
    before.close()
    folder = open_folder(tmp_path, most=2)
    assert (folder.count, folder.size) == (1, before.size)
    assert folder.keep(live_frame(0, PERSON), UNSURE) == ALIKE
    assert folder.keep(live_frame(0, PERSON, image=other_scene(0)), UNSURE) == KEPT
    assert folder.keep(live_frame(1, PERSON, image=other_scene(1)), UNSURE) == FULL


def test_labels_that_may_have_been_corrected_are_never_replaced(tmp_path):
    keep_one(tmp_path)
    assert open_folder(tmp_path).keep(live_frame(0, PERSON), WRONG) == ALIKE
    assert pictures(tmp_path) == ["unsure"]


def test_names_never_collide(tmp_path):
    folder = open_folder(tmp_path)
    same = live_frame(0, PERSON).frame
    for number in range(3):
        live = live_frame(0, PERSON, image=other_scene(number))
        frame = replace(live.frame, captured_at=same.captured_at)
        assert folder.keep(replace(live, frame=frame), UNSURE) == KEPT
    assert len(list(tmp_path.glob("*.jpg"))) == len(list(tmp_path.glob("*.xml"))) == 3


def test_what_a_killed_run_has_left_is_cleared_away(tmp_path):
    keep_one(tmp_path)
    (tmp_path / ".0123abcd.jpg").write_bytes(b"\xff\xd8half")
    (tmp_path / ".hidden").write_text("mine")
    folder = open_folder(tmp_path)
    assert folder.count == 1
    assert {each.name for each in tmp_path.glob(".*")} == {".hidden"}


@pytest.mark.parametrize("what", ["photo.jpg", "notes.txt", "labels.json"])
def test_a_folder_of_something_else_is_refused(tmp_path, what):
    (tmp_path / what).write_bytes(b"mine")
    with pytest.raises(DetectorError, match="name a new folder"):
        open_folder(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [what]


def test_pictures_in_folders_below_were_not_collected(tmp_path):
    keep_one(tmp_path / "JPEGImages")
    with pytest.raises(DetectorError, match="name a new folder"):
        open_folder(tmp_path)


def test_one_at_a_time_has_the_folder(tmp_path):
    with closing(open_folder(tmp_path)), pytest.raises(DetectorError, match="Another process collects in"):
        open_folder(tmp_path)
    open_folder(tmp_path).close()


def test_no_folder_is_left_that_nothing_was_kept_in(tmp_path):
    open_folder(tmp_path / "new" / "kept").close()
    assert not list(tmp_path.iterdir())
    keep_one(tmp_path / "new" / "kept")
    assert len(list(tmp_path.rglob("*.*"))) == 2


def test_labels_are_not_left_without_their_picture(tmp_path, monkeypatch):
    folder = open_folder(tmp_path)

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    write = Path.write_bytes
    monkeypatch.setattr(
        Path, "write_bytes", lambda path, data: (full if path.suffix == ".jpg" else write)(path, data)
    )
    with pytest.raises(DetectorError, match="disk is full"):
        folder.keep(live_frame(0, PERSON), UNSURE)
    assert not list(tmp_path.iterdir())


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DetectorError, match="is a file"):
        open_folder(tmp_path / "file")
