"""Every reader of files from outside, with small whole files to damage. A further reader is one more row."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage

from detector.data.folder import load_labelled_folder
from detector.errors import ImageError
from detector.evaluation.results import load_results
from detector.formats.spec_reader import SPEC_KEY
from detector.formats.table import read_spec
from detector.formats.tflite.metadata import pack_spec
from detector.images import decode_image
from detector.pretrained.archives import (
    CHECKPOINT_DATA,
    CHECKPOINT_INDEX,
    FROZEN_GRAPH,
    TFJS_MODEL,
    read_tensors,
)
from detector.pretrained.foreign_model import import_model
from detector.pretrained.imagenet.files import read_imagenet
from detector.spec import ModelSpec
from detector.system.tfrecord import RecordPlace, load_record_image
from detector.training.config_file import load_config
from detector.weights import load_weights, save_weights
from tests.data.labelled import (
    write_coco,
    write_create_ml,
    write_csv,
    write_labelme,
    write_voc,
    write_yolo,
)
from tests.formats.tflite.test_writer import SMALL, random_weights
from tests.fuzz.foreign_files import PHOTOS, make_foreign_tflite, write_foreign_graph, write_tf_records
from tests.heic_file import make_heic
from tests.pretrained.imagenet.networks import random_network, torch_tensors, write_keras, write_torch

SPEC = ModelSpec("small", ("cat", "dog"), class_thresholds={"cat": 0.5}, card={"licence": "MIT"})


@dataclass(frozen=True)
class Reader:
    """A reader and what it reads.

    Attributes:
        build: writes whole files into a folder that it makes.
        read: reads the folder; returns what it likes or raises DetectorError.
        pattern: which of the files are damaged.
    """

    build: Callable[[Path], object]
    read: Callable[[Path], object]
    pattern: str

    def damaged(self, folder: Path) -> list[Path]:
        """The files to damage."""
        return sorted(path for path in folder.rglob(self.pattern) if path.is_file())


def _file(name: str, content: Callable[[], bytes]) -> Callable[[Path], object]:
    def build(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content())

    return build


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _varint(value >> 7)


def _field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _onnx() -> bytes:
    entry = _field(1, SPEC_KEY.encode()) + _field(2, SPEC.to_json().encode())
    return _field(1, 8) + _field(7, _field(2, b"graph")) + _field(14, entry)


def _openvino(folder: Path) -> None:
    from xml.sax.saxutils import quoteattr

    folder.mkdir(parents=True)
    spec = f"<rt_info><{SPEC_KEY} value={quoteattr(SPEC.to_json())}/></rt_info>"
    (folder / "m.xml").write_text(f'<?xml version="1.0"?><net name="n" version="11"><layers/>{spec}</net>')
    (folder / "m.bin").write_bytes(b"")


def _shape(*sizes: int) -> bytes:
    return b"".join(_field(2, _field(1, size)) for size in sizes)


def _frozen_graph() -> bytes:
    tensors = [
        _field(1, 1) + _field(2, _shape(2, 3)) + _field(4, bytes(24)),
        _field(1, 1) + _field(2, _shape(2, 3)) + _field(5, struct.pack("<f", 1.5)),
        _field(1, 3) + _field(2, _shape(2)) + _field(4, bytes(8)),
    ]
    nodes = [
        _field(1, f"node{k}".encode())
        + _field(2, b"Const")
        + _field(5, _field(1, b"value") + _field(2, _field(8, t)))
        for k, t in enumerate(tensors)
    ]
    return b"".join(_field(1, node) for node in nodes)


def _checkpoint(folder: Path) -> None:
    """An index of one block with two variables, and their data."""
    entries = [(b"", b"\x08\x01")]
    for number, name in enumerate((b"layer/bias", b"layer/kernel")):
        place = _field(4, 24 * number) + _field(5, 24)
        entries.append((name, _field(1, 1) + _field(2, _shape(2, 3)) + place))

    def block(pairs: list[tuple[bytes, bytes]]) -> bytes:
        body = b"".join(b"\0" + _varint(len(key)) + _varint(len(value)) + key + value for key, value in pairs)
        return body + struct.pack("<II", 0, 1)

    data = block(entries)
    index = block([(b"z", _varint(0) + _varint(len(data)))])
    start = len(data) + 5
    footer = (_varint(0) * 2 + _varint(start) + _varint(len(index))).ljust(40, b"\0")
    folder.mkdir(parents=True)
    content = data + bytes(5) + index + bytes(5) + footer + struct.pack("<Q", 0xDB4775248B80FB57)
    (folder / CHECKPOINT_INDEX).write_bytes(content)
    (folder / CHECKPOINT_DATA).write_bytes(bytes(48))


def _tfjs(folder: Path) -> None:
    folder.mkdir(parents=True)
    weights = [
        {"name": "a", "dtype": "float32", "shape": [2, 3]},
        {"name": "b", "dtype": "int32", "shape": []},
    ]
    groups = [{"paths": ["group1-shard1of1"], "weights": weights}]
    (folder / TFJS_MODEL).write_text(json.dumps({"weightsManifest": groups}))
    (folder / "group1-shard1of1").write_bytes(bytes(28))


def _archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"model/{FROZEN_GRAPH}")
        member.size = len(_frozen_graph())
        archive.addfile(member, io.BytesIO(_frozen_graph()))
    return stream.getvalue()


def _images(folder: Path) -> None:
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    for suffix in ("jpg", "png", "webp", "bmp", "tiff", "ppm"):
        (folder / f"photo.{suffix}").write_bytes(cv2.imencode(f".{suffix}", noise)[1].tobytes())
    progressive = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    (folder / "progressive.jpg").write_bytes(progressive)
    PillowImage.fromarray(noise).save(folder / "photo.avif")
    (folder / "photo.heic").write_bytes(_heic())


@cache
def _heic() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        return make_heic(noise, Path(folder))


def _read_images(folder: Path) -> None:
    refused = None
    for path in folder.iterdir():
        try:
            decode_image(path.read_bytes(), name=path.name, most_pixels=1 << 22)
        except ImageError as error:
            refused = error
    if refused is not None:
        raise refused


def _record() -> bytes:
    features = {b"image/encoded": b"\xff\xd8 and so on", b"image/filename": b"a.jpg"}
    entries = [_field(1, key) + _field(2, _field(1, _field(1, value))) for key, value in features.items()]
    example = _field(1, b"".join(_field(1, entry) for entry in entries))
    return struct.pack("<QI", len(example), 0) + example + bytes(4)


def _results(folder: Path) -> None:
    write_coco(folder, PHOTOS)
    rows = [
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3.5, 4], "score": 0.5, "file_name": "train0.jpg"}
    ]
    (folder / "results.json").write_text(json.dumps(rows * 3))


def _read_results(folder: Path) -> object:
    return load_results(folder / "results.json", _labelled(folder).train)


def _labelled(folder: Path) -> Any:
    return load_labelled_folder(folder)


def _cvat(folder: Path) -> None:
    write_coco(folder, PHOTOS)
    for path in folder.rglob("*.json"):
        path.unlink()
    box = '<box label="cat" xtl="1" ytl="2" xbr="30.5" ybr="40" occluded="0"/>'
    images = "".join(
        f'<image id="{k}" name="{photo.name}" width="64" height="48">{box}</image>'
        for k, photo in enumerate(PHOTOS)
    )
    (folder / "annotations.xml").write_text(f"<annotations><version>1.1</version>{images}</annotations>")


def _label_studio(folder: Path) -> None:
    write_coco(folder, PHOTOS)
    for path in folder.rglob("*.json"):
        path.unlink()
    value = {"x": 10, "y": 10.5, "width": 20, "height": 30, "rotation": 0, "rectanglelabels": ["cat"]}
    result = [{"type": "rectanglelabels", "value": value, "original_width": 64, "original_height": 48}]
    tasks = [
        {"id": k, "data": {"image": f"/data/upload/1/{photo.name}"}, "annotations": [{"result": result}]}
        for k, photo in enumerate(PHOTOS)
    ]
    (folder / "project.json").write_text(json.dumps(tasks))


_YAML = b"""model: {classes: [cat, dog], input_size: 300}
training:
  steps: 500
  seed: 3
