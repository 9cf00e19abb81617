"""Classifiers with random weights, what they compute, and PyTorch's files, written without PyTorch."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from unittest import mock

import numpy as np

from detector.backbones import BACKBONES
from detector.boxes import FloatArray
from detector.layers import IMAGE, Layers
from detector.numpy_network import convolve
from detector.pretrained.imagenet.network import ImagenetNetwork, backbone_layers
from detector.weights import fold_batch_norm


def random_network(backbone: str, width: float = 0.25, classes: int = 7) -> ImagenetNetwork:
    """A network whose weights are all different, with activations that neither die nor saturate."""
    random = np.random.default_rng(0)
    weights = {}
    layers = backbone_layers(BACKBONES[backbone], width)
    for layer in layers:
        for key, shape in layer.weight_shapes.items():
            if key.endswith("kernel"):
                values = random.normal(0, 1.5 / np.sqrt(np.prod(shape[:-1])), shape)
            else:
                values = random.uniform(0.5, 1.5, shape)
            weights[key] = values.astype(np.float32)
    kernel = random.normal(size=(layers[-1].out_channels, classes)).astype(np.float32)
    return ImagenetNetwork(backbone, width, weights, kernel, random.normal(size=classes).astype(np.float32))


def logits(network: ImagenetNetwork, image: FloatArray) -> FloatArray:
    """(classes,) of an image (H, W, 3) in [-1, 1]."""
    layers = backbone_layers(BACKBONES[network.backbone], network.width, image.shape[:2])
    folded = fold_batch_norm(network.weights, Layers(tuple(layers)))
    outputs = {IMAGE: image}
    for layer in layers:
        kernel, bias = folded[layer.name]
        x = convolve(outputs[layer.source], layer, kernel) + bias
        x = np.clip(x, 0, 6) if layer.relu6 else x
        outputs[layer.name] = x + outputs[layer.shortcut] if layer.shortcut else x
    assert network.kernel is not None
    pooled: FloatArray = x.mean(axis=(0, 1))
    return pooled @ network.kernel + network.bias


def slim_tensors(network: ImagenetNetwork) -> dict[str, FloatArray]:
    """The weights under the names of TF-Slim."""
    backbone = BACKBONES[network.backbone]
    tensors = {}
    for layer in backbone_layers(backbone, network.width):
        scope = backbone.slim_scope(layer.name)
        name = "weights" if layer.kind == "conv" else "depthwise_weights"
        tensors[f"{scope}/{name}"] = network.weights[f"{layer.name}/kernel"]
        for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
            tensors[f"{scope}/BatchNorm/{variable}"] = network.weights[f"{layer.batch_norm}/{variable}"]
    scope = f"{scope.split('/')[0]}/Logits/Conv2d_1c_1x1"
    assert network.kernel is not None
    assert network.bias is not None
    return {**tensors, f"{scope}/weights": network.kernel[None, None], f"{scope}/biases": network.bias}


def torch_tensors(network: ImagenetNetwork) -> dict[str, FloatArray]:
    """The weights as torchvision's mobilenet_v2 has them, but for epsilon and the normalisation of images."""
    tensors = {}
    layers = backbone_layers(BACKBONES[network.backbone], network.width)
    for layer in layers:
        place, number = "features.0", 0
        if layer.name == "Conv_1":
            place = "features.18"
        elif layer.name != "Conv1":
            block, _, part = layer.name.rpartition("_")
            first = block == "expanded_conv"
            place = f"features.{1 if first else int(block.split('_')[1]) + 1}.conv"
            number = (
                ("depthwise", "project").index(part)
                if first
                else ("expand", "depthwise", "project").index(part)
            )
            if part != "project":
                place, number = f"{place}.{number}", 0
        order = (3, 2, 0, 1) if layer.kind == "conv" else (2, 3, 0, 1)
        tensors[f"{place}.{number}.weight"] = network.weights[f"{layer.name}/kernel"].transpose(order)
        names = {
            "gamma": "weight",
            "beta": "bias",
            "moving_mean": "running_mean",
            "moving_variance": "running_var",
        }
        for variable, name in names.items():
            tensors[f"{place}.{number + 1}.{name}"] = network.weights[f"{layer.batch_norm}/{variable}"]
        tensors[f"{place}.{number + 1}.num_batches_tracked"] = np.array(5, np.int64)
    assert network.kernel is not None
    assert network.bias is not None
    return {**tensors, "classifier.1.weight": network.kernel.T, "classifier.1.bias": network.bias}


