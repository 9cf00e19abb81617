"""Which checkpoints are whole, and which are kept; the lists of files that tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import DetectorError
from detector.training.checkpoints import Checkpoint, Found, find_checkpoint
from detector.training.manifest import NotWholeError, read_manifest, write_manifest
from tests.training.damages import DAMAGES, Damage

FILES = ("ckpt-6.index", "ckpt-6.data-00000-of-00001", "ckpt-6.json")


def write(folder: Path, step: int) -> Checkpoint:
    folder.mkdir(exist_ok=True)
    checkpoint = Checkpoint(folder, step)
    for suffix, size in (("index", 300), ("data-00000-of-00001", 4000)):
        content = bytes((n * step) % 256 for n in range(size))
        folder.joinpath(f"ckpt-{step}.{suffix}").write_bytes(content)
    return checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (3, 6):
        write(tmp_path / "checkpoints", step).seal()
    return tmp_path / "checkpoints"


def test_the_newest_is_taken(folder: Path) -> None:
    assert find_checkpoint(folder) == Found(Checkpoint(folder, 6), ())


@pytest.mark.parametrize("place", ["missing", "empty"])
def test_where_there_is_none(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    assert find_checkpoint(tmp_path / place) == Found(None, ())


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", FILES)
def test_one_that_is_not_whole_is_left_aside_and_named(folder: Path, name: str, damage: Damage) -> None:
    damage(folder / name)
    found = find_checkpoint(folder)
    assert found.whole == Checkpoint(folder, 3)
    assert len(found.faults) == 1
    assert "ckpt-6" in found.faults[0]
    assert "\n" not in found.faults[0]


def test_one_whose_files_are_all_gone_is_as_if_it_had_never_been(folder: Path) -> None:
    Checkpoint(folder, 6).remove()
    assert find_checkpoint(folder) == Found(Checkpoint(folder, 3), ())


def test_none_is_whole(folder: Path) -> None:
    for step in (3, 6):
        (folder / f"ckpt-{step}.index").write_bytes(b"")
    found = find_checkpoint(folder)
    assert found.whole is None
    assert ["ckpt-6" in found.faults[0], "ckpt-3" in found.faults[1]] == [True, True]


def test_the_files_of_another_step_under_this_name_are_no_checkpoint(folder: Path) -> None:
    for name in FILES:
        (folder / name).write_bytes((folder / name.replace("6", "3", 1)).read_bytes())
    assert find_checkpoint(folder).whole == Checkpoint(folder, 3)


def test_what_tensorflow_keeps_beside_them_plays_no_part(folder: Path) -> None:
    (folder / "checkpoint").write_bytes(b"\xff garbage")
    assert find_checkpoint(folder).whole == Checkpoint(folder, 6)


def test_two_are_kept(folder: Path) -> None:
    write(folder, 9).seal()
    assert {path.name.split(".")[0] for path in folder.iterdir()} == {"ckpt-6", "ckpt-9"}


def test_the_one_that_is_kept_beside_the_newest_is_whole(folder: Path) -> None:
    (folder / "ckpt-6.index").write_bytes(b"")
    (folder / "ckpt-8_temp").mkdir()
    (folder / "ckpt-8_temp/part").touch()
    write(folder, 5).seal()  # a run that went on from 3
    assert {path.name.split(".")[0] for path in folder.iterdir()} == {"ckpt-3", "ckpt-5"}


def test_one_can_be_sealed_again(folder: Path) -> None:
    write(folder, 6).seal(history=4)
    found = find_checkpoint(folder)
    assert (found.whole, found.facts) == (Checkpoint(folder, 6), {"history": 4, "step": 6})


def test_one_that_was_cut_off_before_it_was_sealed_is_not_whole(folder: Path) -> None:
    write(folder, 9)
    assert find_checkpoint(folder) == Found(Checkpoint(folder, 6), ("ckpt-9.json is missing",))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("")
    with pytest.raises(DetectorError, match=r"Cannot read .*checkpoints"):
        find_checkpoint(tmp_path / "checkpoints")


def test_facts_come_back(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    write_manifest(tmp_path / "list.json", [tmp_path / "a"], {"AP": 0.1, "words": "é"})
    assert read_manifest(tmp_path / "list.json") == {"AP": 0.1, "words": "é"}


NO_LISTS: tuple[object, ...] = (1, [], {}, {"files": []}, {"files": {"a": 1}}, {"files": {"a": {"bytes": 1}}})


@pytest.mark.parametrize(
    "content", [json.dumps(value) for value in NO_LISTS] + ["[" * 100_000, "\x00", "1" * 9999]
)
def test_a_list_that_is_none_is_not_whole(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(NotWholeError, match=r"list\.json is damaged"):
        read_manifest(tmp_path / "list.json")


def test_a_list_speaks_of_files_beside_it_alone(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(b"1")
    inside = tmp_path / "run"
    inside.mkdir()
    write_manifest(tmp_path / "list.json", [outside], {})
    content = (tmp_path / "list.json").read_text().replace("secret", "../secret")
    (inside / "list.json").write_text(content)
    with pytest.raises(NotWholeError, match="secret is missing"):
        read_manifest(inside / "list.json")


def test_a_file_that_is_gone_before_it_is_listed_is_said(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="Cannot write"):
        write_manifest(tmp_path / "list.json", [tmp_path / "a"], {})


def test_files_are_on_the_disk_before_their_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    flush: Callable[[Path], None] = lambda path: done.append(path.name)  # noqa: E731
    monkeypatch.setattr("detector.training.manifest.flush_to_disk", flush)
    monkeypatch.setattr("detector.system.files.flush_to_disk", flush)
    write(folder, 9).seal()
    assert sorted(done[:2]) == ["ckpt-9.data-00000-of-00001", "ckpt-9.index"]
    assert len(done) == 4  # then the list and its name