optimizer: {learning_rate: 1e-3}
"""

READERS: dict[str, Reader] = {
    "spec": Reader(
        _file("m.json", lambda: SPEC.to_json().encode()),
        lambda folder: ModelSpec.from_json((folder / "m.json").read_bytes()),
        "*.json",
    ),
    "weights": Reader(
        lambda folder: save_weights(folder / "m.npz", random_weights(SMALL), SMALL),
        lambda folder: load_weights(folder / "m.npz"),
        "*.npz",
    ),
    "tflite": Reader(
        _file("m.tflite", lambda: b"\x1c\0\0\0TFL3" + bytes(100) + pack_spec(SPEC)),
        lambda folder: read_spec(folder / "m.tflite"),
        "*.tflite",
    ),
    "onnx": Reader(_file("m.onnx", _onnx), lambda folder: read_spec(folder / "m.onnx"), "*.onnx"),
    "openvino": Reader(_openvino, lambda folder: read_spec(folder / "m.xml"), "*.xml"),
    "frozen graph": Reader(_file(FROZEN_GRAPH, _frozen_graph), read_tensors, "*.pb"),
    "checkpoint": Reader(_checkpoint, read_tensors, "model.ckpt*"),
    "tfjs": Reader(_tfjs, read_tensors, "*"),
    "archive": Reader(
        _file("m.tar.gz", _archive), lambda folder: read_tensors(folder / "m.tar.gz"), "*.gz"
    ),
    "images": Reader(_images, _read_images, "*"),
    "config": Reader(
        _file("c.yaml", lambda: _YAML), lambda folder: load_config(folder / "c.yaml"), "*.yaml"
    ),
    "record": Reader(
        _file("r.tfrecord", _record),
        lambda folder: load_record_image(folder / "r.tfrecord", RecordPlace(12, len(_record()) - 16, "a")),
        "*.tfrecord",
    ),
    "coco": Reader(partial(write_coco, photos=PHOTOS), _labelled, "*.json"),
    "voc": Reader(partial(write_voc, photos=PHOTOS), _labelled, "*.[xt][mx][lt]"),
    "yolo": Reader(partial(write_yolo, photos=PHOTOS), _labelled, "*.[ty]*"),
    "cvat": Reader(_cvat, _labelled, "*.xml"),
    "label studio": Reader(_label_studio, _labelled, "*.json"),
    "labelme": Reader(partial(write_labelme, photos=PHOTOS), _labelled, "*.json"),
    "create ml": Reader(partial(write_create_ml, photos=PHOTOS), _labelled, "*.json"),
    "csv": Reader(partial(write_csv, photos=PHOTOS), _labelled, "*.csv"),
    "tf records": Reader(write_tf_records, _labelled, "*.record*"),
    "foreign tflite": Reader(
        _file("m.tflite", make_foreign_tflite), lambda folder: import_model(folder / "m.tflite"), "*.tflite"
    ),
    "keras weights": Reader(
        _file("w.h5", lambda: write_keras(random_network("mobilenet_v1", 0.05))),
        lambda folder: read_imagenet(folder / "w.h5"),
        "*.h5",
    ),
    "torch weights": Reader(
        _file("w.pth", lambda: write_torch(torch_tensors(random_network("mobilenet_v2", 0.05)))),
        lambda folder: read_imagenet(folder / "w.pth"),
        "*.pth",
    ),
    "foreign graph": Reader(write_foreign_graph, import_model, "*"),
    "results": Reader(_results, _read_results, "results.json"),
}  # fmt: skip
