"""TFRecords as the dataset tools of the TensorFlow Object Detection API write them, without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.pretrained.graph_files import field, varint

Values = Sequence[bytes] | Sequence[float] | Sequence[int]


def example(features: Mapping[str, Values]) -> bytes:
    """A ``tf.train.Example``."""
    entries = b"".join(
        field(1, field(1, key.encode()) + field(2, _feature(values))) for key, values in features.items()
    )
    return field(1, entries)


def _feature(values: Values) -> bytes:
    if all(isinstance(value, bytes) for value in values) and values:
        return field(1, b"".join(field(1, bytes(value)) for value in values))  # type: ignore[arg-type]
    if all(isinstance(value, int) for value in values):
        return field(3, field(1, b"".join(varint(int(value)) for value in values)))
    return field(2, field(1, struct.pack(f"<{len(values)}f", *map(float, values))))


def write_records(path: Path, examples: Sequence[bytes]) -> None:
    """A TFRecord file; its checksums, which this project does not look at, are zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(struct.pack("<Q", len(each)) + bytes(4) + each + bytes(4) for each in examples))


def photo(
    image: bytes, name: str, size_wh: tuple[int, int], objects: Sequence[tuple[str, int, Sequence[float]]]
) -> dict[str, Values]:
    """The features of an image with objects: class name, its number, and x1, y1, x2, y2 in pixels."""
    width, height = size_wh
    sides = dict(
        zip(("xmin", "ymin", "xmax", "ymax"), zip(*(box for _, _, box in objects), strict=True), strict=False)
    )
    features: dict[str, Values] = {
        "image/height": [height],
        "image/width": [width],
        "image/filename": [name.encode()],
        "image/source_id": [name.encode()],
        "image/encoded": [image],
        "image/format": [b"jpeg"],
        "image/object/class/text": [text.encode() for text, _, _ in objects],
        "image/object/class/label": [number for _, number, _ in objects],
    }
    for side in ("xmin", "ymin", "xmax", "ymax"):
        unit = width if side[0] == "x" else height
        features[f"image/object/bbox/{side}"] = [value / unit for value in sides.get(side, ())]
    return features
