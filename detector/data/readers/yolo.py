"""YOLO: one text file an image, one line an object."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from detector.data.findings import FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import RawImage, RawLabels, RawObject, build_labels, merge_names, relative_name
from detector.data.readers.yolo_columns import BOX, OUTLINE, Columns
from detector.data.readers.yolo_layout import Part, YoloLayout, find_layout
from detector.data.readers.yolo_names import NameList
from detector.data.readers.yolo_rows import BadRow, Row, box_of, count_large, parse_row
from detector.data.text import read_lines
from detector.errors import DatasetError
from detector.system.progress import bars_hidden

_LARGEST_LABELS = 100_000_000  # bytes of one image's label file
_MOST_UNNAMED = 255  # class numbers without names, where there are fewer objects than that


def read_yolo_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The labels in the text files that belong to the images of a folder.

    An image is left out when a line of its label file cannot be read: what is missing would be background.

    Raises:
        DatasetError: a description is wrong, most label files cannot be read, rows may mean one thing or
            another, boxes are in pixels, or a class has no name.
    """
    layout = find_layout(listing, log)
    reader = _Reader(layout, listing.root, log)
    for part in layout.parts:
        reader.read(part)
    reader.check_readable()
    in_pixels = reader.check_fractions()
    shifts = {names.source: reader.check_classes(names) for names in reader.lists}
    numbered: dict[tuple[Path | None, int], str] = {
        (names.source, number + shifts[names.source]): name
        for names in reader.lists
        for number, name in names.names.items()
    }
    numbered |= {(None, number): f"class_{number}" for number in range(reader.highest_unnamed + 1)}
    if reader.highest_unnamed >= 0:
        log.add("classes without a name, called class_0 and so on", "no data.yaml or classes.txt found")
    # An index that a description leaves out has no objects and is no class.
    classes, label_of = merge_names(numbered.values(), log)
    labels = {key: label_of[name] for key, name in numbered.items()}
    images = [each.labelled(labels, in_fractions=not in_pixels) for each in reader.files]
    splits, splits_from = layout.splits({image.path for image in images})
    return build_labels("YOLO", listing.root, classes, images, splits, splits_from, log)


@dataclass
class _File:
    """An image with the rows of its label file."""

    image: Path
    names: NameList | None = None
    rows: list[Row] = field(default_factory=list)
    kinds: dict[int, str] = field(default_factory=dict)

    def key(self, row: Row) -> tuple[Path | None, int]:
        return (self.names.source if self.names else None), row.label

    def is_outline(self, row: Row) -> bool:
        return self.kinds[row.count] == OUTLINE

    def labelled(self, labels: dict[tuple[Path | None, int], int], *, in_fractions: bool) -> RawImage:
        """The image with its objects' labels; those of a class without a name were noted and are left out."""
        objects = tuple(
            RawObject(labels[self.key(row)], box_of(row, is_outline=self.is_outline(row)), row.where)
            for row in self.rows
            if self.key(row) in labels
        )
        return RawImage(self.image, objects, in_fractions=in_fractions)


