"""What the backends are held against: the released graph in TensorFlow, and OpenCV's DNN module."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from detector.boxes import FloatArray
from detector.errors import BackendError
from detector.images import Image
from detector.postprocess import Postprocessor
from detector.pretrained.releases import DEFAULT_MODEL, is_published_intact, source_path
from detector.runtime.model_file import ModelFile
from detector.system.invocation import command
from detector.system.telemetry import quieten_tensorflow

OFFICIAL = "official graph"
OPENCV = "opencv dnn"
BASELINES = (OFFICIAL, OPENCV)


class OpenCVBackend:
    """Runs an ONNX model in OpenCV's DNN module, whose number of threads holds for the whole process.

    Args:
        onnx: the model, with input ``image`` and outputs ``box_encodings`` and ``class_logits``.
        threads: processors to use.

    Raises:
        BackendError: OpenCV cannot read the model.
    """

    input = None

    def __init__(self, onnx: bytes, threads: int) -> None:
        cv2.setNumThreads(threads)
        self._onnx = onnx
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
        except cv2.error as error:
            raise BackendError(f"OpenCV cannot read the ONNX model ({error.msg}).") from error

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        self._net.setInput(network_input, "image")
        box_encodings, class_logits = self._net.forward(["box_encodings", "class_logits"])
        return box_encodings[0], class_logits[0]

    def split(self, count: int) -> Sequence[OpenCVBackend]:
        return [OpenCVBackend(self._onnx, 1) for _ in range(count)]


def open_opencv(file: ModelFile, threads: int) -> OpenCVBackend:
    """OpenCV with a model.

    Raises:
        BackendError: the model cannot be had as ONNX here.
    """
    if file.path.suffix == ".onnx":
        return OpenCVBackend(file.path.read_bytes(), threads)
    if file.path.suffix != ".npz":
        raise BackendError(f"OpenCV reads ONNX files, and weights as ONNX; {file.path.name} is neither.")
    try:
        from detector.formats.onnx import build_onnx  # type: ignore[import-untyped]
    except ImportError as error:
        raise BackendError(f"nothing here writes ONNX, which OpenCV reads ({error}).") from error
    return OpenCVBackend(build_onnx(*file.weights()), threads)


def open_official(file: ModelFile, postprocess: Postprocessor, threads: int) -> Callable[[Image], object]:
    """The released graph, from a BGR image to detections.

    Raises:
        BackendError: it is not in the cache, TensorFlow is not installed, or the model is another one.
    """
    source = source_path(DEFAULT_MODEL)
    if file.spec.name != DEFAULT_MODEL or len(file.spec.classes) != 80:
        raise BackendError("the released graph is measured beside the released model with all its classes.")
    if not source.exists() or not is_published_intact(DEFAULT_MODEL):  # a graph is a program
        raise BackendError(
            "the cache does not hold the published file as it was published; "
            f"run `{command('weights', 'fetch', DEFAULT_MODEL)}`."
        )
    quieten_tensorflow()
    try:
        from detector.pretrained.official_graph import load_official_graph
    except ImportError as error:
        raise BackendError(f"TensorFlow is not installed here ({error}).") from error
    graph = load_official_graph(source, file.spec, postprocess, threads)
    return lambda image: graph(np.ascontiguousarray(image[..., ::-1]))
