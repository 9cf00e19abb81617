"""TFRecords of the TensorFlow Object Detection API: an image with its objects a record.

Source: object_detection/dataset_tools (``image/encoded``, ``image/object/bbox/*`` as shares of the image,
``image/object/class/text`` and ``label``), and tensorflow/core/example/{example,feature}.proto.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

from tqdm import tqdm

from detector.data.findings import FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import RawImage, RawLabels, build_labels, merge_names, relative_name
from detector.data.readers.drawn import Drawn, label
from detector.data.readers.records import INDEX, is_records
from detector.data.split_names import role_in, role_of
from detector.data.text import read_text
from detector.errors import DatasetError
from detector.label_map import LabelMap, parse_label_map
from detector.labels import tidy_name
from detector.system.progress import bars_hidden
from detector.system.protobuf import parse_message, parse_varints
from detector.system.reading import open_regular, parsing
from detector.system.tfrecord import FOOT_BYTES, HEAD_BYTES, WRITE_AGAIN, RecordPlace

_NAME = re.compile(r"(?P<stem>.*?)(?:-\d+-of-\d+)?\.(?:tf)?records?(?:-\d+-of-\d+)?", re.IGNORECASE)
_SHARD = re.compile(r"-(\d+)-of-(\d+)")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BOX, _CLASS = "image/object/bbox/", "image/object/class/"
_CROWDS = ("image/object/is_crowd", "image/object/difficult", "image/object/group_of")
_Taken = dict[Path, dict[bytes, int]]  # numbers of the pictures of one name, by what they are
Features = Mapping[str, list[bytes] | list[float] | list[int]]


def is_tf_records(listing: Listing) -> bool:
    """Whether a folder has a file that is called like TFRecords (``train.record-00000-of-00010``)."""
    return bool(_files(listing))


def _files(listing: Listing) -> list[Path]:
    return [path for path in listing.paths if _NAME.fullmatch(path.name)]


def read_tf_record_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The objects of all records. Names are the records' own, or those that a label map gives their numbers.

    A file that is called like a split, or lies in a folder that is, is one.

    Raises:
        DatasetError: a file is compressed or cut short, a shard is missing, or classes have no name.
    """
    files = _files(listing)
    index = next((path for path in listing.paths if path.name == INDEX), None)
    if index is not None and is_records(index):
        raise DatasetError(f"{index.parent} holds records with their index; name that folder.")
    if index is not None:  # or they would have been read by it
        raise DatasetError(f"The index {index} is damaged or cut short; {WRITE_AGAIN}.")
    _require_all_shards(files)
    maps = _label_maps(listing)
    read: list[tuple[RawImage, list[Drawn]]] = []
    splits: dict[str, list[Path]] = {}
    taken: _Taken = {}
    for path in tqdm(files, desc="reading records", unit="file", disable=bars_hidden(), leave=False):
        found = list(_images(path, _map_of(path, maps), taken, listing.root, log))
        read += found
        if split := _split_of(path, listing.root):
            splits.setdefault(split, []).extend(image.path for image, _ in found)
    in_fractions = not _are_in_pixels([each for _, objects in read for each in objects], listing.root, log)
    names = sorted({each.name for _, objects in read for each in objects})
    classes, label_of = merge_names(names, log)
    images = [
        RawImage(
            image.path,
            label(objects, label_of),
            image.size_wh,
            in_fractions=in_fractions,
            unread=image.unread,
            record=image.record,
        )
        for image, objects in read
    ]
    return build_labels("TFRecord", listing.root, classes, images, splits, "names of the TFRecord files", log)


def _are_in_pixels(objects: Sequence[Drawn], root: Path, log: FindingLog) -> bool:
    """Whether boxes are in pixels.

    Raises:
        DatasetError: they are, and the log is not lenient.
    """
    large = [
        f"{each.where}: {' '.join(f'{side:g}' for side in each.box)}" for each in objects if max(each.box) > 2
    ]
    if len(large) * 2 <= len(objects):
        return False
    log.refuse(
        "boxes in pixels instead of fractions of the image, converted",
        large,
        f"The boxes of {root} are in pixels ({large[0]}); those of TFRecords are fractions of the image: "
        "divide them by its size.",
    )
    return True


