"""What a backend is, and how one is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from detector.any_size import resize_spec
from detector.boxes import FloatArray
from detector.errors import BackendError, ModelError
from detector.pretrained.releases import RELEASES
from detector.runtime.model_file import ModelFile
from detector.spec import ModelSpec
from detector.system.extras import installed
from detector.system.telemetry import quieten_tensorflow


class Backend(Protocol):
    """Runs the network. One caller at a time; ``split`` gives backends for several at once, whatever the
    current folder is by then.
    """

    @property
    def input(self) -> FloatArray | None:
        """Memory (1, H, W, 3) that the network reads from: what is written there, and then given to ``run``,
        is not copied. None where there is none.
        """
        ...

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``box_encodings (A, 4)`` and ``class_logits (A, K + 1)`` of one image.

        They may be the runtime's own memory, which the next run writes over: copy what is to be kept.

        Args:
            network_input: (1, H, W, 3) float32, RGB, normalised as the model's spec says.
        """
        ...

    def split(self, count: int) -> Sequence[Backend]:
        """``count`` backends of the same model, for as many callers at once, with one thread for each."""
        ...


def open_backend(model: ModelFile, name: str | None, threads: int) -> tuple[str, Backend]:
    """A backend for a model, and its name.

    Args:
        model: what it is to run.
        name: one of ``BACKENDS``, or None for the model's own.
        threads: processors to use.

    Raises:
        BackendError: no such backend, one that does not read this model, or one that is not installed.
        ModelError: the file cannot be run.
    """
    name = name or model.backends[0]
    check_name(name)
    model.check_backend(name)
    return name, BACKENDS[name](model, threads)


@dataclass(frozen=True)
class ModelOpener:
    """Opens a model again, in a process that was forked or that received it.

    Attributes:
        model: name of a release, or absolute path.
        classes: names of the classes that are kept; None for all.
        input_hw: height and width of the input; None for the weights' own.
        backend: name of the backend.
        threads: processors to use.
        spec: of the model as it was first opened.
        trust: whether it may be a SavedModel, which is a program.
    """

    model: str
    classes: tuple[str, ...] | None
    input_hw: tuple[int, int] | None
    backend: str
    threads: int
    spec: ModelSpec
    trust: bool = False

    @classmethod
    def of(cls, file: ModelFile, backend: str, threads: int) -> ModelOpener:
        """One for a model that a backend of that name runs."""
        name = file.name if file.name in RELEASES else str(Path(file.name).absolute())
        classes = None if file.classes is None else tuple(file.classes)
        return cls(name, classes, file.input_hw, backend, threads, file.spec, file.trust)

    def resized(self, input_hw: tuple[int, int]) -> ModelOpener:
        """One for the same model at another input size."""
        return replace(self, input_hw=input_hw, spec=resize_spec(self.spec, input_hw))

    def __call__(self) -> Backend:
        """A backend of its own.

        Raises:
            ModelError: the model is gone, or is another one by now.
            BackendError: the backend is not there.
        """
        file = ModelFile(self.model, self.classes, input_hw=self.input_hw, trust=self.trust)
        if file.spec != self.spec:
            raise ModelError(f"{self.model} is another model than the one first opened; load it anew.")
        return open_backend(file, self.backend, self.threads)[1]


def check_name(name: str | None) -> None:
    """Raise BackendError unless there is such a backend; None is the model's own."""
    if name is not None and not (isinstance(name, str) and name in BACKENDS):
        raise BackendError(f"There is no backend {name!r}; there are {', '.join(BACKENDS)}.")


def _open_litert(model: ModelFile, threads: int) -> Backend:
    from detector.runtime.litert import LiteRTBackend

    return LiteRTBackend(model.tflite().absolute(), threads)


def _open_openvino(model: ModelFile, threads: int) -> Backend:
    with installed("OpenVINO", "openvino"):
        from detector.runtime.openvino import OpenVINOBackend
    return OpenVINOBackend(model.tflite().absolute(), threads)


def _open_onnxruntime(model: ModelFile, threads: int) -> Backend:
    with installed("ONNX Runtime", "onnx"):
        from detector.runtime.onnxruntime import ONNXRuntimeBackend

        path = model.onnx()
    return ONNXRuntimeBackend(path.absolute(), threads)


def _open_tensorflow(model: ModelFile, threads: int) -> Backend:
    quieten_tensorflow()
    with installed("TensorFlow", "train"):
        from detector.runtime.saved_model import SavedModelBackend
        from detector.runtime.tensorflow import TensorFlowBackend
    if model.path.is_dir():
        return SavedModelBackend(model.path, threads)
    return TensorFlowBackend(*model.weights(), threads)


BACKENDS: dict[str, Callable[[ModelFile, int], Backend]] = {
    "litert": _open_litert,
    "tensorflow": _open_tensorflow,
    "openvino": _open_openvino,
    "onnxruntime": _open_onnxruntime,
}


# Backends that cannot be opened again in a forked process, and what to do.
NOT_FORKED = {
    "tensorflow": "TensorFlow does not work after a fork; start processes with "
    'multiprocessing.get_context("spawn"), or take another backend'
}
