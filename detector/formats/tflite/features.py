"""Writes the first layers of a network as a TFLite file: from the image to what the later layers read."""

from __future__ import annotations

from detector.architecture import crossing_layers, layers_of
from detector.classifier_spec import ClassifierSpec
from detector.formats.tflite.graph import Graph
from detector.formats.tflite.layers import Constants, LayerWriter
from detector.layers import IMAGE
from detector.spec import ModelSpec
from detector.weights import Weights, fold_batch_norm


def build_features(weights: Weights, spec: ModelSpec | ClassifierSpec, first: str) -> bytes:
    """The layers before ``first`` as the bytes of a TFLite file.

    Input ``image``: uint8 (1, H, W, 3), RGB. Outputs: float32 (1, h, w, C) for each of
    ``architecture.crossing_layers``, by its name.

    Args:
        weights: of the spec's network; those of later layers are not read.
        spec: what network it is.
        first: name of the first layer that is left out.
    """
    graph = Graph()
    layers = LayerWriter(graph, Constants(graph, half=False), None)
    image = layers.add_image(spec, as_bytes=True)
    layout = layers_of(spec)
    folded = fold_batch_norm(weights, layout)
    for layer in layout.layers:
        if layer.name == first:
            break
        layers.add(layer, folded)
    outputs = {name: layers.output(name) for name in crossing_layers(layout, first)}
    return graph.finish({IMAGE: image}, outputs)
