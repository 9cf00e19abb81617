"""The weights of keras.applications, ``.h5``, read without TensorFlow."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.imagenet.network import (
    VARIABLES,
    Convolution,
    ImagenetNetwork,
    backbone_of_length,
    build_network,
)
from detector.system.invocation import install
from detector.system.reading import parsing, read_whole

_MOST_BYTES = 1 << 28
_MOST_VALUES = 1 << 24  # of one array
_KERNELS = ("kernel", "depthwise_kernel")


def read_keras_file(path: Path) -> ImagenetNetwork:
    """The network in a file of Keras 2's format, as keras.applications publishes them, with its classifier or
    without.

    Layers are taken in the order in which the file lists them, as Keras does: their names have changed over
    the years.

    Raises:
        WeightsError: no such file, damaged, or of another network.
    """
    check_reader(str(path))
    import h5py

    data = read_whole(path, _MOST_BYTES, WeightsError)
    with parsing(f"{path} is damaged or is no weights file of Keras 2", WeightsError):
        # From memory, so that nothing in it can lead to another file.
        with h5py.File(BytesIO(data), "r") as file:
            root = file.get("model_weights", file)
            if "layer_names" not in root.attrs:
                raise ValueError("it does not list its layers")
            layers = [_read_layer(root, _text(name)) for name in root.attrs["layer_names"]]
        return _assemble([layer for layer in layers if layer], str(path))


def check_reader(what: str) -> None:
    """Raise WeightsError unless the package that reads such files is installed."""
    if find_spec("h5py") is None:
        raise WeightsError(f"{what} is read by the package h5py, which is not installed: {install('h5py')}.")


def _read_layer(root: Any, name: str) -> dict[str, FloatArray]:
    """The arrays of a layer by the names of its variables."""
    arrays = {}
    group = _member(root, name)
    for weight in group.attrs["weight_names"]:
        dataset = _member(group, _text(weight))
        if dataset.size > _MOST_VALUES or dataset.dtype.kind != "f" or dataset.external or dataset.is_virtual:
            raise ValueError(f"{_text(weight):.90} is no array of weights")
        arrays[_text(weight).rsplit("/", 1)[-1].split(":")[0]] = np.asarray(dataset[()], np.float32)
    return arrays


def _member(group: Any, path: str) -> Any:
    """What lies under a name in a group; links to elsewhere are not followed."""
    import h5py

    for part in path.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"it has no {path:.90}")
        group = group[part]
    return group


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _assemble(layers: list[dict[str, FloatArray]], origin: str) -> ImagenetNetwork:
    """The network of layers with weights: each convolution before its batch normalisation."""
    classifier = None
    if layers and layers[-1].keys() == {"kernel", "bias"}:
        last = layers.pop()
        classifier = last["kernel"].reshape(last["kernel"].shape[-2:]), last["bias"]
    convolutions = []
    for convolution, norm in zip(layers[::2], layers[1::2], strict=len(layers) % 2 == 0):
        name = next((each for each in _KERNELS if each in convolution), None)
        if name is None or len(convolution) != 1 or norm.keys() != set(VARIABLES):
            found = ", ".join(sorted({*convolution, *norm}))
            raise WeightsError(
                f"{origin} is of another network: expected convolutions without bias, each with its batch "
                f"normalisation, as MobileNets have them, and a layer has {found:.90}."
            )
        gamma, beta, mean, variance = (norm[variable] for variable in VARIABLES)
        convolutions.append(Convolution(convolution[name], (gamma, beta, mean, variance)))
    backbone = backbone_of_length(len(convolutions), origin, "a weights file of Keras")
    return build_network(backbone, convolutions, classifier, origin)