def _split_of(path: Path, root: Path) -> str | None:
    match = _NAME.fullmatch(path.name)
    folders = relative_name(path, root).split("/")[:-1]
    named = role_in(match["stem"]) if match else None
    return named or next((folder for folder in reversed(folders) if role_of(folder)), None)


def _require_all_shards(files: Sequence[Path]) -> None:
    """Raise DatasetError where one of several files that belong together is not there."""
    shards: dict[tuple[Path, str, int], set[int]] = defaultdict(set)
    for path in files:
        if match := _SHARD.search(path.name):
            rest = _SHARD.sub("", path.name)
            shards[path.parent, rest, int(match[2])].add(int(match[1]))
    for (folder, name, count), found in shards.items():
        if len(found) < count:
            first = next(number for number in range(count) if number not in found)
            raise DatasetError(
                f"{folder / name} has {len(found)} of its {count} files, number {first:05d} is missing; put "
                "them together."
            )


def _images(
    path: Path, names: LabelMap, taken: _Taken, root: Path, log: FindingLog
) -> Iterator[tuple[RawImage, list[Drawn]]]:
    """The images of a file, and their objects by name."""
    where = relative_name(path, root)
    for number, (offset, length, data) in enumerate(_records(path), start=1):
        place = f"{where}, record {number}"
        with parsing(f"{place} is no tf.train.Example, or is damaged", DatasetError):
            features = _features(data)
            if not features.get("image/encoded"):
                log.add("records without an image, left out", place)
                continue
            name = _file_name(features) or f"{path.name.split('.')[0]}_{number:06d}"
            named = _own_path(path.parent / name, features, taken)
            if named.name != PurePosixPath(name).name:
                log.add(
                    "images of the same name as another one, called by a number", f"{place}: {named.name}"
                )
            objects = _objects(features, names, place, path, log)
            count = max((len(features.get(_BOX + side, [])) for side in _SIDES), default=0)
            image = RawImage(
                named,
                (),
                _size(features),
                unread=count - len(objects),
                record=(path, RecordPlace(offset, length, named.name)),
            )
        yield image, objects


