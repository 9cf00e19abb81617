"""The JSON of the spec inside model files of every kind, read without the libraries that run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from detector.classifier_spec import ClassifierSpec
from detector.errors import ModelError
from detector.formats.tflite.metadata import LABELS_MEMBER, SPEC_MEMBER
from detector.labels import one_line_names
from detector.spec import MOST_BYTES, ModelSpec
from detector.system.protobuf import parse_message
from detector.system.reading import parsing, read_whole

SPEC_KEY, LABELS_KEY = "model_spec", "labels"
SAVED_MODEL = "saved_model.pb"  # in the folder of a SavedModel
_MOST_ONNX = (1 << 31) - 1  # what protobuf reads
_MOST_XML = 1 << 24  # bytes of layers; weights lie beside it
# onnx.proto: the fields of ModelProto and of StringStringEntryProto.
_METADATA, _KEY, _VALUE = 14, 1, 2


def is_saved_model(path: Path) -> bool:
    """Whether a path is the folder of a SavedModel of this project."""
    return (path / SAVED_MODEL).is_file()


def write_spec(folder: Path, spec: ModelSpec | ClassifierSpec) -> None:
    """Put spec and labels beside a SavedModel."""
    (folder / SPEC_MEMBER).write_text(spec.to_json(), encoding="utf-8")
    (folder / LABELS_MEMBER).write_text("\n".join(one_line_names(spec.classes)) + "\n", encoding="utf-8")


def _spec_of(read: Callable[[Path], str | None]) -> Callable[[Path], str]:
    """A function from a model to the JSON that is read; it raises ModelError as ``table.read_spec``."""

    def read_text(path: Path) -> str:
        with parsing(f"{path} is cut short or is no {path.suffix} model; get it again", ModelError):
            text = read(path)
        if text is None:
            raise ModelError(f"{path} was not made by this project: it has no {SPEC_KEY} inside.")
        return text

    return read_text


@_spec_of
def read_saved_model_text(path: Path) -> str | None:
    """Reads ``model_spec.json`` in the folder of a SavedModel."""
    member = path / SPEC_MEMBER
    return read_whole(member, MOST_BYTES, ModelError).decode() if member.is_file() else None


@_spec_of
def read_onnx_text(path: Path) -> str | None:
    """Reads an ``.onnx`` file's metadata."""
    for entry in parse_message(read_whole(path, _MOST_ONNX, ModelError))[_METADATA]:
        fields = parse_message(entry)
        if bytes(fields[_KEY][0]) == SPEC_KEY.encode():
            return bytes(fields[_VALUE][0]).decode()
    return None


@_spec_of
def read_openvino_text(path: Path) -> str | None:
    """Reads the ``rt_info`` of an OpenVINO ``.xml``."""
    root = _parse_xml(read_whole(path, _MOST_XML, ModelError))
    if root.tag != "net":
        raise ValueError(f"its root is <{root.tag}>, not <net>")
    if not path.with_suffix(".bin").is_file():
        raise ModelError(f"{path} needs {path.with_suffix('.bin').name} beside it; put the two together.")
    entry = root.find(f"rt_info/{SPEC_KEY}")
    return None if entry is None else entry.get("value")


def _parse_xml(data: bytes) -> ElementTree.Element:
    """The root of an XML text without a document type, whose entities could grow without bounds."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:  # in UTF-16 they would look otherwise
        raise ValueError("it has a document type, or is not in UTF-8")
    return ElementTree.fromstring(data)
