"""What stands between the regions of a Label Studio task and is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DatasetError
from tests.data.labelled import Photo, found, write_label_studio

OTHERS: dict[str, list[dict[str, Any]]] = {
    "relation": [{"type": "relation", "from_id": "r0_0", "to_id": "r0_1", "direction": "right"}],
    "answer": [{"type": "choices", "from_name": "ok", "to_name": "image", "value": {"choices": ["yes"]}}],
    "text of a task": [{"type": "textarea", "from_name": "t", "to_name": "text", "value": {"text": ["x"]}}],
}


def write_tasks(root: Path) -> list[Any]:
    write_label_studio(root, [Photo(f"{n}.png", look=n) for n in range(4)])
    tasks: list[Any] = json.loads((root / "project.json").read_text())
    return tasks


@pytest.mark.parametrize("kind", OTHERS)
def test_what_draws_nothing_is_of_no_other_image(tmp_path: Path, kind: str) -> None:
    tasks = write_tasks(tmp_path)
    for task in tasks:
        task["annotations"][0]["result"] += OTHERS[kind]
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    folder = load_labelled_folder(tmp_path)
    assert len(folder.train.annotations) + len(folder.val.annotations) == 4
    assert not folder.findings


def test_regions_of_a_turned_image_are_left_out(tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path)
    tasks[1]["annotations"][0]["result"][0]["image_rotation"] = 90
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "image was turned") == (1, "project.json, task 2")
    assert len(folder.train.images) + len(folder.val.images) == 3


def test_an_image_inside_the_file_is_not_printed(tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path)
    for task in tasks:
        task["data"]["image"] = "data:image/png;base64," + "A" * 100_000
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    with pytest.raises(DatasetError, match="whose file is missing") as refusal:
        load_labelled_folder(tmp_path)
    assert len(str(refusal.value)) < 1000
