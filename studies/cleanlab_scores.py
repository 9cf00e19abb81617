"""The scores of cleanlab's object detection for boxes that look wrong, for ``studies.wrong_labels``.

It is run by a Python that has cleanlab and numpy, and imports nothing of this project: ``python
cleanlab_scores.py SCENES SCORES``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from cleanlab.object_detection.rank import (
    compute_badloc_box_scores,
    compute_overlooked_box_scores,
    compute_swap_box_scores,
    get_label_quality_scores,
)

_EASIER = 0.5  # probability that counts as high, beside cleanlab's .95, which few scores of an SSD reach


def score(scenes: Path, scores: Path) -> None:
    """Write the scores of each box, the lowest for the worst, beside the class and place it belongs to."""
    content = json.loads(scenes.read_text())
    count = content["classes"]
    labels, predictions = [], []
    for scene in content["scenes"]:
        boxes = np.array(scene["label_boxes"], np.float64).reshape(-1, 4)
        labels.append({"bboxes": boxes, "labels": np.array(scene["label_classes"], np.int64)})
        found = np.array(scene["found"], np.float64).reshape(-1, 5)
        own = np.array(scene["found_classes"], np.int64)
        parts = [found[own == class_] for class_ in range(count)]
        of_classes = np.empty(count, object)
        for class_, part in enumerate(parts):
            of_classes[class_] = part
        predictions.append(of_classes)
    given = {"labels": labels, "predictions": predictions}
    # cleanlab orders detections by class.
    results = {
        "order": [
            [
                index
                for class_ in range(count)
                for index, own in enumerate(scene["found_classes"])
                if own == class_
            ]
            for scene in content["scenes"]
        ],
        "images": get_label_quality_scores(labels, predictions, verbose=False).tolist(),
    }
    for name, options in (("", {}), (" .5", {"high_probability_threshold": _EASIER})):
        results[f"forgotten{name}"] = _listed(compute_overlooked_box_scores(**given, **options))
        results[f"swapped{name}"] = _listed(compute_swap_box_scores(**given, **options))
    for name, low in (("", {}), (" .2", {"low_probability_threshold": 0.2})):
        results[f"badly placed{name}"] = _listed(compute_badloc_box_scores(**given, **low))
    scores.write_text(json.dumps(results))


def _listed(arrays: list[np.ndarray]) -> list[list[float | None]]:
    return [[None if np.isnan(each) else float(each) for each in array] for array in arrays]


if __name__ == "__main__":
    score(Path(sys.argv[1]), Path(sys.argv[2]))
