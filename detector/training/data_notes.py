"""What is told of a dataset before it is trained on."""

from __future__ import annotations

from collections.abc import Callable

from detector.data.class_notes import class_notes
from detector.data.folder import LabelledFolder
from detector.training.cluster import is_chief


def tell_findings(folder: LabelledFolder, say: Callable[[str], None]) -> None:
    """Say what was found in a dataset, and which classes have next to nothing to be learned from."""
    for note in (*folder.findings, *class_notes(folder)) if is_chief() else ():
        say(f"Note: {note}")
