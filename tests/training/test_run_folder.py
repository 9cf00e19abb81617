import errno
import json
import shutil
from collections import namedtuple
from dataclasses import replace

import pytest

from detector.data.dataset import Dataset, DatasetImage
from detector.errors import DetectorError
from detector.training.run_folder import RunFolder, fingerprint

RECORD = {"dataset": "photos", "step": 3}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "runs" / "first")


def test_starting_makes_the_folder(folder):
    folder.start("model: {}\n", RECORD)
    assert folder.config.read_text() == "model: {}\n"
    assert folder.load_record() == RECORD
    assert sorted(path.name for path in folder.root.iterdir()) == ["config.yaml", "run.json"]


def test_an_empty_folder_is_as_good_as_none(folder):
    folder.root.mkdir(parents=True)
    folder.start("", RECORD)
    assert folder.load_record() == RECORD


def test_all_files_lie_in_the_folder_and_are_different(folder):
    paths = [getattr(folder, name) for name, value in vars(RunFolder).items() if isinstance(value, property)]
    assert len(paths) >= 10
    assert {path.parent for path in paths} == {folder.root}
    assert len(set(paths)) == len(paths)


def test_a_folder_with_a_run_is_refused_and_left_alone(folder):
    folder.start("one", RECORD)
    with pytest.raises(
        DetectorError, match=r"holds a run already: go on with `ssdlite train --resume"
    ) as caught:
        folder.start("two", {})
    assert str(folder.root) in str(caught.value)
    assert folder.config.read_text() == "one"
    assert folder.load_record() == RECORD


def test_a_folder_with_anything_in_it_is_refused(folder):
    folder.root.mkdir(parents=True)
    (folder.root / ".hidden").touch()
    with pytest.raises(DetectorError, match=r"first is not empty; choose another --output"):
        folder.start("", RECORD)
    assert [path.name for path in folder.root.iterdir()] == [".hidden"]


@pytest.mark.parametrize("where", ["first", "first/second"])
def test_a_file_in_place_of_a_folder_is_refused(tmp_path, where):
    (tmp_path / "first").write_text("notes")
    with pytest.raises(DetectorError, match=f"{where}.*choose another"):
        RunFolder(tmp_path / where).start("", RECORD)
    assert (tmp_path / "first").read_text() == "notes"


def test_a_folder_that_cannot_be_written_to_is_refused(folder, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(DetectorError, match=r"Cannot write .*first \(Permission denied\); choose another"):
        folder.start("", RECORD)
    assert not folder.root.exists()


@pytest.mark.parametrize(("free_mib", "enough"), [(0, False), (399, False), (400, True), (10**6, True)])
def test_a_disk_that_is_nearly_full_is_refused(folder, monkeypatch, free_mib, enough):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, free_mib << 20))
    if enough:
        folder.start("", RECORD)
        return
    with pytest.raises(DetectorError, match=f"has {free_mib} MiB left and a run needs about 400"):
        folder.start("", RECORD)
    assert not folder.record.exists()
    # Once there is room the same folder will do.
    monkeypatch.undo()
    folder.start("", RECORD)


@pytest.mark.parametrize("what", ["save_config", "save_record"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, DetectorError])
def test_an_end_while_starting_leaves_a_folder_that_can_be_started_in(folder, monkeypatch, what, error):
    save = getattr(RunFolder, what)

    def save_and_stop(*arguments):
        save(*arguments)
        raise error

    monkeypatch.setattr(RunFolder, what, save_and_stop)
    with pytest.raises(error):
        folder.start("model: {}\n", RECORD)
    monkeypatch.undo()
    folder.check_free()
    folder.remove_if_empty()
    assert not folder.root.exists()


def test_a_folder_with_a_run_is_not_removed(folder):
    folder.start("", RECORD)
    folder.remove_if_empty()
    assert folder.load_record() == RECORD


def test_a_lock_is_no_content(folder):
    folder.root.mkdir(parents=True)
    (folder.root / ".lock").touch()
    folder.start("", RECORD)
    assert folder.load_record() == RECORD


def test_a_folder_without_a_run_and_a_damaged_record(folder):
    with pytest.raises(DetectorError, match="first holds no training run"):
        folder.load_record()
    folder.start("", RECORD)
    folder.record.write_text('{"dataset": "pho')
    with pytest.raises(DetectorError, match=r"run\.json is damaged"):
        folder.load_record()


def test_a_record_that_is_no_object_is_damaged(folder):
    folder.start("", RECORD)
    folder.record.write_text("[]")
    with pytest.raises(DetectorError, match=r"run\.json is damaged"):
        folder.load_record()


def entries(*steps):
    return [{"step": step, "loss": 1 / (1 + step)} for step in steps]


def write(folder, history):
    folder.root.mkdir(parents=True)
    for entry in history:
        folder.append_history(entry)


