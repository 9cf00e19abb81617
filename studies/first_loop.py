"""What the first round of the loop gives: ``python -m studies.first_loop DATASET output/first_loop``.

Of a dataset in COCO's format (folders ``train`` and ``test``, as Roboflow exports it) 40 photographs are
taken. A model is trained on 20, proposes labels for the next 20, and a second one is trained on all, with the
dataset's own labels in place of a person's corrections. Says what a person has to do to the proposals, and
by how much the second model is better, on photographs that neither has seen.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import intersection_over_union

LABELS = "_annotations.coco.json"
FIRST, NEXT = 20, 20
WELL_PLACED = 0.75  # IoU from which on nobody would move a box


def take(source: Path, target: Path, positions: Sequence[int]) -> None:
    """Write a folder of some photographs of a split with their labels."""
    content = json.loads((source / LABELS).read_text())
    content["images"] = [content["images"][position] for position in positions]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] in ids]
    target.mkdir(parents=True)
    (target / LABELS).write_text(json.dumps(content))
    for image in content["images"]:
        shutil.copy(source / image["file_name"], target)


def objects_of(path: Path) -> dict[str, list[tuple[str, list[float]]]]:
    """Class name and x1, y1, x2, y2 of each object, by the photograph's file name."""
    content: dict[str, Any] = json.loads(path.read_text())
    names = {each["id"]: each["name"] for each in content["categories"]}
    images = {each["id"]: each["file_name"] for each in content["images"]}
    objects: dict[str, list[tuple[str, list[float]]]] = {name: [] for name in images.values()}
    for each in content["annotations"]:
        x, y, width, height = each["bbox"]
        objects[images[each["image_id"]]].append((names[each["category_id"]], [x, y, x + width, y + height]))
    return objects


def corrections(proposed: Path, true: Path) -> Counter[str]:
    """What a person has to do to the proposals: nothing, rename, move, delete, or draw what is missing."""
    found, expected = objects_of(proposed), objects_of(true)
    done: Counter[str] = Counter()
    for name, objects in expected.items():
        mine = found[name]
        boxes = [np.array([box for _, box in part], np.float32).reshape(-1, 4) for part in (mine, objects)]
        overlaps = intersection_over_union(*boxes)
        left = set(range(len(mine)))
        for number, (title, _) in enumerate(objects):
            best = max(left, key=lambda each: overlaps[each, number], default=None)
            if best is None or overlaps[best, number] < 0.5:
                done["draw"] += 1
                continue
            left.remove(best)
            well = overlaps[best, number] >= WELL_PLACED
            done["rename" if mine[best][0] != title else "nothing" if well else "move"] += 1
        done["delete"] += len(left)
    return done


def ssdlite(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "detector", *map(str, words)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--minutes", type=float, default=6, help="of each training")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    source, output = options.dataset / "train", options.output
    count = len(json.loads((source / LABELS).read_text())["images"])
    order = np.random.default_rng(options.seed).permutation(count)[: FIRST + NEXT].tolist()
    for name, positions in (("first", order[:FIRST]), ("next", order[FIRST:]), ("both", order)):
        take(source, output / name, positions)
    for name in ("first", "both"):
        ssdlite("train", output / name, "--output", output / f"run-{name}", "--minutes", options.minutes)
        if name == "first":
            pictures = sorted((output / "next").glob("*.jpg"))
            chosen = ("--model", output / "run-first", "--to", "coco", "--output", output / "proposed")
            ssdlite("label", *pictures, *chosen)
    print(dict(corrections(output / "proposed/annotations/instances_default.json", output / "next" / LABELS)))
    ssdlite("compare", output / "run-first", output / "run-both", options.dataset, "--split", "test")


if __name__ == "__main__":
    main()
