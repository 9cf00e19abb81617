"""The constants of a frozen TensorFlow graph (``frozen_inference_graph.pb``)."""

from __future__ import annotations

import numpy as np

from detector.boxes import FloatArray
from detector.system.protobuf import parse_message, parse_tensor


def read_frozen_graph(data: bytes) -> dict[str, FloatArray]:
    """Every float constant of the graph by its node's name.

    Raises:
        ValueError: not a GraphDef, or cut short.

    Source: tensorflow/core/framework/{graph,node_def,attr_value}.proto.
    """
    tensors = {}
    for node_bytes in parse_message(data)[1]:
        node = parse_message(node_bytes)
        if bytes(node[2][0]) != b"Const":
            continue
        for entry in node[5]:
            attribute = parse_message(entry)
            if bytes(attribute[1][0]) != b"value":
                continue
            tensor = parse_tensor(parse_message(attribute[2][0])[8][0])
            if tensor is not None and tensor.dtype.kind == "f":
                tensors[bytes(node[1][0]).decode()] = np.asarray(tensor, np.float32)
    return tensors
