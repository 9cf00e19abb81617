"""What is written for a tool is what other programs read; each of them may be absent, unless
``.ci/independent_readers`` runs these tests.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

from detector.data.writers.tools import TOOLS
from tests.data.writers.proposed import PLACES, Named, assert_same, propose_all, write_proposals


def _import(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed; it reads the labels of a tool")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tool", ["cvat", "yolo", "voc", "coco"])
def test_datumaro(tool: str, tmp_path: Path) -> None:
    datumaro = _import("datumaro")
    images = propose_all(TOOLS[tool].flat)
    folder = write_proposals(tool, tmp_path / tool, images)
    dataset = datumaro.Dataset.import_from(str(folder), tool)
    labels = dataset.categories()[datumaro.AnnotationType.label]
    stems = {image.name.rpartition(".")[0]: image.name for image in images}
    objects: dict[str, list[Named]] = {}
    for item in dataset:
        assert item.media.data is not None
        objects[stems[item.id]] = [
            (labels[each.label].name, (each.x, each.y, each.x + each.w, each.y + each.h))
            for each in item.annotations
            if each.type == datumaro.AnnotationType.bbox
        ]
    assert_same(objects, images)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tool", ["yolo", "coco"])
def test_supervision(tool: str, tmp_path: Path) -> None:
    reader = _import("supervision").DetectionDataset
    images = propose_all(TOOLS[tool].flat)
    folder = write_proposals(tool, tmp_path / tool, images)
    pictures = folder / PLACES[tool]
    if tool == "yolo":
        dataset = reader.from_yolo(str(pictures), str(folder / "labels/train"), str(folder / "data.yaml"))
    else:
        dataset = reader.from_coco(str(pictures), str(folder / "annotations/instances_default.json"))
    objects = {
        Path(path).relative_to(pictures).as_posix(): [
            (dataset.classes[label], tuple(map(float, box)))
            for box, label in zip(found.xyxy, found.class_id, strict=True)
        ]
        for path, found in dataset.annotations.items()
    }
    assert_same(objects, images)


@pytest.mark.filterwarnings("ignore")
def test_labelme(tmp_path: Path) -> None:
    _import("labelme")
    module = _import("labelme._label_file")
    images = propose_all(TOOLS["labelme"].flat)
    folder = write_proposals("labelme", tmp_path, images)
    objects: dict[str, list[Named]] = {}
    for image in images:
        file = module.LabelFile(str((folder / image.name).with_suffix(".json")))
        assert file.imageData
        objects[image.name] = [
            (shape["label"], tuple(float(value) for corner in shape["points"] for value in corner))
            for shape in file.shapes
        ]
    assert_same(objects, images)


# What a person confirms as it is, is exported with the predicted regions as annotations.
@pytest.mark.filterwarnings("ignore")
def test_label_studio(tmp_path: Path) -> None:
    interface = _import("label_studio_sdk.label_interface").LabelInterface
    converter = _import("label_studio_sdk.converter").Converter
    images = propose_all(TOOLS["label-studio"].flat)
    folder = write_proposals("label-studio", tmp_path / "label-studio", images)
    config = (folder / "labelling_config.xml").read_text("utf-8")
    parsed = interface(config)
    parsed.validate()
    tasks = json.loads((folder / "tasks.json").read_text())
    exported = []
    for number, task in enumerate(tasks, start=1):
        (prediction,) = task["predictions"]
        assert parsed.validate_task({"data": task["data"]})
        assert parsed.validate_prediction(prediction)
        annotation = {"id": number, "result": prediction["result"], "was_cancelled": False, "completed_by": 1}
        exported.append({"id": number, "data": task["data"], "annotations": [annotation]})
    source, target = tmp_path / "export.json", tmp_path / "coco"
    source.write_text(json.dumps(exported))
    converter(config, project_dir=None, download_resources=False).convert_to_coco(
        str(source), str(target), output_image_dir=str(target / "images"), is_dir=False
    )
    content = json.loads((target / "result.json").read_text())
    classes = {each["id"]: each["name"] for each in content["categories"]}
    names = {
        each["id"]: unquote(each["file_name"]).split("label-studio/images/")[-1] for each in content["images"]
    }
    objects: dict[str, list[Named]] = {name: [] for name in names.values()}
    for each in content["annotations"]:
        x, y, width, height = each["bbox"]
        objects[names[each["image_id"]]].append((classes[each["category_id"]], (x, y, x + width, y + height)))
    assert_same(objects, images)
