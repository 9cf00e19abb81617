"""Which image a label file of its own belongs to: the one of its name, or the one that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.image_index import ImageIndex, note_doubtful, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import relative_name
from detector.data.readers.drawn import Drawn
from detector.errors import ImageError
from detector.images import load_image

_MISSING = "label files whose image is missing, left out"
_MOST_LOOKED_AT = 200


@dataclass(frozen=True)
class VocFile:
    """A label file and what it says; ``filename`` and ``folder`` of its image are empty for nothing."""

    path: Path
    filename: str
    folder: str
    size_wh: tuple[int, int] | None
    objects: Sequence[Drawn]
    unread: int


def match_images(files: Sequence[VocFile], listing: Listing, log: FindingLog) -> list[tuple[VocFile, Path]]:
    """Each file with its image; those without one are noted.

    A file labels the image that has its own name, beside it or in the folder that stands beside its own.
    Where ``<filename>`` is another image that is there, as in copies and after renaming, the reading that
    gives more images a file of their own decides, then the sizes; where neither does, such files are left
    out.
    """
    index = ImageIndex(listing.images, listing.root)
    origin: dict[Path, str] = {}
    matched: list[tuple[VocFile, Path]] = []
    by_text: list[tuple[VocFile, Path]] = []
    disputed: list[tuple[VocFile, Path, Path | None]] = []
    for file in files:
        own = index.find(file.path.stem, file.path)
        named = index.find(file.filename, file.path, hints=(file.folder,)) if file.filename else []
        if len(own) > 1 and set(named) & set(own):  # a.jpg and a.png: the suffix says which
            own = named
        if len(own) != 1 or (len(named) == 1 and _is_nearer(named[0], own[0], file.path)):
            own = named or own
        said = f"{relative_name(file.path, listing.root)}: {file.filename or file.path.stem}"
        image = only_one(own, said, listing.root, log, missing=_MISSING)
        if image is None:
            continue
        origin[file.path] = said
        if image in named and not index.find(file.path.stem, file.path):
            by_text.append((file, image))
        elif not file.filename or image in named:
            matched.append((file, image))
        else:
            disputed.append((file, image, named[0] if len(named) == 1 else None))
    certain: list[tuple[VocFile, Path]] = []
    settled, believed = _settle(disputed, matched, listing.root, log)
    for file, _ in [] if believed else by_text:
        log.add(_MISSING, origin[file.path])
    for file, image in matched + settled + (by_text if believed else []):
        if index.is_doubtful(image, file.path):
            note_doubtful(origin[file.path], image, listing.root, log)
        else:
            certain.append((file, image))
    return certain


def _is_nearer(image: Path, other: Path, file: Path) -> bool:
    """Whether an image lies beside its label file and the other does not."""
    return image.parent == file.parent != other.parent


def _settle(
    disputed: Sequence[tuple[VocFile, Path, Path | None]],
    matched: Sequence[tuple[VocFile, Path]],
    root: Path,
    log: FindingLog,
) -> tuple[list[tuple[VocFile, Path]], bool]:
    """What the files label whose own name is one image and whose ``<filename>`` another, or none; and whether
    ``<filename>`` is to be believed in this dataset."""
    conflicts = [(file, own, named) for file, own, named in disputed if named is not None]
    by_name = [(file, own) for file, own, _ in disputed]
    if not conflicts:
        return by_name, True
    by_text = [(file, named) for file, _, named in conflicts]
    taken = {image for _, image in matched}
    named_images, text_images = ({image for _, image in reading} for reading in (by_name, by_text))
    verdict = len(taken | named_images) - len(taken | text_images)
    verdict = verdict or _fitting(by_name, conflicts) - _fitting(by_text, conflicts)
    for file, own, named in conflicts:
        example = (
            f"{relative_name(file.path, root)}: {relative_name(own, root)} by its name, "
            f"{relative_name(named, root)} by its <filename>"
        )
        if verdict:
            kept = "name" if verdict > 0 else "<filename>"
            log.add(f"label files whose <filename> is another image, taken by their {kept}", example)
        else:
            log.add("label files that may be of either of two images, left out", example)
    if verdict > 0:
        return by_name, False
    for file, _, other in disputed:
        if other is None:
            log.add(_MISSING, f"{relative_name(file.path, root)}: {file.filename}")
    return (by_text, True) if verdict else ([], False)


def _fitting(reading: Sequence[tuple[VocFile, Path]], conflicts: Sequence[tuple[VocFile, Path, Path]]) -> int:
    """How many of the files in conflict have an image of the size that they say."""
    files = {file.path for file, _, _ in conflicts[:_MOST_LOOKED_AT]}
    return sum(
        file.size_wh is not None and _size_of(image, file.size_wh) == file.size_wh
        for file, image in reading
        if file.path in files
    )


def _size_of(path: Path, size_wh: tuple[int, int]) -> tuple[int, int] | None:
    try:
        height, width = load_image(path, size_wh=size_wh).shape[:2]
    except ImageError:
        return None
    return width, height
