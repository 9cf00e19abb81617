"""What a model's tensors mean, for programs that know nothing of this project.

MediaPipe Tasks, the TFLite Task Library and Android Studio read it: how pixels become the input, what each
of the outputs is, and which file in the archive behind the model names the classes.

Source: ``metadata_schema.fbs`` of MediaPipe, version 1.5.0; the numbers of fields and types are its.
"""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np

from detector.classifier_spec import ClassifierSpec
from detector.formats.tflite.metadata import LABELS_MEMBER
from detector.spec import ModelSpec

NAME = "TFLITE_METADATA"  # under which the model lists it

_IDENTIFIER = b"M001"
_MIN_PARSER_VERSION = "1.2.0"  # the first that knows groups of tensors
_RGB = np.int8(1)  # ColorSpaceType
_BOUNDARIES = np.int8(1)  # BoundingBoxType: left, top, right, bottom
_RATIO = np.int8(0)  # CoordinateType: shares of the image
# AssociatedFileType: line k names column k of an output, or what an output means by k.
_TENSOR_AXIS_LABELS, _TENSOR_VALUE_LABELS = np.int8(2), np.int8(3)
_FEATURE, _IMAGE, _BOUNDING_BOX = np.uint8(1), np.uint8(2), np.uint8(3)  # ContentProperties
_NORMALIZATION = np.uint8(1)  # ProcessUnitOptions
_LEFT_TOP_RIGHT_BOTTOM = (1, 0, 3, 2)  # where they stand in (top, left, bottom, right)

# A field of a table: a number that lies in it, what lies elsewhere by its offset, or nothing.
_Field = np.generic | int | None


def build_task_metadata(spec: ModelSpec, *, quantized: bool) -> bytes:
    """The metadata of a detector with post-processing inside, as a FlatBuffer.

    Args:
        spec: of the model.
        quantized: the input has a scale. The normalisation is then the one that comes before it; else bytes
            go in as they are.
    """
    packer = _Packer()
    inputs = packer.tables([_image(packer, spec, quantized=quantized)])
    outputs = packer.tables(_outputs(packer))
    nothing = (None,) * 4
    subgraph = packer.table(None, None, inputs, outputs, *nothing, packer.tables([_group(packer)]))
    purpose = f"Finds {len(spec.classes)} classes of objects and their bounding boxes."
    return _finish(packer, spec, purpose, subgraph)


def build_classifier_metadata(spec: ClassifierSpec, *, quantized: bool) -> bytes:
    """The metadata of a classifier, as a FlatBuffer.

    Args:
        spec: of the model.
        quantized: as for ``build_task_metadata``.
    """
    packer = _Packer()
    inputs = packer.tables([_image(packer, spec, quantized=quantized)])
    labels = packer.tables([_labels(packer, _TENSOR_AXIS_LABELS)])
    names = packer.string("probability"), packer.string("The probability of each class.")
    content = packer.table(_FEATURE, packer.table())
    outputs = packer.tables([packer.table(*names, None, content, None, None, labels)])
    subgraph = packer.table(None, None, inputs, outputs)
    return _finish(packer, spec, f"Tells {len(spec.classes)} classes of pictures apart.", subgraph)


def _finish(packer: _Packer, spec: ModelSpec | ClassifierSpec, purpose: str, subgraph: int) -> bytes:
    model = packer.table(
        packer.string(spec.name),
        packer.string(purpose),
        None,
        packer.tables([subgraph]),
        None,
        packer.string(spec.card["licence"]) if spec.card.get("licence") else None,
        None,
        packer.string(_MIN_PARSER_VERSION),
    )
    return packer.finish(model)


def _image(packer: _Packer, spec: ModelSpec | ClassifierSpec, *, quantized: bool) -> int:
    mean, std = (-spec.pixel_offset / spec.pixel_scale, 1 / spec.pixel_scale) if quantized else (0.0, 1.0)
    content = packer.table(_IMAGE, packer.table(_RGB))
    normalization = packer.table(packer.floats([mean]), packer.floats([std]))
    units = packer.tables([packer.table(_NORMALIZATION, normalization)])
    name, description = packer.string("image"), packer.string("The image, RGB, squashed to this size.")
    return packer.table(name, description, None, content, units)


def _outputs(packer: _Packer) -> list[int]:
    """The four outputs; MediaPipe goes by these very names."""
    box = packer.table(packer.integers(_LEFT_TOP_RIGHT_BOTTOM), _BOUNDARIES, _RATIO)
    labels = _labels(packer, _TENSOR_VALUE_LABELS)
    rows = packer.table(np.int32(2), np.int32(2))  # each item along dimension 2 is one detection
    outputs = (
        ("location", "The boxes.", _BOUNDING_BOX, box, rows, None),
        ("category", "The classes, from 0 on.", _FEATURE, packer.table(), rows, packer.tables([labels])),
        ("score", "The scores, from 0 to 1.", _FEATURE, packer.table(), rows, None),
        ("number of detections", "How many detections there are.", _FEATURE, packer.table(), None, None),
    )
    return [
        packer.table(
            packer.string(name),
            packer.string(description),
            None,
            packer.table(kind, properties, along),
            None,
            None,
            files,
        )
        for name, description, kind, properties, along, files in outputs
    ]


def _labels(packer: _Packer, kind: np.int8) -> int:
    """The file with the names of the classes."""
    return packer.table(packer.string(LABELS_MEMBER), packer.string("The classes."), kind)


def _group(packer: _Packer) -> int:
    """Box, class and score as parts of one thing."""
    names = packer.tables([packer.string(name) for name in ("location", "category", "score")])
    return packer.table(packer.string("detection_result"), names)


class _Packer:
    """Tables, strings and vectors of a FlatBuffer, each known by its offset."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1024)

    def table(self, *fields: _Field) -> int:
        """A table of these fields, in the schema's order; fields left out at the end are absent."""
        builder = self._builder
        builder.StartObject(len(fields))
        for slot, value in enumerate(fields):
            if value is None:
                continue
            if isinstance(value, int):
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            elif isinstance(value, np.int8):
                builder.PrependInt8Slot(slot, int(value), 0)
            elif isinstance(value, np.uint8):
                builder.PrependUint8Slot(slot, int(value), 0)
            else:
                builder.PrependInt32Slot(slot, int(value), 0)
        return int(builder.EndObject())

    def string(self, text: str) -> int:
        return int(self._builder.CreateString(text))

    def tables(self, offsets: Sequence[int]) -> int:
        """A vector of tables or strings."""
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def floats(self, values: Sequence[float]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, np.float32)))

    def integers(self, values: Sequence[int]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, np.uint32)))

    def finish(self, root: int) -> bytes:
        self._builder.Finish(root, file_identifier=_IDENTIFIER)
        return bytes(self._builder.Output())
