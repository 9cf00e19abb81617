"""Writes a labelled folder as TFRecord files with an index; one image is in memory at a time.

The Examples have the feature keys of Model Garden's ``TfExampleDecoder``.
"""

from __future__ import annotations

import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from detector.boxes import FloatArray, xywh_to_xyxy
from detector.data.annotations import Annotation
from detector.data.dataset import Dataset, DatasetImage, load_image_bytes
from detector.data.folder import LabelledFolder
from detector.data.readers.records import INDEX, save_index
from detector.errors import DetectorError
from detector.heif import is_heif
from detector.system.files import cannot_write
from detector.system.progress import bars_hidden
from detector.system.tfrecord import FOOT_BYTES, HEAD_BYTES

_IMAGES_PER_SHARD = 1000

# By their first bytes; what is left has been read as an image, so it is a PNM. TensorFlow itself decodes the
# first five.
_FORMATS = {
    b"\xff\xd8": "jpeg",
    b"\x89PNG": "png",
    b"RIFF": "webp",
    b"BM": "bmp",
    b"GIF8": "gif",
    b"II": "tiff",
    b"MM": "tiff",
    b"": "pnm",
}


def save_records(labelled: LabelledFolder, output: Path, *, shards: int | None = None) -> None:
    """Write ``SPLIT-00000-of-00008.tfrecord`` ... for each split, and the index ``records.json``.

    The files of the images go in as they are. Images are spread over the files of their split by lot,
    always the same. ``output`` is written as a whole or not at all.

    Args:
        labelled: what to write.
        output: a folder that is empty or not there yet.
        shards: files of each split, at most one for each image; default: one for about 1,000 images.

    Raises:
        DetectorError: the folder is not empty or cannot be written to, or the disk is full.
        ImageError: an image was deleted since the folder was loaded.
    """
    parts = {"train": labelled.train, "val": labelled.val}
    if labelled.test is not None:
        parts["test"] = labelled.test
    total = sum(len(part.images) for part in parts.values())
    with (
        _filling(output) as folder,
        tqdm(total=total, desc="writing records", unit="image", disable=bars_hidden(), leave=False) as bar,
    ):
        splits = {name: _save_split(part, name, folder, shards, bar) for name, part in parts.items()}
        save_index(folder, labelled.classes, splits, labelled.split_note, labelled.findings)


def check_output(output: Path) -> None:
    """Raise DetectorError when there is something in the folder already."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DetectorError(f"{output} is not empty; choose another folder for the records.")


@contextmanager
def _filling(output: Path) -> Iterator[Path]:
    """A temporary folder; its files come into the output when the block ends well and are gone otherwise."""
    check_output(output)
    temporary: Path | None = None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        # A folder that exists may be another disk, so files are moved within it.
        temporary = (output if output.exists() else output.parent) / f".{secrets.token_hex(4)}"
        temporary.mkdir()
        yield temporary
        if output.exists():
            for path in sorted(temporary.iterdir(), key=lambda path: path.name == INDEX):  # the index last
                path.rename(output / path.name)
        else:
            temporary.rename(output)
    except OSError as error:
        raise cannot_write(output, error) from error
    except tf.errors.ResourceExhaustedError as error:
        raise DetectorError(
            f"The disk is full: {output} was not written; free some space and run it again."
        ) from error
    except tf.errors.OpError as error:
        raise DetectorError(f"Cannot write {output} ({error.message}); choose another folder.") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _save_split(
    part: Dataset, split: str, folder: Path, shards: int | None, bar: tqdm[NoReturn]
) -> dict[str, object]:
    """Write the TFRecord files of a split; what the index says of it comes back."""
    count = min(shards or max(1, round(len(part.images) / _IMAGES_PER_SHARD)), len(part.images))
    order = np.random.default_rng(0).permutation(len(part.images))
    annotations: dict[int, list[Annotation]] = defaultdict(list)
    for annotation in part.annotations:
        annotations[annotation["image_id"]].append(annotation)
    files: list[dict[str, str | int]] = []
    entries: list[dict[str, str | int]] = [{}] * len(part.images)
    for shard in range(count):
        name = f"{split}-{shard:05}-of-{count:05}.tfrecord"
        position = 0
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for index in order[shard::count]:
                image = part.images[index]
                data = load_image_bytes(image)
                example = _build_example(image, data, annotations[image.id], part.categories)
                writer.write(example)
                place: dict[str, str | int] = {
                    "shard": shard,
                    "offset": position + HEAD_BYTES,
                    "length": len(example),
                }
                entries[index] = _describe(image, data) | place
                position += HEAD_BYTES + len(example) + FOOT_BYTES
                bar.update()
        files.append({"file_name": name, "bytes": position})
    return {"shards": files, "images": entries, "annotations": list(part.annotations)}


def _describe(image: DatasetImage, data: bytes) -> dict[str, str | int]:
    width, height = _size_of(image)
    return {
        "id": image.id,
        "file_name": image.name,
        "width": width,
        "height": height,
        "format": _format_of(data),
    }


def _build_example(
    image: DatasetImage, data: bytes, annotations: Sequence[Annotation], categories: dict[int, str]
) -> bytes:
    """The serialised ``tf.train.Example`` of an image; boxes are normalised."""
    width, height = _size_of(image)
    boxes = xywh_to_xyxy(np.array([each["bbox"] for each in annotations], np.float32).reshape(-1, 4))
    left, top, right, bottom = np.minimum(boxes / np.array([width, height] * 2, np.float32), 1).T
    names = [categories[each["category_id"]].encode() for each in annotations]
    features = {
        "image/encoded": _bytes([data]),
        "image/format": _bytes([_format_of(data).encode()]),
        "image/filename": _bytes([image.name.encode("utf-8", "surrogateescape")]),
        "image/source_id": _bytes([str(image.id).encode()]),
        "image/height": _integers([height]),
        "image/width": _integers([width]),
        "image/object/bbox/xmin": _floats(left),
        "image/object/bbox/ymin": _floats(top),
        "image/object/bbox/xmax": _floats(right),
        "image/object/bbox/ymax": _floats(bottom),
        "image/object/class/label": _integers([each["category_id"] for each in annotations]),
        "image/object/class/text": _bytes(names),
        "image/object/area": _floats([each["area"] for each in annotations]),
        "image/object/is_crowd": _integers([each["iscrowd"] for each in annotations]),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString(deterministic=True))


def _bytes(values: Sequence[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integers(values: Sequence[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values: Sequence[float] | FloatArray) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _size_of(image: DatasetImage) -> tuple[int, int]:
    assert image.size_wh is not None, "a labelled folder knows the size of every image"
    return image.size_wh


def _format_of(data: bytes) -> str:
    """What the file is by its content, in TensorFlow's words where it has one."""
    if is_heif(data):
        return "heif"
    return next(name for start, name in _FORMATS.items() if data.startswith(start))
