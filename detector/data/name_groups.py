"""Images in groups by what their file names say: a camera, a scene, a patient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from detector.data.findings import FindingLog
from detector.errors import DatasetError
from detector.system.terminal import counted, printable

_EXAMPLE = r"'cam(\d+)_'"


def quoted(pattern: str) -> str:
    """The pattern as it is shown: in quotes, its backslashes as they were typed."""
    return f"'{printable(pattern):.80}'"


def check_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, ready to be searched with.

    Raises:
        DatasetError: it is no regular expression.
    """
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise DatasetError(
            f"--group-by {quoted(pattern)} is no regular expression ({error}); expected one such as "
            f"{_EXAMPLE}, which takes the images of each camera together."
        ) from error


def group_by_name(
    names: Mapping[int, str], pattern: str, alike: Sequence[Sequence[int]], log: FindingLog
) -> list[list[int]]:
    """The images in groups of those in whose names a pattern finds the same text.

    The text is what the pattern's groups capture, or all that it matches where it has none.

    Args:
        names: file name of each image.
        pattern: a regular expression, searched for anywhere in a name.
        alike: the images in groups of look-alikes, which hold for those that the pattern does not match.
        log: where the images that it does not match are noted.

    Raises:
        DatasetError: it is no regular expression, or it matches no image.
    """
    expression = check_pattern(pattern)
    groups: dict[tuple[str, ...], list[int]] = {}
    unmatched: list[int] = []
    for image, name in names.items():
        if (found := expression.search(name)) is None:
            unmatched.append(image)
        else:
            captured = found.groups() if expression.groups else (found.group(),)
            groups.setdefault(tuple(text or "" for text in captured), []).append(image)
    if not groups:
        example = next(iter(names.values()), "")
        raise DatasetError(
            f"--group-by {quoted(pattern)} matches none of the {counted(len(names), 'file name')}, such as "
            f"{example!r:.80}; expected a regular expression for a part of them, such as {_EXAMPLE}."
        )
    for image in unmatched:
        log.add("images that --group-by does not match, grouped by their look alone", names[image])
    rest = set(unmatched)
    return [
        *groups.values(),
        *([n for n in group if n in rest] for group in alike if rest.intersection(group)),
    ]
