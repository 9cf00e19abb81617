"""What runs a classifier, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.errors import BackendError, ModelError
from detector.images import Image
from detector.pretrained.imagenet.classifier import IMAGENET
from detector.runtime.classifier_file import ClassifierFile
from detector.system.extras import installed
from detector.system.telemetry import quieten_tensorflow


class ClassifierBackend(Protocol):
    """Runs a classifier. One caller at a time; ``split`` gives backends for several at once, whatever the
    current folder is by then.
    """

    def run(self, image: Image) -> FloatArray:
        """``probabilities (K,)`` of one image, a new array.

        Args:
            image: (1, H, W, 3) uint8, RGB, of the input size of the classifier's spec.
        """
        ...

    def split(self, count: int) -> Sequence[ClassifierBackend]:
        """``count`` backends of the same model, for as many callers at once, with one thread for each."""
        ...


def open_classifier(
    path: Path, backend: str | None = None, threads: int = 1, *, trust: bool = False
) -> ClassifierBackend:
    """A backend for the classifier in a file.

    Args:
        path: as for ``ClassifierFile``.
        backend: its name, or None for the file's own.
        threads: processors to use.
        trust: let a SavedModel be run, which is a program.

    Raises:
        BackendError: no such backend, one that does not read this model, or one that is not installed.
        ModelError: the file cannot be run.
    """
    return open_backend(ClassifierFile(path, trust=trust), backend, threads)[1]


def open_backend(model: ClassifierFile, name: str | None, threads: int) -> tuple[str, ClassifierBackend]:
    """A backend for a classifier, and its name; raises as ``open_classifier`` does."""
    name = name or model.backends[0]
    if name not in _OPENERS:
        raise BackendError(f"No classifier runs on {name!r} here; there are {', '.join(_OPENERS)}.")
    model.check_backend(name)
    return name, _OPENERS[name](model, threads)


@dataclass(frozen=True)
class ClassifierOpener:
    """Opens a classifier again, in a process that was forked or that received it.

    Attributes:
        model: name or absolute path.
        input_hw: height and width of the input; None for the weights' own.
        backend: name of the backend.
        threads: processors to use.
        spec: of the model as it was first opened.
        trust: whether it may be a SavedModel, which is a program.
    """

    model: str
    input_hw: tuple[int, int] | None
    backend: str
    threads: int
    spec: ClassifierSpec
    trust: bool = False

    @classmethod
    def of(cls, file: ClassifierFile, backend: str, threads: int) -> ClassifierOpener:
        """One for a model that a backend of that name runs."""
        model = IMAGENET if file.name == IMAGENET else str(Path(file.name).absolute())
        return cls(model, file.input_hw, backend, threads, file.spec, file.trust)

    def __call__(self) -> ClassifierBackend:
        """A backend of its own.

        Raises:
            ModelError: the model is gone, or is another one by now.
            BackendError: the backend is not there.
        """
        file = ClassifierFile(self.model, input_hw=self.input_hw, trust=self.trust)
        if file.spec != self.spec:
            raise ModelError(f"{self.model} is another model than the one first opened; load it anew.")
        return open_backend(file, self.backend, self.threads)[1]


def _open_litert(model: ClassifierFile, threads: int) -> ClassifierBackend:
    from detector.runtime.litert import LiteRTClassifier

    return LiteRTClassifier(model.tflite().absolute(), threads)


def _open_openvino(model: ClassifierFile, threads: int) -> ClassifierBackend:
    with installed("OpenVINO", "openvino"):
        from detector.runtime.openvino import OpenVINOClassifier
    return OpenVINOClassifier(model.tflite().absolute(), threads)


def _open_onnxruntime(model: ClassifierFile, threads: int) -> ClassifierBackend:
    with installed("ONNX Runtime", "onnx"):
        from detector.runtime.onnxruntime import ONNXRuntimeClassifier

        path = model.onnx()
    return ONNXRuntimeClassifier(path.absolute(), threads)


def _open_tensorflow(model: ClassifierFile, threads: int) -> ClassifierBackend:
    quieten_tensorflow()
    with installed("TensorFlow", "train"):
        from detector.runtime.saved_model import SavedModelClassifier
        from detector.runtime.tensorflow import TensorFlowClassifier
    if model.path.is_dir():
        return SavedModelClassifier(model.path, threads)
    return TensorFlowClassifier(*model.weights(), threads)


_OPENERS: dict[str, Callable[[ClassifierFile, int], ClassifierBackend]] = {
    "litert": _open_litert,
    "tensorflow": _open_tensorflow,
    "openvino": _open_openvino,
    "onnxruntime": _open_onnxruntime,
}
