"""What is told of a dataset before it is trained on."""

from __future__ import annotations

from collections.abc import Callable

from detector.data.class_notes import class_notes
from detector.data.folder import LabelledFolder
from detector.errors import DatasetError
from detector.training.cluster import is_chief


def tell_findings(folder: LabelledFolder, say: Callable[[str], None]) -> None:
    """Say what was found in a dataset, and which classes have next to nothing to be learned from."""
    for note in (*folder.findings, *class_notes(folder)) if is_chief() else ():
        say(f"Note: {note}")


def refuse_named_pictures(folder: LabelledFolder, what: str) -> None:
    """Raise DatasetError for a folder of pictures for each class.

    Args:
        folder: any.
        what: is not for classifiers, as the beginning of a sentence: the option and what it does.
    """
    if folder.names_pictures:
        raise DatasetError(
            f"{what}, and {folder.root}, a folder of pictures for each class, trains a classifier: leave it "
            "out."
        )
