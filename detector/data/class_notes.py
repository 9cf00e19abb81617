"""What there is to say of the classes of a dataset before it is trained on."""

from __future__ import annotations

from collections.abc import Iterator

from detector.data.folder import LabelledFolder
from detector.labels import listing

LEAST_OBJECTS = 5  # of a class, to learn anything from
_MOST_NAMES = 40


def class_notes(folder: LabelledFolder) -> Iterator[str]:
    """Sentences that name the classes with next to nothing to be learned from, and those with nothing."""
    counts = folder.objects_by_class
    few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < LEAST_OBJECTS]
    if few:
        what, done = ("images", "named") if folder.names_pictures else ("objects", "found")
        yield (
            f"Classes with fewer than {LEAST_OBJECTS} {what} to train on, which will hardly be {done}: "
            f"{listing(few, _MOST_NAMES)}."
        )
    found = set(folder.classes_found)
    if empty := [name for name in folder.classes if name not in found]:
        yield f"Classes without any object, left out of the network: {listing(empty, _MOST_NAMES)}."
