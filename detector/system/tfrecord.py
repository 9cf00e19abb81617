"""An image inside a TFRecord file, read without TensorFlow.

Source: tensorflow/core/lib/io/record_writer.h (a record is the length in 8 bytes, its checksum in 4, the
data, its checksum in 4) and tensorflow/core/example/example.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detector.errors import DatasetError
from detector.system.protobuf import parse_message
from detector.system.reading import open_regular, parsing

HEAD_BYTES = 12  # before the data of a record
FOOT_BYTES = 4  # after it
WRITE_AGAIN = "write the records again with `ssdlite data records`"


@dataclass(frozen=True)
class RecordPlace:
    """Where in a TFRecord file an image's ``tf.train.Example`` lies.

    Attributes:
        offset: of its first byte.
        length: in bytes.
        name: file name that the image had.
    """

    offset: int
    length: int
    name: str


def load_record_image(path: Path, place: RecordPlace) -> bytes:
    """The bytes of the image file in a record, as ``detector.images.decode_image`` takes them.

    Raises:
        DatasetError: no such file, or it does not have this record at this place.
    """
    sentence = f"Cannot read the records {path}; {WRITE_AGAIN}"
    with open_regular(path, DatasetError) as file, parsing(sentence, DatasetError):
        file.seek(place.offset - HEAD_BYTES)
        stored = int.from_bytes(file.read(HEAD_BYTES)[:8], "little")
        example = file.read(place.length) if stored == place.length else b""
    if len(example) != place.length:
        raise DatasetError(
            f"{path} was changed or cut short: the record of {place.name} should have {place.length:,} bytes "
            f"at {place.offset:,}; {WRITE_AGAIN}."
        )
    with parsing(f"The record of {place.name} in {path} is damaged; {WRITE_AGAIN}", DatasetError):
        return _encoded_image(example)


def _encoded_image(example: bytes) -> bytes:
    """The feature ``image/encoded`` of an Example: Example.features.feature[key].bytes_list.value[0]."""
    features = parse_message(example)[1][0]
    for entry in parse_message(features)[1]:
        key_and_value = parse_message(entry)
        if bytes(key_and_value[1][0]) == b"image/encoded":
            byte_list = parse_message(key_and_value[2][0])[1][0]
            return bytes(parse_message(byte_list)[1][0])
    raise ValueError("it has no image/encoded")
