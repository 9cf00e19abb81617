"""``ssdlite data coco`` and ``ssdlite data example``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.system.invocation import command
from tests.commands.running import Run, assert_mistake
from tests.data.test_coco_part import ARCHIVE, CLEAN, PICTURES, WHOLE, name_of
from tests.data.test_example_download import PATH
from tests.data.test_example_download import WHOLE as EXAMPLE
from tests.system.file_server import FileServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FileServer() as server:
        server.files = {ARCHIVE: WHOLE, PATH: EXAMPLE}
        server.files |= {f"/val2017/{name_of(number)}": each for number, each in PICTURES.items()}
        yield server


def test_a_clean_part_is_fetched_and_evaluated(
    run: Run, server: FileServer, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my coco"
    outcome = run("data", "coco", folder, "--clean", "--server", f"{server.url}/")
    assert outcome.code == 0
    assert f"val2017_clean is ready in {folder}: 6 images, 6 objects." in outcome.out
    next_line = f"Next: {command('eval', folder, '--split', 'val2017_clean')}"
    assert outcome.out.splitlines()[-1] == next_line
    outcome = run("eval", folder, "--split", "val2017_clean", "--model", model)
    assert outcome.code == 0
    assert "6 images, split val2017_clean" in outcome.out
    assert "The number is clean: none of these 6 images" in outcome.out


def test_a_limit_says_what_part_it_is(run: Run, server: FileServer, tmp_path: Path) -> None:
    outcome = run("data", "coco", tmp_path / "coco", "--limit", 4, "--server", server.url)
    assert outcome.code == 0
    assert "val2017_4 is ready" in outcome.out
    assert outcome.out.endswith("--split val2017_4\n")


def test_a_part_that_cannot_be_had_is_refused(run: Run, server: FileServer, tmp_path: Path) -> None:
    folder = tmp_path / "coco"
    outcome = run("data", "coco", folder, "--split", "train2017", "--clean", "--server", server.url)
    assert "were trained on train2017" in assert_mistake(outcome)
    outcome = run("data", "coco", folder, "--limit", 5000, "--server", server.url)
    assert "val2017 has 12 images; leave out --limit" in assert_mistake(outcome)
    assert not folder.exists()


def test_pictures_that_fail_are_named(run: Run, server: FileServer, tmp_path: Path) -> None:
    del server.files[f"/val2017/{name_of(CLEAN[3])}"]
    outcome = run("data", "coco", tmp_path / "coco", "--clean", "--server", server.url)
    sentence = assert_mistake(outcome)
    assert f"1 of 6 images could not be fetched ({name_of(CLEAN[3])}): The server answers 404" in sentence


def test_the_example_is_fetched_and_checked(run: Run, server: FileServer, tmp_path: Path) -> None:
    folder = tmp_path / "the raccoons"
    outcome = run("data", "example", folder, "--server", server.url)
    assert outcome.code == 0
    assert f"{folder} is ready: 200 images, 217 objects, class raccoon." in outcome.out
    assert outcome.out.splitlines()[-2:] == [
        f"Next: {command('data', 'check', folder)}",
        f"Next: {command('train', folder)}",
    ]
    assert "exists already" in assert_mistake(run("data", "example", folder, "--server", server.url))