class _Reader:
    """Reads the label files of each part and judges what can be judged only of all of them."""

    def __init__(self, layout: YoloLayout, root: Path, log: FindingLog) -> None:
        self.files: list[_File] = []
        self._layout = layout
        self._root = root
        self._log = log
        self._bad: list[str] = []
        self._seen: dict[Path, Part] = {}

    @property
    def lists(self) -> list[NameList]:
        """The lists of names that label files or descriptions have, in the order of their first use."""
        found = [part.names for part in self._layout.parts] + [file.names for file in self.files]
        return list({names.source: names for names in found if names}.values())

    @property
    def highest_unnamed(self) -> int:
        """The highest class number that occurs where there are no names; -1 without such objects."""
        return max((row.label for file in self.files if not file.names for row in file.rows), default=-1)

    def read(self, part: Part) -> None:
        """Read the label files of a part's images."""
        columns = Columns(part.key_points)
        found: list[_File] = []
        images = dict.fromkeys(part.images)
        for image in tqdm(images, desc="reading labels", unit="file", disable=bars_hidden(), leave=False):
            if image in self._layout.left_out or self._is_known(image, part):
                continue
            file = self._read_file(image, part, columns)
            if file is not None:
                found.append(file)
        kinds = columns.decide(self._log)
        most = max(_MOST_UNNAMED, sum(columns.counts.values()))
        for file in found:
            file.kinds = kinds
            fault = next(filter(None, (_fault(row, file, most) for row in file.rows)), None)
            if fault:
                self._leave_out(fault)
            else:
                self.files.append(file)

    def _is_known(self, image: Path, part: Part) -> bool:
        """Whether an image was read before; raises DatasetError when it was with other names."""
        known = self._seen.setdefault(image, part)
        if known is part:
            return False
        if part.names and known.names and not part.names.says_the_same(known.names):
            raise DatasetError(
                f"{known.names.source} and {part.names.source} both list "
                f"{relative_name(image, self._root)} and other classes; give the one that is meant instead "
                "of the folder."
            )
        return True

    def _read_file(self, image: Path, part: Part, columns: Columns) -> _File | None:
        path = self._layout.labels.get(image)
        if path is None:
            return _File(image)
        where = relative_name(path, self._root)
        try:
            lines = read_lines(path, _LARGEST_LABELS)
        except DatasetError as error:
            self._leave_out(str(error))
            return None
        parsed = [
            (parse_row(line, f"{where}:{number}"), line) for number, line in enumerate(lines, start=1) if line
        ]
        bad = next((row for row, _ in parsed if isinstance(row, BadRow)), None)
        if bad:
            self._leave_out(str(bad))
            return None
        file = _File(image, self._layout.names_for(part, image))
        for row, line in parsed:
            if not isinstance(row, BadRow):
                columns.note(row[1], row[0].where, line)
                file.rows.append(row[0])
        return file

    def _leave_out(self, fault: str) -> None:
        self._bad.append(fault)
        self._log.add("images with labels that cannot be read, left out", fault)

    def check_readable(self) -> None:
        """Raise DatasetError when most label files cannot be read, or no image is left."""
        if len(self._bad) * 2 > len(self._layout.labels):
            raise DatasetError(
                f"{len(self._bad):,} of the {len(self._layout.labels):,} label files of {self._root} cannot "
                f"be read. The first: {self._bad[0]}"
            )
        if not self.files:
            raise DatasetError(
                f"{self._root} has YOLO labels but no image that belongs to one; label files are called like "
                "their images and lie in labels/ where those are in images/, or beside them."
            )

    def check_fractions(self) -> bool:
        """Whether the boxes are in pixels.

        Raises:
            DatasetError: they are, and the log is not lenient.
        """
        large: list[str] = []
        numbers = too_large = 0
        for file in self.files:
            for row in file.rows:
                count = count_large(row, is_outline=file.is_outline(row))
                numbers, too_large = numbers + 4, too_large + count
                if count:
                    large.append(f"{row.where}: {row.label} {' '.join(f'{number:g}' for number in row.head)}")
        if too_large * 2 <= numbers:
            return False
        self._log.refuse(
            "boxes in pixels instead of fractions of the image, converted",
            large,
            f"The boxes of {self._root} are in pixels ({large[0]}); YOLO labels have class, centre x, "
            "centre y, width and height as fractions of the image: divide them by its size.",
        )
        return True

    def check_classes(self, names: NameList) -> int:
        """By how much the class numbers of a list are too high: 0, or 1 where they are counted from 1.

        Raises:
            DatasetError: an object's class has no name, and the log is not lenient.
        """
        rows = [
            row
            for file in self.files
            if file.names and file.names.source == names.source
            for row in file.rows
        ]
        used = Counter(row.label for row in rows)
        unnamed = [row for row in rows if row.label not in names.names]
        if not unnamed:
            return 0
        first, last = min(names.names, default=0), max(names.names, default=-1)
        worst = min(unnamed, key=lambda row: row.label)
        message = (
            f"{worst.where}: class {worst.label} has no name; {names.source} has {len(names.names)} names, "
            f"{first} to {last}. "
        )
        if {row.label for row in unnamed} == {last + 1} and first not in used and used[last + 1] > 1:
            message += f"No object has class {first}, so all seem to be counted from 1: count them from 0."
            places = [row.where for row in rows]
            self._log.refuse("class numbers that are one too high, put right", places, message)
            return 1
        message += "Add the name there, or remove the line."
        places = [f"{row.where}: class {row.label}" for row in unnamed]
        self._log.refuse("objects of a class without a name, dropped", places, message)
        return 0


def _fault(row: Row, file: _File, most: int) -> str | None:
    """What is wrong with a row once all are known."""
    if (kind := file.kinds[row.count]) not in (BOX, OUTLINE):
        return f"{row.where}: {kind}"
    if file.names is None and row.label > most:
        return f"{row.where}: class {row.label} is too high where no names say how many there are"
    return None
