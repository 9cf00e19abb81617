import errno
import os

import pytest

from detector.errors import DetectorError
from detector.system.files import free_folder, no_empty_folders, replacing, replacing_folder


def test_a_file_appears_whole(tmp_path):
    with replacing(tmp_path / "new" / "file.txt") as path:
        path.write_text("whole")
        assert not (tmp_path / "new" / "file.txt").exists()
    assert (tmp_path / "new" / "file.txt").read_text() == "whole"


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def write():
        with replacing(target) as path:
            path.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
    assert target.read_text() == "old"


def test_a_full_disk_is_said(tmp_path):
    with pytest.raises(DetectorError, match="disk is full"), replacing(tmp_path / "file.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DetectorError, match="Cannot write"), replacing(tmp_path / "file" / "x.txt"):
        pass


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "file.txt"
    link.symlink_to(tmp_path / "disk" / "real.txt")
    with replacing(link) as path:
        path.write_text("whole")
    assert link.is_symlink()
    assert (tmp_path / "disk" / "real.txt").read_text() == "whole"


def test_files_are_on_the_disk_before_they_have_their_name(tmp_path, monkeypatch):
    target, events = tmp_path / "folder", []
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: events.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    with replacing_folder(target) as folder:
        (folder / "file.txt").write_text("whole")
        monkeypatch.setattr(
            type(folder), "replace", lambda self, to: (events.append("renamed"), os.rename(self, to))
        )
    assert events[0].endswith("/file.txt")
    assert events.index("renamed") == 2  # after the file and its folder, before the folder's own folder
    assert events[-1] == str(tmp_path)


def test_free_folders(tmp_path):
    birds = tmp_path / "runs" / "birds"
    assert free_folder(birds) == birds
    birds.mkdir(parents=True)
    assert free_folder(birds) == birds.with_name("birds-2")
    birds.with_name("birds-2").touch()
    birds.with_name("birds-4").mkdir()
    assert free_folder(birds) == birds.with_name("birds-3")


def make_and_fail(file, *folders):
    with no_empty_folders(*folders):
        for folder in folders:
            folder.mkdir(parents=True)
        if file:
            file.touch()
        raise KeyError


def test_no_empty_folder_is_left_by_what_fails(tmp_path):
    (tmp_path / "was here").mkdir()
    for name in ("was here/a/b", "new/a/b", "new/c"):
        with pytest.raises(KeyError):
            make_and_fail(None, tmp_path / name, tmp_path / "new" / "d")
        assert [path.name for path in tmp_path.rglob("*")] == ["was here"]
    kept = tmp_path / "kept" / "file"
    with pytest.raises(KeyError):
        make_and_fail(kept, kept.parent)
    assert kept.exists()
