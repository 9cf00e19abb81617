"""The classifiers of TF-Slim: a frozen graph, a checkpoint, or the archive that both are published in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from detector.backbones import BACKBONES
from detector.backbones.backbone import Backbone
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.archives import read_archive
from detector.pretrained.foreign_layers import name_architecture, read_slim_layer
from detector.pretrained.frozen_graph import Node, float_constants, read_nodes
from detector.pretrained.imagenet.network import (
    Convolution,
    ImagenetNetwork,
    backbone_layers,
    build_network,
)
from detector.pretrained.tf1_checkpoint import read_tf1_checkpoint
from detector.system.reading import parsing, read_whole

_MOST_BYTES = 1 << 29
_AVERAGE = "/ExponentialMovingAverage"  # of training, which is what was evaluated and published
_CLASSIFIER = "Logits/Conv2d_1c_1x1"
_INDEX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
ARCHIVES = (".tgz", ".gz", ".tar")


def read_slim_file(path: Path) -> ImagenetNetwork:
    """The network in a frozen graph (``.pb``), in a checkpoint by any of its files or its name without
    ending, or in an archive with either; of both the checkpoint.

    Raises:
        WeightsError: no such file, damaged, or of another network.
    """
    files = _gather(path)
    with parsing(f"{path} is damaged or is no model of TensorFlow 1", WeightsError):
        index = next((name for name in files if name.endswith(".index")), None)
        graph = next((name for name in files if name.endswith(".pb")), None)
        if index is not None:
            data = f"{index.removesuffix('.index')}.data-00000-of-00001"
            if data not in files:
                raise WeightsError(f"{path} has {index} without {data} beside it; put the two together.")
            return _assemble(read_tf1_checkpoint(files[index], files[data]), {}, str(path))
        if graph is not None:
            nodes = read_nodes(files[graph])
            return _assemble(float_constants(nodes), nodes, str(path))
    raise WeightsError(f"{path} holds no network: expected a checkpoint (.index and .data) or a graph (.pb).")


def _gather(path: Path) -> dict[str, bytes]:
    if path.suffix in ARCHIVES:
        return read_archive(path, lambda name: name.endswith((".index", ".pb")) or ".data-" in name)
    if path.suffix == ".pb":
        return {path.name: read_whole(path, _MOST_BYTES, WeightsError)}
    name = _INDEX.sub("", path.name)
    found = [path.with_name(f"{name}{end}") for end in (".index", ".data-00000-of-00001")]
    return {each.name: read_whole(each, _MOST_BYTES, WeightsError) for each in found}


def _assemble(tensors: dict[str, FloatArray], nodes: Mapping[str, Node], origin: str) -> ImagenetNetwork:
    averages = {
        name.removesuffix(_AVERAGE): each for name, each in tensors.items() if name.endswith(_AVERAGE)
    }
    tensors = {**tensors, **averages}
    backbone = next(
        (each for each in BACKBONES.values() if any(name.startswith(_scope(each)) for name in tensors)), None
    )
    if backbone is None:
        raise WeightsError(
            f"{origin} is of another architecture: {name_architecture([*tensors, *nodes])}; expected "
            f"{' or '.join(each.title for each in BACKBONES.values())} as a classifier of ImageNet. A "
            "detector is imported by `ssdlite weights import`."
        )
    epsilons = _epsilons(nodes)
    convolutions = []
    for layer in backbone_layers(backbone, 1.0):
        scope = backbone.slim_scope(layer.name)
        try:
            found = read_slim_layer(tensors, scope, layer.kind, True, epsilons)
        except KeyError as error:
            raise WeightsError(
                f"{origin} lacks the tensor {error}; expected {backbone.title} of TF-Slim."
            ) from error
        if found.folded:
            raise WeightsError(
                f"{origin} has its batch normalisation folded into the kernels, so that nothing can be "
                "trained from it; take the checkpoint or the frozen graph that it was made from."
            )
        gamma, beta, mean, variance = found.norm
        convolutions.append(Convolution(found.kernel, (gamma, beta, mean, variance)))
    kernel = tensors.get(f"{_scope(backbone)}{_CLASSIFIER}/weights")
    bias = tensors.get(f"{_scope(backbone)}{_CLASSIFIER}/biases")
    classifier = None if kernel is None or bias is None else (kernel.reshape(kernel.shape[-2:]), bias)
    return build_network(backbone, convolutions, classifier, origin)


def _scope(backbone: Backbone) -> str:
    """Start of the names of all variables."""
    return f"{backbone.slim_scope(backbone.feature_maps[0]).split('/')[0]}/"


def _epsilons(nodes: Mapping[str, Node]) -> dict[str, float]:
    """Epsilons by the scopes of their variables; an operation has the network's name before it once more."""
    found = {}
    for name, node in nodes.items():
        before, _, after = name.partition("/BatchNorm/")
        network, _, rest = before.partition("/")
        scope = rest if rest.startswith(f"{network}/") else before
        if node.epsilon is not None:
            found[scope] = node.epsilon
        elif after == "batchnorm/add/y" and node.value is not None and node.value.shape == ():
            found[scope] = float(node.value)
    return found
