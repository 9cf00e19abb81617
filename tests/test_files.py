import errno

import pytest

from detector.errors import DetectorError
from detector.files import replacing


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
