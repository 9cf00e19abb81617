"""The released graph as it was published, run in TensorFlow: the yardstick of ``ssdlite bench``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from detector.errors import WeightsError
from detector.postprocess import Postprocessor
from detector.pretrained.archives import FROZEN_GRAPH, TFJS_MODEL, read_archive
from detector.pretrained.tfjs import read_tfjs
from detector.spec import ModelSpec

v1 = tf.compat.v1


def load_official_graph(
    source: Path, spec: ModelSpec, postprocess: Postprocessor, threads: int
) -> Callable[[NDArray[np.uint8]], object]:
    """A function from an image (H, W, 3) uint8 RGB to the released graph's boxes, scores and classes.

    The graph resizes, normalises, runs the network and decodes the boxes. The TF.js release ends there;
    TensorFlow's own suppression, with the thresholds of ``postprocess``, completes it.

    Args:
        source: the published archive, with a frozen graph or a TF.js model.
        spec: the released model's spec.
        postprocess: gives the thresholds.
        threads: processors to use.

    Raises:
        WeightsError: the archive has no graph.
    """
    files = read_archive(source)
    graph = tf.Graph()
    with graph.as_default():
        if FROZEN_GRAPH in files:
            tf.graph_util.import_graph_def(v1.GraphDef.FromString(files[FROZEN_GRAPH]), name="")
            fetches: object = [f"detection_{name}:0" for name in ("boxes", "scores", "classes")]
        elif TFJS_MODEL in files:
            tf.graph_util.import_graph_def(_tfjs_graph(files), name="")
            scores = graph.get_tensor_by_name("Postprocessor/convert_scores:0")[:, :, 1:]
            boxes = graph.get_tensor_by_name("Postprocessor/ExpandDims_1:0")
            fetches = tf.image.combined_non_max_suppression(
                tf.reshape(boxes, (1, -1, 1, 4)),
                scores,
                postprocess.max_detections,
                postprocess.max_detections,
                postprocess.iou_threshold,
                postprocess.score_threshold,
            )
        else:
            raise WeightsError(f"{source} holds no graph.")
    config = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    session = v1.Session(graph=graph, config=config)
    run = session.make_callable(fetches, feed_list=["image_tensor:0"])
    return lambda image_rgb: run(image_rgb[None])


def _tfjs_graph(files: dict[str, bytes]) -> tf.compat.v1.GraphDef:
    """The TF.js model's topology as a GraphDef, its constants filled in from the shards."""
    constants = read_tfjs(files[TFJS_MODEL], files)
    graph = v1.GraphDef()
    for node in json.loads(files[TFJS_MODEL])["modelTopology"]["node"]:
        added = graph.node.add(name=node["name"], op=node["op"], input=node.get("input", []))
        for key, value in node.get("attr", {}).items():
            _set_attribute(added.attr[key], value)
        if node["op"] == "Const":
            added.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(constants[node["name"]]))
    return graph


def _set_attribute(attribute: Any, value: dict[str, Any]) -> None:
    """Fill an AttrValue from TF.js's JSON, in which bytes are lists of numbers and integers are text."""
    (kind, content), *_ = value.items()
    match kind:
        case "s":
            attribute.s = bytes(content)
        case "i":
            attribute.i = int(content)
        case "b" | "type" | "f":
            setattr(attribute, kind, content)
        case "shape":
            attribute.shape.unknown_rank = content.get("unknownRank", False)
            for dim in content.get("dim", []):
                attribute.shape.dim.add(size=int(dim["size"]))
        case "list":
            attribute.list.i.extend(int(i) for i in content.get("i", []))
