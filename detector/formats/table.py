"""The formats that a network can be exported to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector.errors import BackendError, ModelError
from detector.formats.tflite.quantization import Quantization
from detector.formats.tflite.writer import build_tflite
from detector.spec import ModelSpec
from detector.system.telemetry import quieten_tensorflow
from detector.weights import Weights

PRECISIONS = ("none", "fp16", "int8")


@dataclass(frozen=True)
class Network:
    """What is to be exported, and how.

    Attributes:
        weights, spec: the network.
        precision: one of ``PRECISIONS``.
        quantization: how it is quantized; for int8 alone.
        postprocess: bytes in and detections out, instead of raw inputs and outputs.
    """

    weights: Weights
    spec: ModelSpec
    precision: str = "none"
    quantization: Quantization | None = None
    postprocess: bool = False

    @property
    def half(self) -> bool:
        """Whether kernels are stored as float16."""
        return self.precision == "fp16"

    def to_tflite(self, *, postprocess: bool) -> bytes:
        """The network as a TFLite file."""
        return build_tflite(
            self.weights,
            self.spec,
            half=self.half,
            quantization=self.quantization,
            postprocess=postprocess,
        )


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        suffix: how its files end; nothing for a folder.
        backend: what runs it.
        precisions: those that it can have.
        write: writes a network to a path.
    """

    suffix: str
    backend: str
    precisions: tuple[str, ...]
    write: Callable[[Path, Network], None]


def _write_tflite(path: Path, network: Network) -> None:
    path.write_bytes(network.to_tflite(postprocess=network.postprocess))


def _write_onnx(path: Path, network: Network) -> None:
    try:
        from detector.formats.onnx import build_onnx
    except ImportError as error:
        raise BackendError(f"ONNX is not installed here ({error}): pip install '.[onnx]'.") from error
    model = build_onnx(network.weights, network.spec, half=network.half, postprocess=network.postprocess)
    path.write_bytes(model)


def _write_openvino(path: Path, network: Network) -> None:
    try:
        from detector.formats.openvino import save_openvino
    except ImportError as error:
        raise BackendError(f"OpenVINO is not installed here ({error}): pip install '.[openvino]'.") from error
    model = network.to_tflite(postprocess=False)
    save_openvino(path, model, network.spec, half=network.half, postprocess=network.postprocess)


def _write_saved_model(path: Path, network: Network) -> None:
    quieten_tensorflow()
    try:
        from detector.formats.saved_model import save_saved_model
    except ImportError as error:
        raise BackendError(f"TensorFlow is not installed here ({error}): pip install '.[train]'.") from error
    save_saved_model(path, network.weights, network.spec, postprocess=network.postprocess)


FORMATS = {
    "tflite": Format(".tflite", "litert", PRECISIONS, _write_tflite),
    "onnx": Format(".onnx", "onnxruntime", ("none", "fp16"), _write_onnx),
    "openvino": Format(".xml", "openvino", PRECISIONS, _write_openvino),
    "saved_model": Format("", "tensorflow", ("none",), _write_saved_model),
}


def find_format(name: str, precision: str) -> Format:
    """The format of that name.

    Raises:
        ModelError: it does not have that precision.
    """
    found = FORMATS[name]
    if precision not in found.precisions:
        able = ", ".join(other for other, format_ in FORMATS.items() if precision in format_.precisions)
        raise ModelError(
            f"{name} has no {precision} here; expected --quantize {' or '.join(found.precisions)}, or one of "
            f"--format {able}."
        )
    return found
