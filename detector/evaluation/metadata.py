"""What a COCO file says of images and objects beyond COCO's own keys, sorted into groups to compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

import numpy as np

from detector.evaluation.tables import Flags

Plain = bool | int | float | str
Groups = dict[str, list[tuple[str, Flags]]]  # by key: names of groups, and which entries are in each

_MOST_KEYS, _MOST_GROUPS = 20, 12
_FEW_NUMBERS = 8  # different values of a number that is taken as a name
_QUARTERS = 4
_NAME_SHARE = 0.5  # a text that is different in more of the entries is a name, and no group


def group_metadata(entries: Sequence[Mapping[str, object]]) -> Groups:
    """The groups of each key: values that recur, or quarters of a number's range.

    Keys inside keys count as keys (``attributes: {"occluded": true}``); an entry with a list
    (``tags: ["night", "rain"]``) is in several groups. Names and free texts make no groups.

    Args:
        entries: what the file says of each image, or of each object.
    """
    values: dict[str, list[tuple[int, Plain]]] = {}
    for number, entry in enumerate(entries):
        for key, value in _flatten(entry):
            values.setdefault(key, []).append((number, value))
    groups: Groups = {}
    for key in sorted(values)[:_MOST_KEYS]:
        numbers = all(_is_number(value) for _, value in values[key])
        distinct = {value for _, value in values[key]}
        if numbers and len(distinct) > _FEW_NUMBERS:
            found = list(_quarters(values[key], len(entries)))
        elif len(distinct) > max(2, _NAME_SHARE * len(values[key])):
            continue
        else:
            found = list(_names(values[key], len(entries)))
        if len(found) > 1:
            groups[key] = found
    return groups


def _flatten(entry: Mapping[str, object], key: str = "") -> Iterator[tuple[str, Plain]]:
    for name, value in entry.items():
        if isinstance(value, dict):
            yield from _flatten(value, str(name))
        elif isinstance(value, list):
            yield from ((str(name), each) for each in dict.fromkeys(filter(_is_plain, value)))
        elif _is_plain(value):
            yield str(name), value


def _is_plain(value: object) -> TypeGuard[Plain]:
    if isinstance(value, int | float):
        return abs(value) < 1e300  # neither NaN nor infinite, nor an integer too large for a float
    return isinstance(value, str) and value != ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _names(values: Sequence[tuple[int, Plain]], count: int) -> Iterator[tuple[str, Flags]]:
    names = [
        (number, {True: "yes", False: "no"}[v] if isinstance(v, bool) else str(v)) for number, v in values
    ]
    common = Counter(name for _, name in names).most_common(_MOST_GROUPS)
    for name, _ in sorted(common, key=lambda pair: (-pair[1], pair[0])):
        chosen = np.zeros(count, np.bool_)
        chosen[[number for number, each in names if each == name]] = True
        yield name, chosen
    known = np.zeros(count, np.bool_)
    known[[number for number, _ in names]] = True
    if not known.all():
        yield "not given", ~known


def _quarters(values: Sequence[tuple[int, Plain]], count: int) -> Iterator[tuple[str, Flags]]:
    given = np.full(count, np.nan)
    for number, value in values:
        given[number] = value
    edges = np.unique(np.nanquantile(given, np.linspace(0, 1, _QUARTERS + 1)))
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        last = high == edges[-1]
        yield f"{low:.4g} to {high:.4g}", (given >= low) & ((given <= high) if last else (given < high))
