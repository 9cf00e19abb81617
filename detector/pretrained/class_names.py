"""The names of a foreign model's classes: a label map (``.pbtxt``), or a text with a name a line."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from detector.errors import WeightsError
from detector.label_map import LabelMap, parse_label_map
from detector.labels import COCO_IDS, tidy_name
from detector.system.reading import parsing, read_whole
from detector.system.terminal import counted
from detector.system.zip_files import opened_zip, read_member

_MOST_BYTES = 1 << 22
_BACKGROUND = ("???", "background", "__background__")
_UNUSED = "???"


def read_label_map(path: Path, num_classes: int) -> LabelMap:
    """The names in a file by id, from 1 on: the class's column behind background.

    Args:
        path: a ``.pbtxt`` with items, or a text with a name a line; there ``???`` stands for an unused id,
            and for background if there is a line more than classes.
        num_classes: that the model has.

    Raises:
        WeightsError: not such a file, or one that does not fit the model.
    """
    with parsing(f"{path} is no label map that can be read", WeightsError):
        text = read_whole(path, _MOST_BYTES, WeightsError).decode("utf-8-sig")
    return _names_in(text, num_classes, str(path))


def _names_in(text: str, num_classes: int, origin: str) -> LabelMap:
    with parsing(f"{origin} is no label map that can be read", WeightsError):
        names = parse_label_map(text) if "{" in text else _lines(text, num_classes, origin)
        names.pop(0, None)  # background
    if not names:
        raise WeightsError(
            f"{origin} names no class; expected items with an id and a name, or a name a line."
        )
    wrong = next((id_ for id_ in names if not 1 <= id_ <= num_classes), None)
    if wrong is not None:
        raise WeightsError(
            f"{origin} does not fit the model: it has the id {wrong}, and the model has "
            f"{counted(num_classes, 'class', 'classes')}, ids 1 to {num_classes}."
        )
    twice = next((name for name in names.values() if list(names.values()).count(name) > 1), None)
    if twice is not None:
        raise WeightsError(f"{origin} gives two classes the name {twice!r}; correct one of them.")
    return dict(sorted(names.items()))


def _lines(text: str, num_classes: int, origin: str) -> LabelMap:
    lines = [tidy_name(line) for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) == num_classes + 1 and lines[0].lower() in _BACKGROUND:
        lines = lines[1:]
    if len(lines) != num_classes:
        raise WeightsError(
            f"{origin} does not fit the model: it has {counted(len(lines), 'line')}, and the model has "
            f"{counted(num_classes, 'class', 'classes')}; expected a name a line."
        )
    return {id_: name for id_, name in enumerate(lines, start=1) if name and name != _UNUSED}


def labels_inside(model: bytes, num_classes: int, origin: str) -> LabelMap | None:
    """The names in the metadata of a TFLite file: a text in the archive behind it; None where there is none.

    Raises:
        WeightsError: there is one that does not fit the model.
    """
    if not zipfile.is_zipfile(BytesIO(model)):
        return None
    with opened_zip(BytesIO(model), f"What lies behind {origin} is damaged", WeightsError) as archive:
        found = [name for name in archive.namelist() if name.endswith((".txt", ".pbtxt"))]
        if len(found) != 1:
            return None
        text = read_member(archive, found[0], _MOST_BYTES).decode("utf-8-sig")
    return _names_in(text, num_classes, f"{found[0]} in {origin}")


def default_label_map(num_classes: int) -> tuple[LabelMap, str]:
    """Names where there are none, and a sentence that says so."""
    if num_classes == max(COCO_IDS.values()):
        return {
            id_: name for name, id_ in COCO_IDS.items()
        }, "No labels given: 90 classes are taken for COCO's."
    names = {id_: f"class {id_}" for id_ in range(1, num_classes + 1)}
    return names, "No labels given: classes are called by their numbers; --labels gives them names."
