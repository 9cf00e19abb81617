"""What ``ssdlite eval`` says of images that a model may have been trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.commands.command_line import echo
from detector.errors import DatasetError
from detector.system.invocation import command
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.api.evaluation import Evaluation
    from detector.data.dataset import Dataset


def only_clean(dataset: Dataset | None) -> list[int]:
    """The ids of the images that the released weights were not trained on.

    Raises:
        DatasetError: there is none.
    """
    from detector.data.minival import clean_images

    ids = [] if dataset is None else clean_images(dataset)
    if not ids:
        source = "The bundled sample" if dataset is None else dataset.source
        raise DatasetError(
            f"{source} has no image that is known to be clean for the released weights; --clean is for COCO "
            f"val2017 and val2014: `{_fetch()}` fetches such images."
        )
    return ids


def print_contamination(evaluation: Evaluation) -> None:
    """Say whether the number is a clean accuracy, where that is known."""
    from detector.data.minival import clean_images

    if evaluation.detector is None:
        return
    card = evaluation.detector.spec.card
    images = counted(evaluation.images, "image")
    if evaluation.clean:
        published = f" AP is {card['ap']}." if "ap" in card else ""
        echo(
            f"\nThe number is clean: none of these {images} was trained on ({card['trained_on']}).{published}"
        )
        return
    if not evaluation.contaminated:
        return
    split, clean = evaluation.contaminated, len(clean_images(evaluation.dataset))
    if clean == evaluation.images:
        echo(
            f"\nNote: the released weights were not trained on these {images} of {split}, but these weights "
            f"come from a later training ({card.get('trained_on', 'unknown')}): the number is clean only if "
            "that had none of them."
        )
        return
    way = f"--clean evaluates on the {clean:,} of these images that are clean"
    if not clean:
        way = f"`{_fetch()}` fetches images of val2017 that are clean"
    echo(
        f"\nNote: these weights were trained on images of {split} ({card.get('trained_on', 'unknown')}). The "
        f"number shows that they run as published; it is no clean accuracy; {way}."
    )


def _fetch() -> str:
    return command("data", "coco", "coco", "--clean")
