"""OpenVINO, which reads the same ``.tflite`` files; needs the package ``openvino``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino

from detector.boxes import FloatArray
from detector.errors import ModelError


class OpenVINOBackend:
    """Runs a ``.tflite`` file in OpenVINO on the CPU, in float32.

    Attributes:
        input: OpenVINO's own input, to be written to.

    Raises:
        ModelError: OpenVINO cannot load the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        core = openvino.Core()
        try:
            compiled = core.compile_model(
                core.read_model(path),
                "CPU",
                {
                    "INFERENCE_NUM_THREADS": threads,
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": "f32",
                },
            )
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot run {path} ({error}); get it again.") from error
        self._request = compiled.create_infer_request()
        # Tensors are made once: making them anew for each run, in several threads, can deadlock OpenVINO.
        self.input: FloatArray = self._request.get_input_tensor().data
        self._outputs = [
            self._request.get_tensor(compiled.output(name)) for name in ("box_encodings", "class_logits")
        ]

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        if network_input is not self.input:
            np.copyto(self.input, network_input)
        self._request.start_async()
        self._request.wait()
        box_encodings, class_logits = (np.array(output.data) for output in self._outputs)
        return box_encodings[0], class_logits[0]

    def split(self, count: int) -> Sequence[OpenVINOBackend]:
        return [OpenVINOBackend(self._path, 1) for _ in range(count)]
