"""What is written for a tool is what the trainer's reader reads."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from detector.data.dataset import Dataset
from detector.data.folder import load_labelled_folder
from detector.data.writers.tools import TOOLS
from tests.data.labelled import found
from tests.data.writers.proposed import CLASSES, PLACES, Named, assert_same, propose_all, write_proposals

# Its files are not among those that the trainer reads.


def _objects(part: Dataset, folder: Path) -> dict[str, list[Named]]:
    objects: dict[str, list[Named]] = {}
    for image in part.images:
        rows = [each for each in part.annotations if each["image_id"] == image.id]
        objects[image.path.relative_to(folder).as_posix()] = [
            (part.categories[row["category_id"]], (x, y, x + width, y + height))
            for row in rows
            for x, y, width, height in [row["bbox"]]
        ]
    return objects


@pytest.mark.parametrize("tool", TOOLS)
def test_the_trainer_reads_what_was_proposed(tool: str, tmp_path: Path) -> None:
    images = propose_all(TOOLS[tool].flat)
    folder = load_labelled_folder(write_proposals(tool, tmp_path / tool, images))
    pictures = tmp_path / tool / PLACES[tool]
    assert_same(_objects(folder.train, pictures) | _objects(folder.val, pictures), images)
    assert found(folder, "kept as negatives")[0] == 1
    assert not [each for each in folder.findings if "left out" in each.kind]


def test_classes_keep_the_order_of_the_model(tmp_path: Path) -> None:
    for tool in ("yolo", "coco"):
        folder = load_labelled_folder(write_proposals(tool, tmp_path / tool, propose_all(TOOLS[tool].flat)))
        assert folder.classes == CLASSES


def test_what_is_unsure_is_marked_where_there_is_a_place_for_it(tmp_path: Path) -> None:
    marks = {"cvat": [], "label-studio": [], "labelme": [], "voc": [], "coco": []}
    for tool in marks:
        write_proposals(tool, tmp_path / tool, propose_all(TOOLS[tool].flat)[:1])
    tree = ElementTree.parse(tmp_path / "cvat/annotations.xml")
    marks["cvat"] = [each.text == "true" for each in tree.iterfind(".//box/attribute[@name='unsure']")]
    (task,) = json.loads((tmp_path / "label-studio/tasks.json").read_text())
    marks["label-studio"] = ["meta" in each for each in task["predictions"][0]["result"]]
    shapes = json.loads((tmp_path / "labelme/a.json").read_text())["shapes"]
    marks["labelme"] = [each["flags"].get("unsure", False) for each in shapes]
    tree = ElementTree.parse(tmp_path / "voc/Annotations/a.xml")
    marks["voc"] = [each.findtext("value") == "true" for each in tree.iterfind(".//attribute[name='unsure']")]
    content = json.loads((tmp_path / "coco/annotations/instances_default.json").read_text())
    marks["coco"] = [each["attributes"]["unsure"] for each in content["annotations"]]
    assert all(each == [False, False, False, True] for each in marks.values()), marks


def test_scores_are_told(tmp_path: Path) -> None:
    for tool in ("cvat", "label-studio", "labelme", "voc", "coco"):
        write_proposals(tool, tmp_path / tool, propose_all(TOOLS[tool].flat)[:1])
    (task,) = json.loads((tmp_path / "label-studio/tasks.json").read_text())
    (prediction,) = task["predictions"]
    assert [each["score"] for each in prediction["result"]] == [0.9, 0.7, 0.5, 0.3]
    assert (prediction["score"], prediction["model_version"]) == (0.3, "my & run")  # sorted by: unsure first
    tree = ElementTree.parse(tmp_path / "cvat/annotations.xml")
    scores = [each.text for each in tree.iterfind(".//box/attribute[@name='score']")]
    assert scores == ["90", "70", "50", "30"]
    content = json.loads((tmp_path / "coco/annotations/instances_default.json").read_text())
    assert [each["score"] for each in content["annotations"]] == [0.9, 0.7, 0.5, 0.3]


def test_a_clock_that_is_not_set_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))
    write_proposals("cvat", tmp_path, propose_all(flat=False))
    assert (tmp_path / "annotations.xml").is_file()


# Whoever pastes them into the tools finds the same names there.
def test_the_labels_of_a_project_are_those_of_the_model(tmp_path: Path) -> None:
    for tool in ("cvat", "label-studio", "labelme"):
        write_proposals(tool, tmp_path / tool, propose_all(TOOLS[tool].flat))
    labels = json.loads((tmp_path / "cvat/labels.json").read_text())
    assert [each["name"] for each in labels] == list(CLASSES)
    text = (tmp_path / "label-studio/labelling_config.xml").read_text("utf-8")
    assert not text.startswith("<?xml")  # a text that declares an encoding is refused there
    assert [each.get("value") for each in ElementTree.fromstring(text).iter("Label")] == list(CLASSES)
    assert (tmp_path / "labelme/labels.txt").read_text("utf-8").splitlines() == list(CLASSES)


# Its map of labels has the name before a colon, and comments after a hash.
def test_names_that_voc_cannot_hold_are_known() -> None:
    unfit = TOOLS["voc"].unfit
    assert unfit is not None
    assert list(map(bool, map(unfit.search, ("a:b", "#1", "no. #1", *CLASSES)))) == [True, True, *[False] * 7]


def test_a_box_of_less_than_a_pixel_keeps_its_sides(tmp_path: Path) -> None:
    from detector.data.writers.proposals import Proposal, ProposedImage

    tiny = Proposal(0, CLASSES[0], (10.1, 20.6, 10.3, 20.9), 0.9, False)
    write_proposals("voc", tmp_path, [ProposedImage("a.jpg", (64, 48), (tiny,))])
    box = ElementTree.parse(tmp_path / "Annotations/a.xml").find("object/bndbox")
    assert box is not None
    assert [each.text for each in box] == ["10", "20", "11", "21"]
