"""ONNX Runtime, which reads ``.onnx``; needs the package ``onnxruntime``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.architecture import PROBABILITIES
from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.formats.contract import RAW_OUTPUTS, check_classifier, check_network
from detector.images import Image
from detector.layers import IMAGE
from detector.system.telemetry import import_onnxruntime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

onnxruntime = import_onnxruntime()

_ERRORS_ONLY = 3


class ONNXRuntimeBackend:
    """Runs an ``.onnx`` file with raw outputs in ONNX Runtime on the CPU.

    Raises:
        ModelError: ONNX Runtime cannot load the file, or its inputs and outputs are not a detector's.
    """

    input = None

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._session = open_session(path, threads)
        ports = (*self._session.get_inputs(), *self._session.get_outputs())
        check_network(path, {port.name: port.shape for port in ports})

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        box_encodings, class_logits = self._session.run(RAW_OUTPUTS, {"image": network_input})
        return box_encodings[0], class_logits[0]

    def split(self, count: int) -> Sequence[ONNXRuntimeBackend]:
        return [ONNXRuntimeBackend(self._path, 1) for _ in range(count)]


class ONNXRuntimeClassifier:
    """Runs the ``.onnx`` file of a classifier in ONNX Runtime on the CPU.

    Raises:
        ModelError: ONNX Runtime cannot load the file, or its inputs and outputs are not a classifier's.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._session = open_session(path, threads)
        ports = (*self._session.get_inputs(), *self._session.get_outputs())
        check_classifier(path, {port.name: port.shape for port in ports})

    def run(self, image: Image) -> FloatArray:
        (probabilities,) = self._session.run([PROBABILITIES], {IMAGE: image})
        return np.asarray(probabilities[0], np.float32)

    def split(self, count: int) -> Sequence[ONNXRuntimeClassifier]:
        return [ONNXRuntimeClassifier(self._path, 1) for _ in range(count)]


def open_session(path: Path, threads: int) -> InferenceSession:
    """An ``InferenceSession`` with that many threads.

    Raises:
        ModelError: ONNX Runtime cannot load the file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no other base in common
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"ONNX Runtime cannot run {path} ({reason}); get it again.") from error
