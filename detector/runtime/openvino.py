"""OpenVINO, which reads ``.xml`` and also ``.tflite`` and ``.onnx``; needs the package ``openvino``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.openvino_kernels import fit_int8_kernels
from detector.runtime.model_file import RAW_OUTPUTS, check_network
from detector.telemetry import import_openvino

openvino = import_openvino()


class OpenVINOBackend:
    """Runs a file with raw outputs in OpenVINO on the CPU: in float32, an int8 one in int8.

    Attributes:
        input: OpenVINO's own input, to be written to.

    Raises:
        ModelError: OpenVINO cannot load the file, or its inputs and outputs are not a detector's.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        model = read_model(path)
        check_network(path, _shapes(model))
        compiled = compile_model(path, model, threads)
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        # Tensors are made once: making them anew for each run, in several threads, can deadlock OpenVINO.
        self.input: FloatArray = self._request.get_input_tensor().data
        self._outputs = [self._request.get_tensor(compiled.output(name)).data[0] for name in RAW_OUTPUTS]

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        if network_input is not self.input:
            np.copyto(self.input, network_input)
        self._request.start_async()
        self._request.wait()
        box_encodings, class_logits = self._outputs
        return box_encodings, class_logits

    def runtime_model(self) -> Any:
        """What OpenVINO made of the network, kernel by kernel."""
        return self._compiled.get_runtime_model()

    def split(self, count: int) -> Sequence[OpenVINOBackend]:
        return [OpenVINOBackend(self._path, 1) for _ in range(count)]


def _shapes(model: Any) -> dict[str, list[int]]:
    """Shapes of inputs and outputs by name; -1 where a size is open."""
    return {
        name: [size.get_length() if size.is_static else -1 for size in port.partial_shape]
        for port in (*model.inputs, *model.outputs)
        for name in port.get_names()
    }


def read_model(path: Path) -> Any:
    """An OpenVINO model.

    Raises:
        ModelError: OpenVINO cannot read the file.
    """
    try:
        return openvino.Core().read_model(path)
    except RuntimeError as error:
        raise _cannot_run(path, error) from error


def compile_model(path: Path, model: Any, threads: int) -> Any:
    """The model, ready to run on the CPU; its int8 kernels are changed as ``fit_int8_kernels`` says.

    Raises:
        ModelError: OpenVINO cannot run it.
    """
    # One stream, the least time for one image. What is not int8 stays float32 where there is bfloat16, too.
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    try:
        fit_int8_kernels(model)
        return openvino.Core().compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise _cannot_run(path, error) from error


def _cannot_run(path: Path, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[-1]
    return ModelError(f"OpenVINO cannot run {path} ({reason}); get it again.")
