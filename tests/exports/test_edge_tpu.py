"""The integer file keeps to what the Edge TPU can do, and computes what the float one does."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tests.exports.conftest import SQUARE

# Those of the Edge TPU's operators that a detector needs. Source: Coral, "TensorFlow models on the Edge TPU",
# supported operations; QUANTIZE from uint8 to int8, RESHAPE, CONCATENATION and LOGISTIC are mapped in logs of
# its compiler, version 16, for EfficientDet-Lite with the same post-processing.
SUPPORTED = {"QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "RESHAPE", "CONCATENATION", "LOGISTIC"}
ON_THE_CPU = ["DEQUANTIZE", "DEQUANTIZE", "CONCATENATION", "CUSTOM", "SUB"]
INTEGER = {schema.TensorType.UINT8, schema.TensorType.INT8, schema.TensorType.INT32}
NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}


@pytest.fixture(scope="module")
def graph(integer_tflite):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(integer_tflite.read_bytes()))


@pytest.fixture(scope="module")
def operators(graph):
    """(name, operator) of each, in the order in which they run."""
    codes = [NAMES[code.builtinCode] for code in graph.operatorCodes]
    return [(codes[operator.opcodeIndex], operator) for operator in graph.subgraphs[0].operators]


def test_all_before_the_post_processing_is_integer(graph, operators):
    tensors = graph.subgraphs[0].tensors
    for name, operator in operators[: -len(ON_THE_CPU)]:
        assert name in SUPPORTED
        for index in (*operator.inputs, *operator.outputs):
            assert tensors[index].type in INTEGER, tensors[index].name
    assert [tensors[index].type for index in graph.subgraphs[0].inputs] == [schema.TensorType.UINT8]


def test_what_the_edge_tpu_cannot_do_comes_last(operators):
    assert [name for name, _ in operators[-len(ON_THE_CPU) :]] == ON_THE_CPU


def test_integers_are_joined_in_one_scale(graph, operators):
    """Else the joining would have to change them."""
    tensors = graph.subgraphs[0].tensors
    joins = [operator for name, operator in operators if name == "CONCATENATION"][:2]
    assert len(joins) == 2
    for join in joins:
        scales = {tensors[index].quantization.scale.tobytes() for index in (*join.inputs, *join.outputs)}
        zeros = {tensors[index].quantization.zeroPoint.tobytes() for index in (*join.inputs, *join.outputs)}
        assert len(scales) == len(zeros) == 1
        assert join.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.NONE


def test_operators_are_no_newer_than_the_compiler(graph):
    """It is of 2021; TensorFlow 2.5 knew these versions."""
    for code in graph.operatorCodes:
        assert code.version <= 3


def test_it_runs(integer_tflite):
    interpreter = Interpreter(str(integer_tflite), num_threads=1)
    interpreter.allocate_tensors()
    image = np.random.default_rng(1).integers(0, 256, (1, *SQUARE.input_hw, 3), np.uint8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    boxes, labels, scores, count = (
        interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()
    )
    number = int(count[0])
    assert 0 < number <= SQUARE.max_detections
    assert np.all(np.isfinite(boxes[0, :number]))
    assert set(labels[0, :number]) <= {0, 1, 2}
    assert np.all(np.diff(scores[0, :number]) <= 0)
