"""Label Studio: tasks with predictions, and the labelling configuration that they fit.

Source: Label Studio's documentation, "Import pre-annotated data" and "Local storage".
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import quote

from detector.colours import class_colour, css_colour
from detector.data.writers.markup import add, to_xml
from detector.data.writers.proposals import Proposal, Proposals, ProposedImage

TASKS, CONFIG = "tasks.json", "labelling_config.xml"
STEPS = (
    "Start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and",
    "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={parent}. In a new project:",
    f"Settings, Labeling Interface, Code: paste {{folder}}/{CONFIG}.",
    "Settings, Cloud Storage, Add Source Storage, Local files: {absolute}/images, without sync.",
    f"Import {{folder}}/{TASKS}. In the end export as JSON into {{folder}}, in place of {TASKS}.",
)


def write_label_studio(proposals: Proposals, folder: Path) -> None:
    """Write the tasks and the configuration; the pictures lie in ``images``."""
    tasks = [_task(image, proposals) for image in proposals.images]
    (folder / TASKS).write_text(json.dumps(tasks, indent=1), "ascii")
    view = ElementTree.Element("View")
    add(view, "Image", name="image", value="$image", zoom="true")
    labels = add(view, "RectangleLabels", name="label", toName="image")
    for name in proposals.classes:
        add(labels, "Label", value=name, background=css_colour(class_colour(name, proposals.classes)))
    # It is pasted as text, of which an encoding must not be declared.
    (folder / CONFIG).write_bytes(to_xml(view, declaration=False))


def _task(image: ProposedImage, proposals: Proposals) -> dict[str, object]:
    place = quote(f"{proposals.folder}/images/{image.name}")
    regions = [_region(each, number, image.size_wh) for number, each in enumerate(image.objects, start=1)]
    prediction: dict[str, object] = {"model_version": proposals.model, "result": regions}
    if image.objects:  # tasks in the order of this score: the least certain first
        prediction["score"] = round(min(each.score for each in image.objects), 4)
    return {"data": {"image": f"/data/local-files/?d={place}"}, "predictions": [prediction]}


def _region(each: Proposal, number: int, size_wh: tuple[int, int]) -> dict[str, object]:
    (left, top, right, bottom), (width, height) = each.box, size_wh
    region: dict[str, object] = {
        "id": f"object{number}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {
            "x": round(100 * left / width, 6),
            "y": round(100 * top / height, 6),
            "width": round(100 * (right - left) / width, 6),
            "height": round(100 * (bottom - top) / height, 6),
            "rotation": 0,
            "rectanglelabels": [each.name],
        },
        "score": round(each.score, 4),
    }
    return {**region, "meta": {"text": ["unsure"]}} if each.unsure else region
