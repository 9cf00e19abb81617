"""COCO's 80 detection classes by name, and their ids at the COCO border."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import takewhile

from detector.errors import ModelError

# Source: COCO instances_val2017.json, "categories": 80 of the ids 1 to 90 are in use.
COCO_IDS = {
    "person": 1, "bicycle": 2, "car": 3, "motorcycle": 4, "airplane": 5, "bus": 6, "train": 7, "truck": 8,
    "boat": 9, "traffic light": 10, "fire hydrant": 11, "stop sign": 13, "parking meter": 14, "bench": 15,
    "bird": 16, "cat": 17, "dog": 18, "horse": 19, "sheep": 20, "cow": 21, "elephant": 22, "bear": 23,
    "zebra": 24, "giraffe": 25, "backpack": 27, "umbrella": 28, "handbag": 31, "tie": 32, "suitcase": 33,
    "frisbee": 34, "skis": 35, "snowboard": 36, "sports ball": 37, "kite": 38, "baseball bat": 39,
    "baseball glove": 40, "skateboard": 41, "surfboard": 42, "tennis racket": 43, "bottle": 44,
    "wine glass": 46, "cup": 47, "fork": 48, "knife": 49, "spoon": 50, "bowl": 51, "banana": 52, "apple": 53,
    "sandwich": 54, "orange": 55, "broccoli": 56, "carrot": 57, "hot dog": 58, "pizza": 59, "donut": 60,
    "cake": 61, "chair": 62, "couch": 63, "potted plant": 64, "bed": 65, "dining table": 67, "toilet": 70,
    "tv": 72, "laptop": 73, "mouse": 74, "remote": 75, "keyboard": 76, "cell phone": 77, "microwave": 78,
    "oven": 79, "toaster": 80, "sink": 81, "refrigerator": 82, "book": 84, "clock": 85, "vase": 86,
    "scissors": 87, "teddy bear": 88, "hair drier": 89, "toothbrush": 90,
}  # fmt: skip
COCO_CLASSES = tuple(COCO_IDS)


_NO_GLYPH = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff]")
_UNDERSCORE = re.compile(r"(?<=[^\W_])_+(?=[^\W_])")  # between letters or digits; elsewhere it is a sign


def tidy_name(name: str) -> str:
    """A class name as it is shown and written: composed characters (NFC), in one line, single spaces."""
    return " ".join(_NO_GLYPH.sub(" ", unicodedata.normalize("NFC", name)).split())


def normalise_name(name: str) -> str:
    """The form in which class names are compared: ``"Traffic_Light "`` and ``"traffic light"`` are one.

    Case, spaces and underscores between words tell nothing apart, but every other sign does: C, C+ and C-
    are three classes. Single letters keep their case: a and A are two characters.
    """
    tidy = tidy_name(name)
    return tidy if len(tidy) == 1 else unicodedata.normalize("NFC", _UNDERSCORE.sub(" ", tidy).lower())


def one_line_names(classes: Sequence[str]) -> list[str]:
    """The names for a list with one line a class, where none may be empty."""
    return [tidy_name(name) or f"class_{label}" for label, name in enumerate(classes)]


def parse_classes(text: str | None) -> list[str] | None:
    """Class names from a comma-separated list; None when there is none.

    A name with a comma stands in double quotes, a double quote inside of them twice, as in CSV.
    """
    if text is None:
        return None
    try:
        names = next(csv.reader([" ".join(text.split())], skipinitialspace=True), [])
    except csv.Error as error:
        raise ModelError(f"classes {text:.80}: expected names separated by commas ({error}).") from error
    return [name.strip() for name in names if name.strip()]


def find_classes(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Labels of the named classes, in the order of ``classes``, each once.

    Raises:
        ModelError: a name that is not among ``classes`` (the nearest one is suggested), or no name.
    """
    written = {tidy_name(name): label for label, name in enumerate(classes)}
    label_of = {normalise_name(name): label for label, name in reversed(list(enumerate(classes)))}
    found = set()
    for name in names:
        label = written.get(tidy_name(name), label_of.get(normalise_name(name)))
        if label is None:
            raise ModelError(f"The model has no class {name!r}; {_hint(normalise_name(name), classes)}")
        found.add(label)
    if not found:
        raise ModelError(f"Expected at least one class name; the model has {listing(classes)}.")
    return sorted(found)


def _hint(form: str, classes: Sequence[str]) -> str:
    """What to do about a name that no class has."""
    of_form = {normalise_name(name): name for name in classes}
    for known, name in of_form.items():
        if "," in known and form in [part.strip() for part in known.split(",")]:
            return f'if {name!r} is meant, put it in double quotes: "{name}".'
    near = get_close_matches(form, of_form, n=1)
    return f"did you mean {of_form[near[0]]!r}?" if near else f"it has {listing(classes)}."


def short_names(names: Sequence[str], most: int) -> list[str]:
    """The names cut to a length, without their common first words where two became the same."""
    cut = [_cut(name, most) for name in names]
    if len(set(cut)) == len(set(names)):
        return cut
    columns = zip(*(name.split(" ") for name in names if len(name) > most), strict=False)
    common = sum(len(words[0]) + 1 for words in takewhile(lambda words: len(set(words)) == 1, columns))
    return [
        _cut(f"…{name[common:]}", most) if common and len(name) > most else short
        for name, short in zip(names, cut, strict=True)
    ]


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def listing(classes: Sequence[str], most: int = 10) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(classes[:most])
    return shown if len(classes) <= most else f"{shown} and {len(classes) - most} more"