def write_keras(network: ImagenetNetwork) -> bytes:
    """The weights as ``save_weights`` of Keras 2 writes them, under other names of layers."""
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        names = []

        def add(arrays: Mapping[str, FloatArray]) -> None:
            names.append(f"layer_{len(names)}".encode())
            group = root.create_group(names[-1])
            group.attrs["weight_names"] = [f"{names[-1].decode()}/{name}:0".encode() for name in arrays]
            for name, values in arrays.items():
                group[f"{names[-1].decode()}/{name}:0"] = values

        for layer in backbone_layers(BACKBONES[network.backbone], network.width):
            kernel = "kernel" if layer.kind == "conv" else "depthwise_kernel"
            add({kernel: network.weights[f"{layer.name}/kernel"]})
            variables = ("gamma", "beta", "moving_mean", "moving_variance")
            add({name: network.weights[f"{layer.batch_norm}/{name}"] for name in variables})
            add({})  # ReLU6
        if network.kernel is not None and network.bias is not None:
            add({"kernel": network.kernel, "bias": network.bias})
        root.attrs["layer_names"] = names
    return file.getvalue()


class _Storage:
    def __init__(self, values: FloatArray) -> None:
        self.data = np.ascontiguousarray(values).tobytes()
        self.count, self.kind = (
            values.size,
            {"f4": "FloatStorage", "i8": "LongStorage", "f2": "HalfStorage"}[values.dtype.str[1:]],
        )


class _Tensor:
    def __init__(self, values: FloatArray, strides: tuple[int, ...] | None) -> None:
        self.storage = _Storage(values)
        item = values.dtype.itemsize
        own = tuple(stride // item for stride in np.ascontiguousarray(values).strides) if values.ndim else ()
        self.arguments = (0, values.shape, own if strides is None else strides, False, OrderedDict())

    def __reduce__(self) -> tuple[object, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (self.storage, *self.arguments)


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, storages: list[_Storage], legacy: bool) -> None:
        super().__init__(file, protocol=2)
        self._storages, self._legacy = storages, legacy

    def persistent_id(self, value: object) -> object:
        if not isinstance(value, _Storage):
            return None
        self._storages.append(value)
        kind = getattr(sys.modules["torch"], value.kind)
        key = str(len(self._storages) - 1)
        return ("storage", kind, key, "cpu", value.count, *([None] if self._legacy else []))


def write_torch(
    tensors: Mapping[str, object], *, legacy: bool = False, strides: tuple[int, ...] | None = None
) -> bytes:
    """A state dict as ``torch.save`` writes it, as a zip archive or in the way of before 1.6."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2() -> None:
        """Named in the file, never called."""

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    state = OrderedDict(
        (name, _Tensor(each, strides) if isinstance(each, np.ndarray) else each)
        for name, each in tensors.items()
    )
    state._metadata = OrderedDict(version=1)
    storages: list[_Storage] = []
    program = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        _Pickler(program, storages, legacy).dump(state)
    if legacy:
        heads = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
        parts = [pickle.dumps(each, protocol=2) for each in heads]
        parts += [program.getvalue(), pickle.dumps([str(n) for n in range(len(storages))], protocol=2)]
        return b"".join(parts) + b"".join(s.count.to_bytes(8, "little") + s.data for s in storages)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", program.getvalue())
        archive.writestr("archive/byteorder", "little")
        for number, storage in enumerate(storages):
            archive.writestr(f"archive/data/{number}", storage.data)
    return file.getvalue()
