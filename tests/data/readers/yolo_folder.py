"""Folders of YOLO labels as tests write them, and what was read of them."""

from __future__ import annotations

from pathlib import Path

from detector.data.folder import LabelledFolder
from tests.data.labelled import write_image

CLASSES = ("cat", "dog")
LINE = "1 0.5 0.5 0.5 0.25"
BOX = [16, 18, 32, 12]  # of LINE in 64 x 48


def write(root: Path, image: str, text: str | None = LINE, label: str | None = None) -> Path:
    """An image and its label file: in labels/ if the image is in images/, or beside it."""
    path = write_image(root / image, look=image)
    if text is not None:
        folder = label if label is not None else Path(image).parent.as_posix().replace("images", "labels")
        target = root / folder / f"{path.stem}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return path


def boxes_of(folder: LabelledFolder) -> list[list[float]]:
    return [annotation["bbox"] for part in (folder.train, folder.val) for annotation in part.annotations]


def write_splits(root: Path, pattern: str, splits: tuple[str, ...] = ("train", "valid", "test")) -> None:
    for number, split in enumerate(splits):
        for image in range(4 - number):
            write(root, pattern.format(split=split, image=f"{split}{image}.jpg"))


def count_classes(folder: LabelledFolder) -> dict[str, int]:
    """How many objects each class has."""
    labels = [
        annotation["category_id"] for part in (folder.train, folder.val) for annotation in part.annotations
    ]
    return {name: labels.count(number) for number, name in enumerate(folder.classes, start=1)}


def said(folder: LabelledFolder) -> list[str]:
    return [finding.kind for finding in folder.findings if "negatives" not in finding.kind]


def rows(*labels: int) -> str:
    return "".join(f"{label} 0.{number + 2} 0.5 0.2 0.3\n" for number, label in enumerate(labels))
