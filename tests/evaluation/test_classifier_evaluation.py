"""A classifier run over named pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from detector.classification import Classification
from detector.data.folder import load_labelled_folder, load_split
from detector.errors import DatasetError
from detector.evaluation.classifier_evaluation import classify_dataset, known_part, match_columns
from detector.images import Image
from tests.data.labelled import Photo, write_voc
from tests.named_pictures import COLOURS, write_colours

T = TypeVar("T")


class ByColour:
    """Says of which colour a picture is the nearest."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes

    def classify_batch(self, images: Iterable[T], *, load: Callable[[T], Image]) -> Iterator[Classification]:
        for image in images:
            mean = load(image).reshape(-1, 3).mean(axis=0)
            colours = [COLOURS.get(name.lower(), (255, 255, 255)) for name in self.classes]
            distance = np.linalg.norm(np.array(colours) - mean, axis=1)
            scores = np.exp(-distance / 20)
            yield Classification((scores / scores.sum()).astype(np.float32), self.classes)


def test_pictures_are_told_by_names_whatever_the_order_and_spelling(tmp_path: Path) -> None:
    root = write_colours(tmp_path, {"robin": 3, "wren": 4, "tit": 2}, {"robin/1.png": "wren"})
    dataset = load_split(root, None)
    result = classify_dataset(ByColour(("Wren", "crow", "TIT", "robin")), dataset)
    assert result.accuracy == 8 / 9
    assert [each.images for each in result.per_class] == [4, 0, 2, 3]
    (miss,) = result.misses()
    assert (miss.name, miss.truth, miss.predicted) == ("robin/1.png", "robin", "Wren")
    assert dataset.images[miss.index].path == root / miss.name


def test_classes_that_the_model_lacks_are_named(tmp_path: Path) -> None:
    dataset = load_split(write_colours(tmp_path, {"robin": 3, "wren": 4, "tit": 2}), None)
    model = ByColour(("tit", "robin"))
    columns = match_columns(model.classes, dataset)
    assert columns.unknown == ("wren",)
    with pytest.raises(DatasetError, match="no class wren"):
        classify_dataset(model, dataset)
    assert len(classify_dataset(model, known_part(dataset, columns)).names) == 5
    with pytest.raises(DatasetError, match="is one of the model"):
        classify_dataset(ByColour(("crow", "owl")), dataset)


def test_boxes_are_refused(tmp_path: Path) -> None:
    dataset = load_labelled_folder(write_voc(tmp_path, [Photo(f"{n}.jpg") for n in range(4)])).train
    with pytest.raises(DatasetError, match="labels with boxes"):
        classify_dataset(ByColour(("cat", "dog")), dataset)
