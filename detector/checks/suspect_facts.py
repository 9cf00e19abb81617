"""What is said of labels that look wrong: in words, and in the file of findings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from detector.checks.wrong_labels import KINDS, Kind, Suspect
from detector.data.findings import in_singular
from detector.data.raw_labels import relative_name
from detector.evaluation.matching import Scene
from detector.system.files import replacing

FOUND: Mapping[Kind, str] = {
    "forgotten": "objects that look forgotten",
    "badly placed": "boxes that look badly placed",
    "swapped": "classes that look swapped",
    "unsupported": "labels that no detection supports",
}


def summarise(suspects: Sequence[Suspect]) -> str:
    """How many there are of each kind, in a few words."""
    counts = Counter(each.kind for each in suspects)
    return ", ".join(
        f"{counts[kind]:,} {in_singular(FOUND[kind]) if counts[kind] == 1 else FOUND[kind]}"
        for kind in KINDS
        if counts[kind]
    )


def describe(scene: Scene, suspect: Suspect, names: Mapping[int, str]) -> str:
    """What is labelled and what was found, in a few words."""
    label = None if suspect.label is None else names[int(scene.object_classes[suspect.label])]
    if suspect.detection is None:
        return f"{label}: nothing found there"
    found = f"{names[int(scene.classes[suspect.detection])]} {scene.scores[suspect.detection]:.2f}"
    if label is None:
        return f"{found}: no label"
    return f"{label}: found as {found}" if suspect.kind == "swapped" else f"{label}: found beside it, {found}"


def add_suspects(
    path: Path, root: Path, scenes: Sequence[Scene], suspects: Sequence[Suspect], names: Mapping[int, str]
) -> None:
    """Add suspects to a file of findings: as findings, and under ``found`` each with its boxes.

    Args:
        path: as ``save_findings`` has written it.
        root: of the dataset; names of images are those below it.
        scenes: what the suspects are of.
        suspects: of each kind the surest first.
        names: of the classes.
    """
    content = json.loads(path.read_text())
    for kind in KINDS:
        own = [(scenes[each.scene], each) for each in suspects if each.kind == kind]
        if own:
            content.append(
                {
                    "kind": FOUND[kind],
                    "count": len(own),
                    "places": [
                        f"{_name(scene, root)}: {describe(scene, each, names)}" for scene, each in own
                    ],
                    "found": [_facts(scene, each, root, names) for scene, each in own],
                }
            )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1))


def _name(scene: Scene, root: Path) -> str:
    return relative_name(scene.image.path, root) if scene.image.record is None else scene.image.name


def _facts(scene: Scene, suspect: Suspect, root: Path, names: Mapping[int, str]) -> dict[str, object]:
    """A suspect for a program; boxes are x, y, width, height in pixels."""
    facts: dict[str, object] = {"image": _name(scene, root), "sure": round(suspect.sure, 3)}
    if (label := suspect.label) is not None:
        box = [round(value, 2) for value in scene.objects_xywh[label].tolist()]
        facts["label"] = {"class": names[int(scene.object_classes[label])], "bbox": box}
    if (found := suspect.detection) is not None:
        box = [round(value, 2) for value in scene.boxes_xywh[found].tolist()]
        score = round(float(scene.scores[found]), 4)
        facts["model"] = {"class": names[int(scene.classes[found])], "bbox": box, "score": score}
    return facts
