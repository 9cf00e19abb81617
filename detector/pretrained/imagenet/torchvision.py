"""MobileNetV2 as torchvision publishes it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from detector.backbones import BACKBONES
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.imagenet.network import (
    Convolution,
    ImagenetNetwork,
    backbone_of_length,
    build_network,
)
from detector.pretrained.imagenet.torch_file import read_torch_tensors
from detector.system.reading import parsing, sha256
from detector.weights import fit_epsilon

_EPSILON = 1e-5
# Of images in [0, 1]; torchvision's models of ImageNet take (image - mean) / deviation.
_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_NORM = ("weight", "bias", "running_mean", "running_var")
_DIGEST = re.compile(r"-([0-9a-f]{8})\.pth")  # torchvision's names end in the start of the SHA-256
NOTE = (
    "Its convolutions of stride 2 were trained with padding on all sides. Here it is TensorFlow's, at even "
    "sizes at the end alone, so that each looks one cell further down and to the right; docs/training.md has "
    "what that costs. At inputs of a multiple of 32 and 1, such as 225 or 321, the two are the same."
)


def read_torchvision(path: Path) -> ImagenetNetwork:
    """The network in a ``.pth`` file of torchvision's mobilenet_v2.

    Its epsilon of batch normalisation and its normalisation of images are worked into the weights, which
    compute what they did, but for padding: see ``NOTE``, and the border of the image, which is padded with
    grey in place of ImageNet's mean colour.

    Raises:
        WeightsError: no such file, damaged, or of another network.
    """
    published = _DIGEST.search(path.name)
    if published and not sha256(path, WeightsError).startswith(published[1]):
        raise WeightsError(
            f"{path} is not the published file: its SHA-256 does not start with {published[1]}, as its name "
            "says; get it again."
        )
    tensors = read_torch_tensors(path)
    with parsing(f"{path} is damaged or is no mobilenet_v2 of torchvision", WeightsError):
        return _assemble(tensors, str(path))


def _assemble(tensors: dict[str, FloatArray], origin: str) -> ImagenetNetwork:
    strange = next((name for name in tensors if not name.startswith(("features.", "classifier."))), None)
    if strange is not None:
        raise WeightsError(
            f"{origin} has a tensor {strange!r:.60}, which torchvision's mobilenet_v2 has not; expected its "
            "state dict."
        )
    kernels = [name for name, values in tensors.items() if values.ndim == 4]
    norms = [name.removesuffix(".running_var") for name in tensors if name.endswith(".running_var")]
    if len(kernels) != len(norms):
        raise WeightsError(f"{origin} has convolutions without batch normalisation; expected mobilenet_v2.")
    backbone = backbone_of_length(len(kernels), origin, "a state dict of PyTorch")
    if backbone is not BACKBONES["mobilenet_v2"]:
        raise WeightsError(
            f"{origin} has the layers of {backbone.title}; expected mobilenet_v2, which torchvision has."
        )
    convolutions = []
    for kernel_name, norm_name in zip(kernels, norms, strict=True):
        kernel = tensors[kernel_name]
        # (out, in, height, width), a depthwise one with in = 1
        order = (2, 3, 0, 1) if kernel.shape[1] == 1 else (2, 3, 1, 0)
        gamma, beta, mean, variance = (tensors[f"{norm_name}.{variable}"] for variable in _NORM)
        gamma = fit_epsilon(gamma, variance, _EPSILON)
        convolutions.append(Convolution(kernel.transpose(order), (gamma, beta, mean, variance)))
    convolutions[0] = _take_other_images(convolutions[0])
    classifier = None
    if "classifier.1.weight" in tensors:
        classifier = tensors["classifier.1.weight"].T.copy(), tensors["classifier.1.bias"]
    return build_network(backbone, convolutions, classifier, origin, [NOTE])


def _take_other_images(first: Convolution) -> Convolution:
    """The first layer for images in [-1, 1], made from the one for torchvision's.

    With u in [-1, 1] an image is (u + 1) / 2, so what the kernel took is u / (2 deviation) and a constant,
    (0.5 - mean) / deviation; what the kernel makes of the constant comes off the mean that is
    subtracted next.
    """
    kernel = first.kernel.astype(np.float64)
    constant = (kernel * ((0.5 - _MEAN) / _DEVIATION)[:, None]).sum(axis=(0, 1, 2))
    gamma, beta, mean, variance = first.norm
    return Convolution(
        (kernel / (2 * _DEVIATION)[:, None]).astype(np.float32),
        (gamma, beta, (mean - constant).astype(np.float32), variance),
    )
