"""The metadata is read by a reader that knows the schema's numbers and nothing of how it was written."""

import io
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table

from detector.classifier_spec import ClassifierSpec
from detector.formats.tflite.classifier import build_classifier_tflite
from detector.formats.tflite.quantization import Quantization
from detector.formats.tflite.task_metadata import NAME
from detector.formats.tflite.writer import build_tflite
from tests.formats.tflite.test_writer import SMALL, random_weights


class Reader:
    """A table of a FlatBuffer; fields go by their place in the schema."""

    def __init__(self, content, position):
        self._table = Table(content, position)

    @classmethod
    def root(cls, content):
        return cls(content, int(np.frombuffer(content, "<u4", 1)[0]))

    def _place(self, field):
        return self._table.Offset(4 + 2 * field)

    def byte(self, field):
        place = self._place(field)
        return self._table.Get(number_types.Int8Flags, self._table.Pos + place) if place else 0

    def integer(self, field):
        return self._table.Get(number_types.Int32Flags, self._table.Pos + self._place(field))

    def text(self, field):
        return self._table.String(self._table.Pos + self._place(field)).decode()

    def table(self, field):
        return Reader(self._table.Bytes, self._table.Indirect(self._table.Pos + self._place(field)))

    def tables(self, field):
        start, count = self._table.Vector(self._place(field)), self._table.VectorLen(self._place(field))
        return [Reader(self._table.Bytes, self._table.Indirect(start + 4 * k)) for k in range(count)]

    def texts(self, field):
        start, count = self._table.Vector(self._place(field)), self._table.VectorLen(self._place(field))
        return [self._table.String(start + 4 * k).decode() for k in range(count)]

    def numbers(self, field, kind):
        start, count = self._table.Vector(self._place(field)), self._table.VectorLen(self._place(field))
        return np.frombuffer(self._table.Bytes, kind, count, start).tolist()

    def has(self, field):
        return bool(self._place(field))


@pytest.fixture(scope="module")
def model():
    return build_tflite(random_weights(SMALL), SMALL, postprocess=True)


def read(model):
    """The content of the model's metadata buffer."""
    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
    (entry,) = graph.metadata
    assert entry.name == NAME.encode()
    content = graph.buffers[entry.buffer].data.tobytes()
    assert content[4:8] == b"M001"
    return Reader.root(content)


def test_the_input_is_an_rgb_image(model):
    (subgraph,) = read(model).tables(3)
    (image,) = subgraph.tables(2)
    assert image.text(0) == "image"
    content = image.table(3)
    assert content.byte(0) == 2  # ImageProperties
    assert content.table(1).byte(0) == 1  # RGB


@pytest.mark.parametrize(("quantized", "mean", "std"), [(False, 0.0, 1.0), (True, 127.5, 127.5)])
def test_the_normalisation_is_what_comes_before_the_input(quantized, mean, std):
    """Before a uint8 input that has a scale, [0, 255] becomes [-1, 1]; one without takes bytes."""
    weights = random_weights(SMALL)
    quantization = Quantization(_Everything()) if quantized else None
    (subgraph,) = read(build_tflite(weights, SMALL, quantization=quantization, postprocess=True)).tables(3)
    (unit,) = subgraph.tables(2)[0].tables(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    assert unit.table(1).numbers(0, "<f4") == pytest.approx([mean])
    assert unit.table(1).numbers(1, "<f4") == pytest.approx([std])


class _Everything(dict):
    """A range for whatever is asked."""

    def __missing__(self, name):
        return (-1.0, 1.0)


def test_the_outputs_have_the_names_that_are_looked_for(model):
    metadata = read(model)
    assert metadata.text(0) == "small"
    assert metadata.text(7) == "1.2.0"
    (subgraph,) = metadata.tables(3)
    outputs = subgraph.tables(3)
    assert [output.text(0) for output in outputs] == ["location", "category", "score", "number of detections"]
    assert [output.table(3).byte(0) for output in outputs] == [3, 1, 1, 1]  # BoundingBoxProperties, Feature
    assert [output.table(3).has(2) for output in outputs] == [True, True, True, False]
    along = outputs[0].table(3).table(2)
    assert (along.integer(0), along.integer(1)) == (2, 2)
    (group,) = subgraph.tables(8)
    assert group.texts(1) == ["location", "category", "score"]


def test_boxes_are_top_left_bottom_right(model):
    (subgraph,) = read(model).tables(3)
    box = subgraph.tables(3)[0].table(3).table(1)
    assert box.numbers(0, "<u4") == [1, 0, 3, 2]
    assert box.byte(1) == 1  # BOUNDARIES
    assert box.byte(2) == 0  # RATIO


def test_the_classes_are_in_the_file_that_is_named(model):
    (subgraph,) = read(model).tables(3)
    outputs = subgraph.tables(3)
    (labels,) = outputs[1].tables(6)
    assert labels.byte(2) == 3  # TENSOR_VALUE_LABELS
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        assert archive.read(labels.text(0)).decode().splitlines() == list(SMALL.classes)


def test_raw_outputs_have_no_metadata():
    model = schema.Model.GetRootAs(build_tflite(random_weights(SMALL), SMALL))
    assert model.MetadataLength() == 0


@pytest.mark.parametrize(("quantized", "mean", "std"), [(False, 0.0, 1.0), (True, 127.5, 127.5)])
def test_a_classifiers_image_and_probabilities_are_named(quantized, mean, std):
    spec = ClassifierSpec("birds", ("robin", "great tit"), (32, 32), width_multiplier=0.35)
    quantization = Quantization(_Everything()) if quantized else None
    model = build_classifier_tflite(random_weights(spec), spec, quantization=quantization)
    (subgraph,) = read(model).tables(3)
    (image,), (probabilities,) = subgraph.tables(2), subgraph.tables(3)
    (unit,) = image.tables(4)
    assert unit.table(1).numbers(0, "<f4") == pytest.approx([mean])
    assert unit.table(1).numbers(1, "<f4") == pytest.approx([std])
    assert probabilities.text(0) == "probability"
    assert probabilities.table(3).byte(0) == 1  # Feature
    (labels,) = probabilities.tables(6)
    assert labels.byte(2) == 2  # TENSOR_AXIS_LABELS
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        assert archive.read(labels.text(0)).decode().splitlines() == ["robin", "great tit"]
