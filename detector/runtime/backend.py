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

        Args:
            network_input: (1, H, W, 3) float32, RGB, normalised as the model's spec says.
        """
        ...

    def split(self, count: int) -> Sequence[Backend]:
        """``count`` backends of the same model, for as many callers at once, with one thread for each."""
        ...


def _open_litert(model: ModelFile, threads: int) -> Backend:
    from detector.runtime.litert import LiteRTBackend

    return LiteRTBackend(model.tflite(), threads)


def _open_openvino(model: ModelFile, threads: int) -> Backend:
    try:
        from detector.runtime.openvino import OpenVINOBackend
    except ImportError as error:
        raise BackendError(f"OpenVINO is not installed here ({error}): pip install '.[openvino]'.") from error
    return OpenVINOBackend(model.tflite(), threads)


def _open_tensorflow(model: ModelFile, threads: int) -> Backend:
    weights, spec = model.weights()
    try:
        from detector.model.backend import TensorFlowBackend
    except ImportError as error:
        raise BackendError(
            f"TensorFlow is not installed here ({error}): in a checkout run `uv run ssdlite ...`, "
            "elsewhere pip install '.[train]'."
        ) from error
    return TensorFlowBackend(weights, spec, threads)


BACKENDS: dict[str, Callable[[ModelFile, int], Backend]] = {
    "litert": _open_litert,
    "tensorflow": _open_tensorflow,
    "openvino": _open_openvino,
}


def available_threads() -> int:
    """Number of processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1
