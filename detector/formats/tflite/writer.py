"""Writes the network as a TFLite file, straight from the weights and without TensorFlow.

Each layer becomes one convolution with its batch normalisation folded in and its ReLU6 fused; the heads'
outputs are reshaped and joined over the feature maps. That is five operators, and a few more where numbers
change their type. Looks at further sizes use the same kernels. Two shapes of file:

- Raw outputs. Input ``image``: float32 (1, H, W, 3), RGB, normalised as the spec says. Outputs
  ``box_encodings`` float32 (1, A, 4) and ``class_logits`` float32 (1, A, K + 1).
- With post-processing. Input ``image``: uint8 (1, H, W, 3), RGB. Outputs: see ``tflite.postprocess``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ai_edge_litert import schema_py_generated as schema

from detector.architecture import Architecture, build_architecture
from detector.backbones import BACKBONES
from detector.boxes import FloatArray
from detector.formats.looks import Look
from detector.formats.tflite.graph import OPERATORS, Graph
from detector.formats.tflite.layers import Constants, LayerWriter
from detector.formats.tflite.metadata import pack_spec
from detector.formats.tflite.postprocess import add_postprocess
from detector.formats.tflite.quantization import Quantization
from detector.formats.tflite.task_metadata import NAME, build_task_metadata
from detector.input_sizes import describe_size
from detector.layers import IMAGE
from detector.spec import ModelSpec
from detector.weights import Weights, fold_batch_norm

_SILENT_LOGIT = -20.0
_Outputs = dict[str, int]


def build_tflite(
    weights: Weights,
    spec: ModelSpec,
    *,
    half: bool = False,
    quantization: Quantization | None = None,
    postprocess: bool = False,
    smaller: Sequence[Look] = (),
) -> bytes:
    """The network as the bytes of a TFLite file, the spec and the labels within.

    ``tflite.metadata`` says how the spec is packed.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        half: store the kernels as float16; the network still computes in float32.
        quantization: compute in int8, with these ranges; float32 if none is given.
        postprocess: take bytes and give detections, instead of raw inputs and outputs.
        smaller: looks at smaller sizes, the smallest first; see ``formats.looks``.
    """
    graph = Graph()
    constants = Constants(graph, half=half)
    largest = LayerWriter(graph, constants, quantization)
    image = largest.add_image(spec, as_bytes=postprocess)
    label = f"{describe_size(spec.input_hw)}/" if smaller else ""
    pooled = [_add_network(largest, weights, spec, label, silent=postprocess)]
    for look in reversed(smaller):
        label = f"{describe_size(look.spec.input_hw)}/"
        layers = LayerWriter(graph, constants, look.quantization, label)
        layers.take_image(largest, look.spec)
        pooled.insert(0, _add_network(layers, look.weights, look.spec, label, silent=postprocess))
    integer = quantization is not None and quantization.integer_heads
    outputs = _pool(graph, pooled) if smaller else pooled[0]
    metadata = {}
    if postprocess:
        metadata[NAME] = build_task_metadata(spec, quantized=quantization is not None)
        specs = [*(look.spec for look in smaller), spec]
        outputs = add_postprocess(graph, specs, **outputs, integer=integer)
    # pycoral reads outputs by their order where there is no signature, and else by names of its own.
    # Source: pycoral 2.0, ``pycoral/adapters/detect.py``, get_objects.
    content = graph.finish(
        {IMAGE: image},
        outputs,
        metadata,
        description=f"SSDLite {BACKBONES[spec.backbone].title}",
        signature=not (postprocess and integer),
    )
    return content + pack_spec(spec)


def _add_network(
    layers: LayerWriter, weights: Weights, spec: ModelSpec, label: str, *, silent: bool
) -> _Outputs:
    """Add the network to a graph that has its image; its outputs, which are named so, come back.

    Args:
        silent: the background, which would be taken for a class, has a score of nothing everywhere.
    """
    architecture = build_architecture(spec)
    folded = fold_batch_norm(weights, architecture)
    columns = len(spec.classes) + 1
    if silent:
        _silence_background(folded, architecture, columns)
    for layer in architecture.layers:
        layers.add(layer, folded)
    heads = (
        ("box_encodings", architecture.box_heads, 4),
        ("class_logits", architecture.class_heads, columns),
    )
    return {name: layers.join(f"{label}{name}", architecture, which, width) for name, which, width in heads}


def _pool(graph: Graph, looks: Sequence[_Outputs]) -> _Outputs:
    """Add the rows of all looks as one tensor for each of the outputs; all are float32."""
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    outputs = {}
    for name in looks[0]:
        parts = [look[name] for look in looks]
        shapes = [graph.shape(part) for part in parts]
        pooled = graph.tensor(name, (1, sum(shape[1] for shape in shapes), shapes[0][2]))
        outputs[name] = graph.operator(OPERATORS.CONCATENATION, options, parts, pooled)
    return outputs


def _silence_background(
    folded: dict[str, tuple[FloatArray, FloatArray]], architecture: Architecture, columns: int
) -> None:
    """Give the background a score of nothing everywhere."""
    for head in architecture.class_heads:
        kernel, bias = (values.copy() for values in folded[head])
        kernel[..., ::columns] = 0
        bias[::columns] = _SILENT_LOGIT
        folded[head] = kernel, bias
