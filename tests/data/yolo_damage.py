"""Damage to YOLO datasets; see ``damage``."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from tests.data.damage import Damage, images_of, labels_of
from tests.data.labelled import CLASSES, write_image

_SIZE_WH = (64, 48)


def _label_files(root: Path) -> list[Path]:
    return [path for path in labels_of(root) if "labels" in path.parts and path.stem != "classes"]


def _change_rows(root: Path, change: Callable[[list[float]], list[float]]) -> None:
    """Change each row that is still a class and a box."""
    for path in _label_files(root):
        rows = [line.split() for line in path.read_text("utf-8").splitlines()]
        path.write_text(
            "".join(
                " ".join(
                    f"{n:.6g}" for n in (change([*map(float, row)]) if len(row) == 5 else map(float, row))
                )
                + "\n"
                for row in rows
            )
        )


def _corners(row: list[float]) -> tuple[float, float, float, float]:
    _, x, y, width, height = row
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


# Rows -------------------------------------------------------------------------------------------------


def in_pixels(root: Path, rng: random.Random) -> None:
    factors = _SIZE_WH * 2
    _change_rows(root, lambda row: [row[0], *(a * b for a, b in zip(row[1:], factors, strict=True))])


def as_corners(root: Path, rng: random.Random) -> None:
    _change_rows(root, lambda row: [row[0], *_corners(row)])


def with_confidences(root: Path, rng: random.Random) -> None:
    some = rng.choice([0.5, 1.0])
    _change_rows(root, lambda row: [*row, rng.random()] if rng.random() < some else row)


def with_tracks(root: Path, rng: random.Random) -> None:
    numbers = iter(range(1, 10_000))
    _change_rows(root, lambda row: [*row, next(numbers)])


def with_key_points(root: Path, rng: random.Random) -> None:
    points, visibility = rng.choice([3, 5, 17]), rng.random() < 0.5

    def change(row: list[float]) -> list[float]:
        left, top, right, bottom = _corners(row)
        for _ in range(points):
            row = [*row, rng.uniform(left, right), rng.uniform(top, bottom)]
            row += [rng.choice([0, 1, 2])] if visibility else []
        return row

    _change_rows(root, change)


def as_outlines(root: Path, rng: random.Random) -> None:
    def change(row: list[float]) -> list[float]:
        left, top, right, bottom = _corners(row)
        middle = [(left + right) / 2, top] if rng.random() < 0.5 else []
        return [row[0], left, top, *middle, right, top, right, bottom, left, bottom]

    _change_rows(root, change)


def counted_from_one(root: Path, rng: random.Random) -> None:
    """Which can be known where there is an object of the last class."""
    rows = [line.split()[:1] for path in _label_files(root) for line in path.read_text("utf-8").splitlines()]
    if [str(len(CLASSES) - 1)] in rows:
        _change_rows(root, lambda row: [row[0] + 1, *row[1:]])


def hostile_rows(root: Path, rng: random.Random) -> None:
    rows = ["nan 0.5 0.5 0.2 0.2", "0 nan 0.5 0.2 0.2", "0 0.5 0.5 inf 0.2", "1e300 0.5 0.5 0.2 0.2", "0 0.5"]
    rows += ["-1 0.5 0.5 0.2 0.2", "cat 0.5 0.5 0.2 0.2", "0 0,5 0,5 0,2 0,2", f"0 {'9' * 400} 0.5 0.2 0.2"]
    for path in rng.sample(_label_files(root), 3):
        lines = path.read_text("utf-8").splitlines()
        lines[rng.randrange(len(lines)) if lines else 0 :][:1] = [rng.choice(rows)]
        path.write_text("\n".join([*lines, rng.choice(rows)]))


def other_line_ends(root: Path, rng: random.Random) -> None:
    for path in _label_files(root):
        text = "\n\n".join("\t".join(line.split()) + "  " for line in path.read_text("utf-8").splitlines())
        path.write_bytes(("\ufeff" + text.replace("\n", rng.choice(["\r\n", "\r"]))).encode())


# Files ------------------------------------------------------------------------------------------------


def double_suffixes(root: Path, rng: random.Random) -> None:
    suffix = images_of(root)[0].suffix
    for path in _label_files(root):
        path.rename(path.with_name(f"{path.stem}{suffix}.txt"))


def crying_labels(root: Path, rng: random.Random) -> None:
    for path in rng.sample(_label_files(root), 5):
        path.rename(path.with_suffix(".TXT"))


def renamed_pictures(root: Path, rng: random.Random) -> None:
    for number, path in enumerate(rng.sample(images_of(root), 2)):
        path.rename(path.with_name(f"renamed {number}{path.suffix}"))


def second_pictures_of_a_stem(root: Path, rng: random.Random) -> None:
    for path in rng.sample(images_of(root), 2):
        write_image(path.with_suffix(".webp"), look=rng.randrange(10_000, 99_999))


def labels_in_another_folder(root: Path, rng: random.Random) -> None:
    (root / "labels").rename(root / rng.choice(["annotations", "txt", "labels_v2", "Labels"]))


def former_labels(root: Path, rng: random.Random) -> None:
    """Labels of a former version, whose boxes belong to other pictures."""
    files = _label_files(root)
    for path, other in pairwise(files):
        target = root / "old" / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(other.read_bytes())


# Descriptions -----------------------------------------------------------------------------------------


def _write_list(root: Path, rng: random.Random, names: Sequence[str]) -> None:
    folder = root / rng.choice([".", "labels"])
    folder.mkdir(exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(names))


def list_beside(root: Path, rng: random.Random) -> None:
    """A list of names in another order, which the description contradicts."""
    _write_list(root, rng, CLASSES[::-1])


def list_instead(root: Path, rng: random.Random) -> None:
    (root / "data.yaml").unlink()
    _write_list(root, rng, CLASSES)


def foreign_paths(root: Path, rng: random.Random) -> None:
    form = rng.choice(["/content/pets/images", "../pets/images", "D:\\pets\\images", "../images"])
    path = root / "data.yaml"
    path.write_text(path.read_text("utf-8").replace(": images", f": {form}"))


def numbered_names(root: Path, rng: random.Random) -> None:
    path = root / "data.yaml"
    names = "".join(f"\n  {number}: {name}" for number, name in enumerate(CLASSES))
    path.write_text(path.read_text("utf-8").replace(f" {list(CLASSES)}", names))


def folds(root: Path, rng: random.Random) -> None:
    """Two folds of a cross-validation, each described in a folder of its own."""
    (root / "data.yaml").unlink()
    pictures = images_of(root)
    for fold in range(2):
        folder = root / f"fold{fold}"
        folder.mkdir()
        parts = {"train": pictures[fold::2], "val": pictures[1 - fold :: 2]}
        for name, paths in parts.items():
            (folder / f"{name}.txt").write_text("".join(f"../{path.relative_to(root)}\n" for path in paths))
        (folder / "data.yaml").write_text(f"train: train.txt\nval: val.txt\nnames: {list(CLASSES)}")


YOLO: tuple[Damage, ...] = (
    in_pixels, as_corners, with_confidences, with_tracks, with_key_points, as_outlines, counted_from_one,
    hostile_rows, other_line_ends, double_suffixes, crying_labels, renamed_pictures,
    second_pictures_of_a_stem, labels_in_another_folder, former_labels, list_beside, list_instead,
    foreign_paths, numbered_names, folds,
)  # fmt: skip
