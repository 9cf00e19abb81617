"""A TensorFlow graph (``frozen_inference_graph.pb``, ``saved_model.pb``), read without TensorFlow.

Source: tensorflow/core/framework/{graph,node_def,attr_value}.proto, tensorflow/core/protobuf/{saved_model,
meta_graph}.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.system.protobuf import parse_message, parse_tensor


@dataclass(frozen=True)
class Node:
    """An operation of a graph.

    Attributes:
        op: its kind, such as ``Const`` or ``Conv2D``.
        inputs: names of the nodes that it reads.
        value: of a constant with numbers.
        epsilon: of a batch normalisation.
    """

    op: str
    inputs: tuple[str, ...] = ()
    value: NDArray[np.generic] | None = None
    epsilon: float | None = None


def read_nodes(data: bytes | memoryview) -> dict[str, Node]:
    """The nodes of a GraphDef by name.

    Raises:
        ValueError: not a GraphDef, or cut short.
    """
    nodes = {}
    for node_bytes in parse_message(data)[1]:
        node = parse_message(node_bytes)
        value, epsilon = None, None
        for entry in node[5]:
            attribute = parse_message(entry)
            key = bytes(attribute[1][0])
            if key == b"value" and bytes(node[2][0]) == b"Const":
                value = parse_tensor(parse_message(attribute[2][0])[8][0])
            elif key == b"epsilon":
                (epsilon,) = struct.unpack("<f", struct.pack("<I", parse_message(attribute[2][0])[4][0]))
        inputs = tuple(bytes(name).decode().removeprefix("^").split(":")[0] for name in node[3])
        nodes[bytes(node[1][0]).decode()] = Node(bytes(node[2][0]).decode(), inputs, value, epsilon)
    return nodes


def read_saved_model_nodes(data: bytes) -> dict[str, Node]:
    """The nodes of a SavedModel's first graph by name; those inside functions are not among them.

    Raises:
        ValueError: not a SavedModel, or cut short.
    """
    graphs = parse_message(data)[2]
    if not graphs:
        raise ValueError("there is no graph in it")
    return read_nodes(parse_message(graphs[0])[2][0])


def float_constants(nodes: Mapping[str, Node]) -> dict[str, FloatArray]:
    """Every constant of type float by its node's name."""
    return {
        name: np.asarray(node.value, np.float32)
        for name, node in nodes.items()
        if node.value is not None and node.value.dtype.kind == "f"
    }


def read_frozen_graph(data: bytes) -> dict[str, FloatArray]:
    """Every float constant of the graph by its node's name.

    Raises:
        ValueError: not a GraphDef, or cut short.
    """
    return float_constants(read_nodes(data))
