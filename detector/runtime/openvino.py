"""OpenVINO, which reads ``.xml`` and also ``.tflite`` and ``.onnx``; needs the package ``openvino``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.architecture import PROBABILITIES
from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.formats.contract import RAW_OUTPUTS, check_classifier, check_network
from detector.formats.openvino_kernels import fit_int8_kernels
from detector.images import Image
from detector.system.telemetry import import_openvino

if TYPE_CHECKING:
    from openvino import CompiledModel, Model

openvino = import_openvino()


class OpenVINOBackend:
    """Runs a file with raw outputs in OpenVINO on the CPU: in float32, an int8 one in int8.

    Args:
        precision: see ``compile_model``.

    Attributes:
        input: OpenVINO's own input, to be written to.

    Raises:
        ModelError: OpenVINO cannot load the file, or its inputs and outputs are not a detector's.
    """

    def __init__(self, path: Path, threads: int, precision: str | None = "f32") -> None:
        self._path = path
        self._precision = precision
        model = read_model(path)
        check_network(path, _shapes(model))
        compiled = compile_model(path, model, threads, precision)
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

    def runtime_model(self) -> Model:
        """What OpenVINO made of the network, kernel by kernel."""
        return self._compiled.get_runtime_model()

    def split(self, count: int) -> Sequence[OpenVINOBackend]:
        return [OpenVINOBackend(self._path, 1, self._precision) for _ in range(count)]


class OpenVINOClassifier:
    """Runs the file of a classifier in OpenVINO on the CPU: in float32, an int8 one in int8.

    Args:
        precision: see ``compile_model``.

    Raises:
        ModelError: OpenVINO cannot load the file, or its inputs and outputs are not a classifier's.
    """

    def __init__(self, path: Path, threads: int, precision: str | None = "f32") -> None:
        self._path = path
        self._precision = precision
        model = read_model(path)
        check_classifier(path, _shapes(model))
        compiled = compile_model(path, model, threads, precision)
        self._request = compiled.create_infer_request()
        self._input = self._request.get_input_tensor().data
        self._output = self._request.get_tensor(compiled.output(PROBABILITIES)).data[0]

    def run(self, image: Image) -> FloatArray:
        np.copyto(self._input, image)
        self._request.start_async()
        self._request.wait()
        probabilities: FloatArray = self._output.copy()
        return probabilities

    def split(self, count: int) -> Sequence[OpenVINOClassifier]:
        return [OpenVINOClassifier(self._path, 1, self._precision) for _ in range(count)]


def _shapes(model: Model) -> dict[str, list[int]]:
    """Shapes of inputs and outputs by name; -1 where a size is open."""
    return {
        name: [size.get_length() if size.is_static else -1 for size in port.partial_shape]
        for port in (*model.inputs, *model.outputs)
        for name in port.get_names()
    }


def read_model(path: Path) -> Model:
    """An OpenVINO model.

    Raises:
        ModelError: OpenVINO cannot read the file.
    """
    try:
        return openvino.Core().read_model(path)
    except RuntimeError as error:
        raise _cannot_run(path, error) from error


def compile_model(path: Path, model: Model, threads: int, precision: str | None = "f32") -> CompiledModel:
    """The model, ready to run on the CPU; its int8 kernels are changed as ``fit_int8_kernels`` says.

    Args:
        precision: what is not int8 is computed in; None for what OpenVINO takes by itself, as it does in
            programs that do not ask for any. That is bfloat16 on processors that have it.

    Raises:
        ModelError: OpenVINO cannot run it.
    """
    # One stream, the least time for one image.
    settings: dict[str, int | str] = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = precision
    try:
        fit_int8_kernels(model)
        return openvino.Core().compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise _cannot_run(path, error) from error


def reduced_precision(path: Path) -> str | None:
    """The type, such as ``bf16``, that OpenVINO computes a file in here where it is asked for no precision;
    None where that is what it computes in for ``OpenVINOBackend``, too.

    Raises:
        ModelError: OpenVINO cannot read or run the file.
    """
    by_itself, asked = (_computed_types(compile_model(path, read_model(path), 1, p)) for p in (None, "f32"))
    return next(iter(sorted(by_itself - asked)), None)


def _computed_types(compiled: CompiledModel) -> set[str]:
    kernels = compiled.get_runtime_model().get_ordered_ops()
    return {kernel.get_rt_info()["runtimePrecision"].astype(str) for kernel in kernels}


def _cannot_run(path: Path, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[-1]
    return ModelError(f"OpenVINO cannot run {path} ({reason}); get it again.")
