"""The predictions of a classifier, read from the file that ``ClassificationResult.save`` wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detector.boxes import FloatArray
from detector.errors import DatasetError
from detector.evaluation.classification import PREDICTIONS, ClassificationResult
from detector.system.bounds import shown
from detector.system.reading import parsing, read_whole

_MOST_BYTES = 1 << 31


def load_result(path: Path) -> ClassificationResult:
    """The result in a ``predictions.json`` that ``ClassificationResult.save`` wrote, or in a folder with one.

    Raises:
        DatasetError: there is none, or it is damaged.
    """
    file = path / PREDICTIONS if path.is_dir() else path
    with parsing(f"{file} holds no predictions of a classifier that can be read", DatasetError):
        content = json.loads(read_whole(file, _MOST_BYTES, DatasetError))
        classes = tuple(_text(name) for name in content["classes"])
        label_of = {name: label for label, name in enumerate(classes)}
        images = content["images"]
        return ClassificationResult(
            classes,
            tuple(_text(each["file_name"]) for each in images),
            np.array([label_of[each["truth"]] for each in images], np.int64),
            _scores([each["scores"] for each in images], len(classes)),
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} where a name belongs")
    return value


def _scores(rows: Sequence[Sequence[float]], count: int) -> FloatArray:
    if not all(isinstance(row, list) and len(row) == count for row in rows):
        raise ValueError("a picture with more or fewer scores than classes")
    return np.array(rows, np.float32).reshape(len(rows), count)
