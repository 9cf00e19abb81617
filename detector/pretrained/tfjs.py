"""The weights of a TF.js graph model (``model.json`` and its shards)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.pretrained.frozen_graph import Node


def read_tfjs(model: bytes, files: Mapping[str, bytes]) -> dict[str, FloatArray]:
    """Every weight by name.

    Args:
        model: content of ``model.json``.
        files: content of each shard by its file name.

    Raises:
        ValueError: not such a model, quantised, or shards that are too short.
        KeyError: a shard that ``files`` lacks.

    Source: TensorFlow.js documentation, "weightsManifest": the entries lie in the shards in order,
    little-endian and without padding.
    """
    tensors = {}
    for group in json.loads(model)["weightsManifest"]:
        if len(set(group["paths"])) != len(group["paths"]):
            raise ValueError("a shard of the TF.js weights is named twice")
        data = b"".join(files[path] for path in group["paths"])
        position = 0
        for entry in group["weights"]:
            if "quantization" in entry:
                raise ValueError("quantised TF.js weights are not supported")
            dtype = {"float32": np.dtype("<f4"), "int32": np.dtype("<i4")}[entry["dtype"]]
            if not all(type(size) is int and size >= 0 for size in entry["shape"]):
                raise ValueError("a TF.js weight has a shape that is none")
            count = math.prod(entry["shape"])
            values = np.frombuffer(data, dtype, count, position).reshape(entry["shape"])
            position += values.nbytes
            tensors[entry["name"]] = values
    return tensors


def read_tfjs_nodes(model: bytes, weights: Mapping[str, NDArray[np.generic]]) -> dict[str, Node]:
    """The nodes of the graph in ``model.json``, with its weights as constants.

    Raises:
        ValueError, KeyError: no graph model.
    """
    nodes = {}
    for node in json.loads(model)["modelTopology"]["node"]:
        epsilon = node.get("attr", {}).get("epsilon", {}).get("f")
        inputs = tuple(name.removeprefix("^").split(":")[0] for name in node.get("input", []))
        nodes[node["name"]] = Node(node["op"], inputs, weights.get(node["name"]), epsilon)
    return nodes
