"""The formats of model files, a row each: a new one is a row here and a module that writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from detector.classifier_spec import ClassifierSpec
from detector.errors import BackendError, ModelError
from detector.formats.looks import Look
from detector.formats.spec_reader import (
    is_saved_model,
    read_onnx_text,
    read_openvino_text,
    read_saved_model_text,
)
from detector.formats.tflite.metadata import read_spec_text as read_tflite_text
from detector.spec import ModelSpec
from detector.system.invocation import with_extra
from detector.system.telemetry import quieten_tensorflow
from detector.weights import Weights, read_weights_text, save_weights

if TYPE_CHECKING:
    from detector.formats.tflite.quantization import Quantization

PRECISIONS = ("none", "fp16", "int8")


@dataclass(frozen=True)
class Network:
    """What is to be exported, and how.

    Attributes:
        weights, spec: the network.
        precision: one of ``PRECISIONS``.
        quantization: how it is quantized; for int8 alone.
        postprocess: bytes in and detections out, instead of raw inputs and outputs.
        smaller: looks at smaller sizes, the smallest first; with post-processing alone.
    """

    weights: Weights
    spec: ModelSpec
    precision: str = "none"
    quantization: Quantization | None = None
    postprocess: bool = False
    smaller: tuple[Look, ...] = ()

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Of each look, the smallest first."""
        return (*(look.spec for look in self.smaller), self.spec)

    @property
    def half(self) -> bool:
        """Whether kernels are stored as float16."""
        return self.precision == "fp16"

    def to_tflite(self, *, postprocess: bool) -> bytes:
        """The network as a TFLite file."""
        # Imported here: TFLite's schema is large, and start-up time counts.
        from detector.formats.tflite.writer import build_tflite

        return build_tflite(
            self.weights,
            self.spec,
            half=self.half,
            quantization=self.quantization,
            postprocess=postprocess,
            smaller=self.smaller,
        )


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        title: what a file of it is called.
        suffix: how its files end; nothing for a folder.
        backends: what runs it, its own first.
        precisions: those that it can be exported in.
        read_text: reads the JSON of the spec inside, without what runs it; raises ModelError where there is
            none.
        write: writes a network to a path; raises BackendError where what writes it is not installed.
        beside: suffix of the file that belongs to it and lies beside it, if there is one.
        maker: whose files they are, where the suffix alone says too little.
    """

    title: str
    suffix: str
    backends: tuple[str, ...]
    precisions: tuple[str, ...]
    read_text: Callable[[Path], str]
    write: Callable[[Path, Network], None]
    beside: str = ""
    maker: str = ""

    @property
    def backend(self) -> str:
        """What it was made for."""
        return self.backends[0]


def _write_tflite(path: Path, network: Network) -> None:
    path.write_bytes(network.to_tflite(postprocess=network.postprocess))


def _write_onnx(path: Path, network: Network) -> None:
    try:
        from detector.formats.onnx import build_onnx
    except ImportError as error:
        raise BackendError(f"ONNX is not installed here ({error}): {with_extra('onnx')}.") from error
    model = build_onnx(
        network.weights,
        network.spec,
        half=network.half,
        postprocess=network.postprocess,
        smaller=network.smaller,
    )
    path.write_bytes(model)


def _write_openvino(path: Path, network: Network) -> None:
    try:
        from detector.formats.openvino import save_openvino
    except ImportError as error:
        raise BackendError(f"OpenVINO is not installed here ({error}): {with_extra('openvino')}.") from error
    model = network.to_tflite(postprocess=False)
    save_openvino(
        path,
        model,
        network.spec,
        half=network.half,
        postprocess=network.postprocess,
        smaller=network.specs[:-1],
    )


def _write_saved_model(path: Path, network: Network) -> None:
    quieten_tensorflow()
    try:
        from detector.formats.saved_model import save_saved_model
    except ImportError as error:
        raise BackendError(f"TensorFlow is not installed here ({error}): {with_extra('train')}.") from error
    save_saved_model(
        path, network.weights, network.spec, postprocess=network.postprocess, smaller=network.smaller
    )


# What is exported, by the name that the user types.
FORMATS = {
    "tflite": Format(
        "a TFLite file", ".tflite", ("litert", "openvino"), PRECISIONS, read_tflite_text, _write_tflite
    ),
    "onnx": Format(
        "an ONNX file", ".onnx", ("onnxruntime", "openvino"), ("none", "fp16"), read_onnx_text, _write_onnx
    ),
    "openvino": Format(
        "an OpenVINO model",
        ".xml",
        ("openvino",),
        PRECISIONS,
        read_openvino_text,
        _write_openvino,
        beside=".bin",
        maker="OpenVINO",
    ),
    "saved_model": Format(
        "a SavedModel", "", ("tensorflow",), ("none",), read_saved_model_text, _write_saved_model
    ),
}
SAVED_MODEL = FORMATS["saved_model"]
# What everything is made from; each backend runs it after a conversion.
WEIGHTS = Format(
    "weights",
    ".npz",
    ("litert", "tensorflow", "openvino", "onnxruntime"),
    (),
    read_weights_text,
    lambda path, network: save_weights(path, network.weights, network.spec),
)
*_FIRST, _LAST = (f"{each.maker} {each.suffix}".strip() for each in FORMATS.values() if each.suffix)
EXPORTED_FILES = f"{', '.join(_FIRST)} or {_LAST} file"  # in words


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


def format_of(path: Path) -> Format | None:
    """The format of a file by its name, or of a folder by what is in it; None where it is none of these."""
    if is_saved_model(path):
        return SAVED_MODEL
    return next((each for each in (WEIGHTS, *FORMATS.values()) if each.suffix == path.suffix != ""), None)


def read_spec(path: Path) -> ModelSpec:
    """The ModelSpec inside a model file or the folder of a SavedModel, without the libraries that run it.

    Raises:
        ModelError: no such file, not such a file, cut short, without a spec, or a classifier.
    """
    return ModelSpec.from_json(_read_text(path))


def read_classifier_spec(path: Path) -> ClassifierSpec:
    """The same of a classifier.

    Raises:
        ModelError: no such file, not such a file, cut short, without a spec, or a detector.
    """
    return ClassifierSpec.from_json(_read_text(path))


def _read_text(path: Path) -> str:
    return (format_of(path) or SAVED_MODEL).read_text(path)


def model_files(path: Path) -> list[Path]:
    """The files, or the folder, that a model consists of; OpenVINO's weights lie beside its ``.xml``."""
    found = format_of(path)
    if found is None or not found.beside or path.is_dir():
        return [path]
    return [path.with_suffix(found.beside), path]
