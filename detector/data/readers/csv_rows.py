"""CSV with a row an object: ``filename,width,height,class,xmin,ymin,xmax,ymax``, boxes in pixels.

It is what the tutorials of the TensorFlow Object Detection API make of Pascal VOC (``train_labels.csv``,
``test_labels.csv``), and what Roboflow exports (``_annotations.csv``).
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.image_index import ImageIndex, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels, build_labels, relative_name
from detector.data.readers.coco_values import numbers_of, size_of
from detector.data.readers.drawn import Drawn, DrawnImage, certain_images, label_images
from detector.data.split_names import role_in
from detector.data.splits import splits_of_folders
from detector.data.text import read_text
from detector.errors import DatasetError
from detector.labels import tidy_name
from detector.system.reading import parsing, read_head

COLUMNS = ("filename", "class", "xmin", "ymin", "xmax", "ymax")
_SEPARATORS = ",;\t|"
_MOST_LACKING = 2  # columns: a file without these is meant to be one, while other tables have hardly any
Row = dict[str, str]


def is_csv(listing: Listing) -> bool:
    """Whether a folder has a CSV file with these columns, or most of them."""
    return bool(_files(listing))


def _files(listing: Listing) -> list[Path]:
    return [path for path in listing.with_suffix(".csv") if len(_lacking(path)) <= _MOST_LACKING]


def _lacking(path: Path) -> list[str]:
    """The columns that a file does not have."""
    data = read_head(path, 4096)
    lines = data.decode(json.detect_encoding(data), "ignore").lstrip("\ufeff\r\n").splitlines()
    names = _names(lines[0]) if lines else []
    return [column for column in COLUMNS if column not in names]


def _names(header: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in header.split(_separator(header))]


def _separator(header: str) -> str:
    return max(_SEPARATORS, key=header.count)


def read_csv_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The rows of all files; an image with no row is left out, for it may be one that nobody has labelled.

    A file that is called like a split (``train_labels.csv``) is one; otherwise folders are.

    Raises:
        DatasetError: a file is no text, or lacks a column.
    """
    index = ImageIndex(listing.images, listing.root)
    read: list[DrawnImage] = []
    splits: dict[str, list[Path]] = {}
    others: list[Path] = []
    for path in _files(listing):
        if lacking := _lacking(path):
            raise DatasetError(
                f"{path} lacks {'the column' if len(lacking) == 1 else 'the columns'} {', '.join(lacking)}; "
                f"expected {', '.join(COLUMNS)} in its first line."
            )
        role = role_in(path.stem)
        found = certain_images(_images(path, role, index, listing.root, log), index, path, listing.root, log)
        read += found
        paths = [image.path for image in found]
        if role is None:
            others += paths
        else:
            splits.setdefault(role, []).extend(paths)
    splits_from = "names of the CSV files" if splits else "folders"
    for name, paths in splits_of_folders(listing.root, others).items():
        splits.setdefault(role_in(name) or name, []).extend(paths)
    used = {image.path for image in read}
    folders = {path.parent for path in used}
    for path in sorted(set(listing.images) - used):
        if path.parent in folders:
            log.add("images without a row, left out", relative_name(path, listing.root))
    classes, images = label_images(read, log)
    return build_labels("CSV", listing.root, classes, images, splits, splits_from, log)


def _images(path: Path, role: str | None, index: ImageIndex, root: Path, log: FindingLog) -> list[DrawnImage]:
    where = relative_name(path, root)
    rows: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for line, row in _rows(path):
        name = row["filename"].strip()
        if name:
            rows[name].append((line, row))
        else:
            log.add("rows without a file name, left out", f"{where}:{line}")
    images = []
    for name, of_image in rows.items():
        first = f"{where}:{of_image[0][0]}"
        named = index.find(name, path, hints=(role or "",), role=role)
        image = only_one(named, f"{first}: {name:.200}", root, log)
        if image is None:
            continue
        drawn = [found for line, row in of_image if (found := _drawn(row, f"{where}:{line}", log))]
        sizes = {size_of(row) for _, row in of_image}
        if len(sizes) > 1:
            log.add("images whose rows give different sizes, of which none is taken", f"{first}: {name:.200}")
        size_wh = sizes.pop() if len(sizes) == 1 else None
        images.append(DrawnImage(image, drawn, len(of_image) - len(drawn), size_wh, first))
    return images


def _rows(path: Path) -> list[tuple[int, Row]]:
    """Line number and values of each row by its column's name."""
    with parsing(f"{path} is no CSV that can be read", DatasetError):
        lines = list(io.StringIO(read_text(path), newline=None))
        first = next(number for number, line in enumerate(lines) if line.strip())
        names = _names(lines[first])
        if len(set(names)) != len(names):
            raise DatasetError(f"{path} has two columns of one name; leave one of them out.")
        reader = csv.reader(lines[first + 1 :], delimiter=_separator(lines[first]), skipinitialspace=True)
        rows = []
        for values in reader:
            if any(value.strip() for value in values):
                padded = [*values, *[""] * len(names)]
                rows.append((reader.line_num + first + 1, dict(zip(names, padded, strict=False))))
        return rows


def _drawn(row: Row, place: str, log: FindingLog) -> Drawn | None:
    name = tidy_name(row["class"])
    corners = numbers_of(row[column] for column in COLUMNS[2:])
    if not name or corners is None:
        log.add("objects without a name or a box, dropped", f"{place}: {name or 'no name'}")
        return None
    return Drawn(name, (corners[0], corners[1], corners[2], corners[3]), place)
