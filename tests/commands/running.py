"""What the tests of the command line share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.data.sample import SAMPLE_FOLDER

METRICS = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
CATEGORIES = {1: "person", 17: "cat", 47: "cup", 50: "spoon", 67: "dining table"}
PHOTOS = ("astronaut.jpg", "camera.jpg", "chelsea.jpg", "coffee.jpg")


@dataclass
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def assert_mistake(outcome: Outcome) -> str:
    """The command ended as on a user's mistake; returns its sentence."""
    assert outcome.code == 2, outcome
    sentences = []
    for line in filter(None, outcome.err.splitlines()):
        if line.startswith("Error: "):
            sentences.append(line)
        else:
            assert line.startswith(("Usage: ", "Try '", "Left out: ")), outcome.err
    assert len(sentences) == 1, outcome.err
    return sentences[0]


def sample_content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SAMPLE_FOLDER / "instances.json").read_text())
    return content


def read_metrics(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return metrics
