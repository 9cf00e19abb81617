"""The formats of model files, a row each: a new one is a row here and a module that writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector.classifier_spec import CLASSIFIER, ClassifierSpec
from detector.errors import ModelError
from detector.formats.network import PRECISIONS, ClassifierNetwork, Network
from detector.formats.spec_reader import (
    is_saved_model,
    read_onnx_text,
    read_openvino_text,
    read_saved_model_text,
)
from detector.formats.tflite.metadata import read_spec_text as read_tflite_text
from detector.spec import ModelSpec, read_values
from detector.system.extras import installed
from detector.system.telemetry import quieten_tensorflow
from detector.weights import read_weights_text, save_weights


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
        write, write_classifier: write a network to a path; raise BackendError where what writes it is not
            installed.
        beside: suffix of the file that belongs to it and lies beside it, if there is one.
        maker: whose files they are, where the suffix alone says too little.
    """

    title: str
    suffix: str
    backends: tuple[str, ...]
    precisions: tuple[str, ...]
    read_text: Callable[[Path], str]
    write: Callable[[Path, Network], None]
    write_classifier: Callable[[Path, ClassifierNetwork], None]
    beside: str = ""
    maker: str = ""

    @property
    def backend(self) -> str:
        """What it was made for."""
        return self.backends[0]


def _write_tflite(path: Path, network: Network) -> None:
    path.write_bytes(network.to_tflite(postprocess=network.postprocess))


def _write_tflite_classifier(path: Path, network: ClassifierNetwork) -> None:
    path.write_bytes(network.to_tflite())


def _write_onnx(path: Path, network: Network) -> None:
    with installed("ONNX", "onnx"):
        from detector.formats.onnx import build_onnx
    model = build_onnx(
        network.weights,
        network.spec,
        half=network.half,
        postprocess=network.postprocess,
        smaller=network.smaller,
    )
    path.write_bytes(model)


def _write_onnx_classifier(path: Path, network: ClassifierNetwork) -> None:
    with installed("ONNX", "onnx"):
        from detector.formats.onnx_classifier import build_classifier_onnx
    path.write_bytes(build_classifier_onnx(network.weights, network.spec, half=network.half))


def _write_openvino(path: Path, network: Network) -> None:
    with installed("OpenVINO", "openvino"):
        from detector.formats.openvino import save_openvino
    model = network.to_tflite(postprocess=False)
    save_openvino(
        path,
        model,
        network.spec,
        half=network.half,
        postprocess=network.postprocess,
        smaller=network.specs[:-1],
    )


def _write_openvino_classifier(path: Path, network: ClassifierNetwork) -> None:
    with installed("OpenVINO", "openvino"):
        from detector.formats.openvino_classifier import save_classifier_openvino
    save_classifier_openvino(path, network.to_tflite(), network.spec, half=network.half)


def _write_saved_model(path: Path, network: Network) -> None:
    quieten_tensorflow()
    with installed("TensorFlow", "train"):
        from detector.formats.saved_model import save_saved_model
    save_saved_model(
        path, network.weights, network.spec, postprocess=network.postprocess, smaller=network.smaller
    )


def _write_saved_model_classifier(path: Path, network: ClassifierNetwork) -> None:
    quieten_tensorflow()
    with installed("TensorFlow", "train"):
        from detector.formats.saved_model import save_classifier_saved_model
    save_classifier_saved_model(path, network.weights, network.spec)


def _write_weights(path: Path, network: Network | ClassifierNetwork) -> None:
    save_weights(path, network.weights, network.spec)


# What is exported, by the name that the user types.
FORMATS = {
    "tflite": Format(
        "a TFLite file",
        ".tflite",
        ("litert", "openvino"),
        PRECISIONS,
        read_tflite_text,
        _write_tflite,
        _write_tflite_classifier,
    ),
    "onnx": Format(
        "an ONNX file",
        ".onnx",
        ("onnxruntime", "openvino"),
        ("none", "fp16"),
        read_onnx_text,
        _write_onnx,
        _write_onnx_classifier,
    ),
    "openvino": Format(
        "an OpenVINO model",
        ".xml",
        ("openvino",),
        PRECISIONS,
        read_openvino_text,
        _write_openvino,
        _write_openvino_classifier,
        beside=".bin",
        maker="OpenVINO",
    ),
    "saved_model": Format(
        "a SavedModel",
        "",
        ("tensorflow",),
        ("none",),
        read_saved_model_text,
        _write_saved_model,
        _write_saved_model_classifier,
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
    _write_weights,
    _write_weights,
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


def is_classifier(path: Path) -> bool:
    """Whether a model file or the folder of a SavedModel holds a classifier.

    Raises:
        ModelError: no such file, not such a file, cut short, or without a spec.
    """
    return read_values(_read_text(path)).get("kind") == CLASSIFIER


def _read_text(path: Path) -> str:
    return (format_of(path) or SAVED_MODEL).read_text(path)


def model_files(path: Path) -> list[Path]:
    """The files, or the folder, that a model consists of; OpenVINO's weights lie beside its ``.xml``."""
    found = format_of(path)
    if found is None or not found.beside or path.is_dir():
        return [path]
    return [path.with_suffix(found.beside), path]
