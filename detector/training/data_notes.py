"""What is told of a dataset before it is trained on."""

from __future__ import annotations

from collections.abc import Callable

from detector.data.folder import LabelledFolder
from detector.labels import listing
from detector.training.cluster import is_chief

_LEAST_OBJECTS = 5  # of a class, to learn anything from


def tell_findings(folder: LabelledFolder, say: Callable[[str], None]) -> None:
    """Say what was found in a dataset, and which classes have next to nothing to be learned from."""
    for finding in folder.findings if is_chief() else ():
        say(f"Note: {finding}")
    few = [
        f"{name} ({count})" for name, count in folder.objects_by_class.items() if 0 < count < _LEAST_OBJECTS
    ]
    if few and is_chief():
        say(
            f"Note: classes with fewer than {_LEAST_OBJECTS} objects to train on, which will hardly be found:"
            f" {listing(few, 40)}"
        )
    empty = [name for name in folder.classes if name not in folder.classes_found]
    if empty and is_chief():
        say(f"Note: left out of the network, for they have no object: {listing(empty, 40)}")