def _records(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Offset, length and data of each record."""
    with open_regular(path, DatasetError) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if file.read(2) == b"\x1f\x8b":
            raise DatasetError(f"{path} is compressed by gzip; unpack it.")
        offset = 0
        while offset < size:
            file.seek(offset)
            head = file.read(HEAD_BYTES)
            length = int.from_bytes(head[:8], "little")
            end = offset + HEAD_BYTES + length + FOOT_BYTES
            if len(head) < HEAD_BYTES or end > size:
                raise DatasetError(f"{path} is no TFRecord file or is cut short; get it again.")
            yield offset + HEAD_BYTES, length, file.read(length)
            offset = end


def _features(data: bytes) -> Features:
    """The features of an Example by name: bytes, floats or integers."""
    found: dict[str, list[bytes] | list[float] | list[int]] = {}
    for features in parse_message(data)[1]:
        for entry in parse_message(features)[1]:
            pair = parse_message(entry)
            feature = parse_message(pair[2][0]) if pair[2] else {}
            key = bytes(pair[1][0]).decode()
            if feature.get(1):
                found[key] = [bytes(value) for value in parse_message(feature[1][0])[1]]
            elif feature.get(2):
                found[key] = [x for value in parse_message(feature[2][0])[1] for x in _floats(value)]
            elif feature.get(3):
                found[key] = [x for value in parse_message(feature[3][0])[1] for x in parse_varints(value)]
    return found


def _floats(value: int | memoryview) -> Sequence[float]:
    """Packed floats, or one that came as the integer of its bits."""
    data = struct.pack("<I", value) if isinstance(value, int) else bytes(value)
    return struct.unpack(f"<{len(data) // 4}f", data)


def _objects(features: Features, names: LabelMap, place: str, path: Path, log: FindingLog) -> list[Drawn]:
    boxes = [features.get(_BOX + side, []) for side in _SIDES]
    texts, numbers = features.get(f"{_CLASS}text", []), features.get(f"{_CLASS}label", [])
    counts = {len(each) for each in boxes} | {len(each) for each in (texts, numbers) if each}
    if len(counts) != 1:
        if any(boxes):
            log.add("records whose lists of boxes and classes have different lengths, objects dropped", place)
        return []
    crowds = [values for key in _CROWDS if len(values := features.get(key, [])) == len(boxes[0])]
    objects = []
    for position, box in enumerate(zip(*boxes, strict=True)):
        text = texts[position] if texts else b""
        name = tidy_name(text.decode()) if isinstance(text, bytes) else ""
        if not name and numbers:
            name = names.get(int(numbers[position]), "")
            if not name:
                raise DatasetError(
                    f"{place}: nothing says what the class {int(numbers[position])} is called; put the "
                    f"label map (label_map.pbtxt) beside {path.name}."
                )
        here = f"{place}, object {position + 1}"
        sides = [float(side) for side in box]
        if not name or not all(abs(side) < 1e6 for side in sides):  # nan is none of them
            log.add("objects without a name or a box, dropped", f"{here}: {name or 'no name'}")
            continue
        crowd = any(values[position] == 1 for values in crowds)
        objects.append(Drawn(name, (sides[0], sides[1], sides[2], sides[3]), here, int(crowd)))
    return objects


def _file_name(features: Features) -> str:
    """What the image was called, with its folders; empty where nothing says it."""
    for key in ("image/filename", "image/source_id"):
        value = next(iter(features.get(key, [])), b"")
        text = value.decode(errors="replace") if isinstance(value, bytes) else ""
        parts = [part for part in re.split(r"[\\/]", text) if part.strip() and part not in (".", "..")]
        if parts:
            return "/".join(part.replace(":", "_") for part in parts)
    return ""


def _own_path(path: Path, features: Features, taken: _Taken) -> Path:
    """A path that no other picture has: names are of the folders that they once lay in."""
    digest = hashlib.blake2b(bytes(cast("bytes", features["image/encoded"][0])), digest_size=16).digest()
    number = taken.setdefault(path, {}).setdefault(digest, len(taken[path]) + 1)
    return path if number == 1 else path.with_name(f"{path.stem}~{number}{path.suffix}")


def _size(features: Features) -> tuple[int, int] | None:
    width, height = (next(iter(features.get(f"image/{side}", [])), 0) for side in ("width", "height"))
    return (
        (width, height) if isinstance(width, int) and isinstance(height, int) and width and height else None
    )


def _label_maps(listing: Listing) -> dict[Path, LabelMap]:
    maps = {}
    for path in listing.with_suffix(".pbtxt"):
        with parsing(f"{path} is no label map that can be read", DatasetError):
            if names := parse_label_map(read_text(path)):
                maps[path] = names
    return maps


def _map_of(path: Path, maps: Mapping[Path, LabelMap]) -> LabelMap:
    """The label map that lies nearest to a file; none where there is none.

    Raises:
        DatasetError: there are several, and they differ.
    """

    def steps(other: Path) -> int:
        return len(Path(os.path.relpath(other.parent, path.parent)).parts)

    nearest = min(map(steps, maps), default=0)
    found = [other for other in maps if steps(other) == nearest]
    if len(found) > 1 and any(maps[other] != maps[found[0]] for other in found):
        raise DatasetError(
            f"{found[0]} and {found[1]} give {path.name} different names of classes; leave only the right "
            "one there."
        )
    return maps[found[0]] if found else {}
