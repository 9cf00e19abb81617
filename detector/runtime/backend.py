"""What a backend is, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from detector.boxes import FloatArray
from detector.errors import BackendError
from detector.runtime.model_file import ModelFile


class Backend(Protocol):
    """Runs the network. One caller at a time; ``split`` gives backends for several at once.

    A backend may have an attribute ``input``: memory (1, H, W, 3) that the network reads from. An input that
    is written there, and then given to ``run``, is not copied.
    """

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


def check_name(name: str | None) -> None:
    """Raise BackendError unless there is such a backend; None is the model's own."""
    if name is not None and name not in BACKENDS:
        raise BackendError(f"There is no backend {name!r}; there are {', '.join(BACKENDS)}.")


def _open_litert(model: ModelFile, threads: int) -> Backend:
    from detector.runtime.litert import LiteRTBackend

    return LiteRTBackend(model.tflite(), threads)


def _open_openvino(model: ModelFile, threads: int) -> Backend:
    try:
        from detector.runtime.openvino import OpenVINOBackend
    except ImportError as error:
        raise BackendError(f"OpenVINO is not installed here ({error}): pip install '.[openvino]'.") from error
    return OpenVINOBackend(model.tflite(), threads)


def _open_onnxruntime(model: ModelFile, threads: int) -> Backend:
    try:
        from detector.runtime.onnxruntime import ONNXRuntimeBackend

        path = model.onnx()
    except ImportError as error:
        raise BackendError(f"ONNX Runtime is not installed here ({error}): pip install '.[onnx]'.") from error
    return ONNXRuntimeBackend(path, threads)


def _open_tensorflow(model: ModelFile, threads: int) -> Backend:
    try:
        from detector.model.backend import TensorFlowBackend
        from detector.model.saved_model import SavedModelBackend
    except ImportError as error:
        raise BackendError(
            f"TensorFlow is not installed here ({error}): in a checkout run `uv run ssdlite ...`, "
            "elsewhere pip install '.[train]'."
        ) from error
    if model.path.is_dir():
        return SavedModelBackend(model.path, threads)
    return TensorFlowBackend(*model.weights(), threads)


BACKENDS: dict[str, Callable[[ModelFile, int], Backend]] = {
    "litert": _open_litert,
    "tensorflow": _open_tensorflow,
    "openvino": _open_openvino,
    "onnxruntime": _open_onnxruntime,
}


def available_threads() -> int:
    """Number of processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1
