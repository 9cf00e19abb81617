"""Every line of misuse.txt: no traceback, the right exit code, one sentence, and nothing left behind."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import Run
from tests.data.labelled import Photo, write_yolo
from tests.named_pictures import write_colours

LIST = Path(__file__).with_name("misuse.txt")
CUP = SAMPLE_FOLDER / "coffee.jpg"


def read_list() -> Iterator[tuple[int, str, str]]:
    for line in LIST.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            code, command, said = line.split("|", 2)
            yield int(code), command.strip(), said.strip()


LINES = list(read_list())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the list describes."""
    root = tmp_path_factory.mktemp("misuse")
    photo = CUP.read_bytes()
    files = {
        "cup.jpg": photo,
        "broken.jpg": photo[: len(photo) // 2],
        "empty.jpg": b"",
        "text.jpg": b"This is no picture.",
        "a b/ü.jpg": photo,
        "clip.mp4": b"\0\0\0\x20ftypisom" + bytes(40),
        "empty.json": b"",
        "broken.json": b'{"images": [',
        "list.json": b"[1, 2, 3]",
        "latin.yaml": b"model: {classes: [\xe9t\xe9]}",
    }
    for name in ("cup.jpg", "broken.jpg", "empty.jpg", "text.jpg"):
        files[f"photos/{name}"] = files[name]
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    (root / "nothing").mkdir()
    objects = (("cat", 10, 10, 60, 70),)
    write_yolo(root / "labelled", [Photo(f"{number}.jpg", objects, "", (90, 90)) for number in range(6)])
    write_colours(root / "birds", {"robin": 8, "wren": 8})
    noise = np.random.default_rng(0)
    for path in (root / "labelled").rglob("*.jpg"):
        cv2.imwrite(str(path), noise.integers(0, 256, (90, 90, 3), np.uint8))
    return root


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.usefixtures("released_weights")
@pytest.mark.parametrize(("code", "command", "said"), LINES, ids=[line[1] for line in LINES])
def test_misuse(
    run: Run, scene: Path, code: int, command: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scene)
    before = files_in(scene)
    outcome = run(*shlex.split(command))
    assert outcome.code == code, outcome
    assert "Traceback" not in outcome.out + outcome.err
    assert "secret" not in outcome.out + outcome.err
    if code == 2:
        errors = [line for line in outcome.err.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1, outcome.err
        assert said in errors[0] or said in outcome.err, outcome.err
    left = {name for name in files_in(scene) - before if not name.startswith("output")}
    assert left == set()


def test_there_are_a_hundred() -> None:
    assert len(LINES) >= 100
    assert len({command for _, command, _ in LINES}) == len(LINES)