def test_history(folder):
    assert folder.load_history() == []
    history = [*entries(1, 2), {"step": 2, "AP": 0.5}, *entries(5)]
    write(folder, history)
    assert folder.load_history() == history
    assert folder.load_history(until_step=2) == history[:3]
    assert folder.load_history(until_step=0) == []
    assert [json.loads(line) for line in folder.history.read_text().splitlines()] == history


@pytest.mark.parametrize("left", range(1, 30))
def test_a_line_that_was_cut_off_by_a_crash_is_left_out(folder, left):
    write(folder, entries(1, 2))
    cut = json.dumps({"step": 12, "loss": 0.0625, "AP": 0.5})[:left]
    with folder.history.open("a") as file:
        file.write(cut)
    assert folder.load_history() == entries(1, 2)
    # What comes after the rewinding is not joined to it.
    assert folder.rewind_history(2) == entries(1, 2)
    folder.append_history(entries(3)[0])
    assert folder.load_history() == entries(1, 2, 3)


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"[1]", b"null", b'{"loss": 1}', b'{"step": "3", "loss": 1}', b'{"step": true, "AP": 1}',
     b'{"step": -1}', b'{"step": 3, "AP": null}', b'{"step": 3, "AP": "0.5"}', b'{"step": 3, "trial": 1}',
     b"[" * 100_000],
)  # fmt: skip
def test_a_line_that_makes_no_sense_is_left_out(folder, line):
    write(folder, entries(1))
    with folder.history.open("ab") as file:
        file.write(line + b"\n")
    folder.append_history(entries(2)[0])
    assert folder.load_history() == entries(1, 2)


def test_rewinding_forgets_what_came_after(folder):
    write(folder, entries(1, 2, 3, 4))
    assert folder.rewind_history(2) == entries(1, 2)
    assert folder.load_history() == entries(1, 2)
    folder.append_history({"step": 3, "loss": 9})
    assert folder.load_history() == [*entries(1, 2), {"step": 3, "loss": 9}]
    assert folder.rewind_history(0) == []
    assert folder.load_history() == []


def test_rewinding_where_there_is_no_history(folder):
    assert folder.rewind_history(5) == []


def test_a_history_that_cannot_be_written(folder):
    folder.history.mkdir(parents=True)
    with pytest.raises(DetectorError, match=r"Cannot write .*history\.jsonl"):
        folder.append_history({"step": 1})


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "here"
    root.mkdir()
    images = []
    for id_ in (1, 2):
        path = root / f"{id_}.jpg"
        path.write_bytes(bytes(range(10 * id_)))
        images.append(DatasetImage(id_, path, (40, 30)))
    annotations = tuple(
        {
            "id": id_,
            "image_id": id_,
            "category_id": 7,
            "bbox": [1.0, 2.0, 3.0, 4.0],
            "area": 12.0,
            "iscrowd": 0,
        }
        for id_ in (1, 2)
    )
    return Dataset(root, tuple(images), annotations, {7: "cat", 9: "dog"}, "train")


def with_annotation(dataset, **changes):
    first, *others = dataset.annotations
    return replace(dataset, annotations=({**first, **changes}, *others))


def test_the_fingerprint_is_that_of_the_content_and_not_of_the_place(dataset, tmp_path):
    before = fingerprint(dataset)
    assert fingerprint(dataset) == before
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = tuple(replace(image, path=tmp_path / "there" / image.path.name) for image in dataset.images)
    assert fingerprint(replace(dataset, source=tmp_path / "there", images=moved)) == before


def test_the_fingerprint_is_another_when_anything_is(dataset):
    changed = {
        "a box": with_annotation(dataset, bbox=[1.0, 2.0, 3.0, 4.5]),
        "a class": with_annotation(dataset, category_id=9),
        "a crowd": with_annotation(dataset, iscrowd=1),
        "an object less": replace(dataset, annotations=dataset.annotations[1:]),
        "a name": replace(dataset, categories={7: "cat", 9: "fox"}),
        "a class less": replace(dataset, categories={7: "cat"}),
        "an image less": dataset.select({1}),
        "another order": replace(dataset, images=dataset.images[::-1]),
        "a size": replace(dataset, images=(replace(dataset.images[0], size_wh=(30, 40)), dataset.images[1])),
    }
    prints = {what: fingerprint(other) for what, other in changed.items()}
    prints["nothing"] = fingerprint(dataset)
    dataset.images[0].path.write_bytes(b"longer than it was")
    prints["bytes"] = fingerprint(dataset)
    assert len(set(prints.values())) == len(prints)


def test_the_fingerprint_of_several_parts_tells_them_apart(dataset):
    one, two = dataset.select({1}), dataset.select({2})
    prints = {fingerprint(one, two), fingerprint(two, one), fingerprint(one), fingerprint(dataset)}
    assert len(prints) == 4


def test_the_order_of_an_annotations_keys_is_no_content(dataset):
    turned = replace(dataset, annotations=tuple(dict(reversed(list(a.items()))) for a in dataset.annotations))
    assert fingerprint(turned) == fingerprint(dataset)
