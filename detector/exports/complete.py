"""Runs a file with post-processing inside as the programs do that it is made for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, clip
from detector.detections import Detections
from detector.errors import BackendError, ModelError
from detector.formats.table import EXPORTED_FILES, WEIGHTS, format_of, read_spec
from detector.formats.tflite.postprocess import MOST_THREADS, OUTPUTS
from detector.images import Image
from detector.spec import ModelSpec
from detector.system.telemetry import quieten_tensorflow

Outputs = dict[str, FloatArray]
Runner = Callable[[NDArray[np.uint8]], Outputs]

OPENVINO_OUTPUT = "detections"


def open_complete(path: Path, threads: int) -> Callable[[Image], Detections]:
    """A function from an image (h, w, 3) uint8 BGR to what the model finds in it, best first; threads may
    share it.

    The image is squashed to the input size by ``cv2.resize``, and its bytes are given to the model as they
    are. What the model's file knows of scores and overlaps holds.

    Args:
        path: a ``.tflite``, ``.onnx`` or ``.xml`` file, or the folder of a SavedModel, with post-processing
            inside.
        threads: processors to use.

    Raises:
        ModelError: not such a file, damaged, or one with raw outputs.
        BackendError: the library that runs it is not installed.
    """
    format_ = format_of(path)
    if format_ is None or format_ is WEIGHTS:
        raise ModelError(f"Expected a {EXPORTED_FILES} or the folder of a SavedModel, got {path}.")
    spec = read_spec(path)
    try:
        run = _OPENERS[format_.backend](path, threads)
    except ImportError as error:
        raise BackendError(f"{path} cannot be run here: {error}.") from error
    height, width = spec.input_hw
    turn = threading.Lock()

    def detect(image: Image) -> Detections:
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        network_input = np.ascontiguousarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)[None], np.uint8)
        with turn:  # no runtime takes two callers at once
            return _to_detections(run(network_input), spec, (image.shape[1], image.shape[0]))

    return detect


def _to_detections(outputs: Outputs, spec: ModelSpec, size_wh: tuple[int, int]) -> Detections:
    if OPENVINO_OUTPUT in outputs:
        rows = outputs[OPENVINO_OUTPUT][0, 0]
        rows = rows[rows[:, 0] >= 0]
        labels, scores, boxes = rows[:, 1] - 1, rows[:, 2], rows[:, 3:]
    else:
        boxes_yxyx, classes, all_scores, number = (outputs[name] for name in OUTPUTS)
        count = int(number[0])
        labels, scores = classes[0, :count], all_scores[0, :count]
        boxes = boxes_yxyx[0, :count][:, [1, 0, 3, 2]]
    size = np.array([*size_wh, *size_wh], np.float32)
    return Detections(
        clip(boxes, 1, 1) * size, np.array(scores), np.round(labels).astype(np.int64), spec.classes
    )


def _check_outputs(path: Path, names: set[str]) -> None:
    if not (set(OUTPUTS) <= names or OPENVINO_OUTPUT in names):
        raise ModelError(
            f"{path} has the outputs {', '.join(sorted(names)) or 'of no name'}: expected a model with "
            "post-processing inside; `Detector.load` takes those with raw outputs."
        )


def _open_tflite(path: Path, threads: int) -> Runner:
    from detector.runtime.litert import open_interpreter

    interpreter = open_interpreter(path, min(threads, MOST_THREADS))
    # By their names in the graph: a file for the Edge TPU has no signature.
    (input_,) = interpreter.get_input_details()
    outputs = {output["name"]: output["index"] for output in interpreter.get_output_details()}
    _check_outputs(path, set(outputs))

    def run(image: NDArray[np.uint8]) -> Outputs:
        interpreter.set_tensor(input_["index"], image)
        interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in outputs.items()}

    return run


def _open_onnx(path: Path, threads: int) -> Runner:
    from detector.runtime.onnxruntime import open_session

    session = open_session(path, threads)
    names = [output.name for output in session.get_outputs()]
    _check_outputs(path, set(names))
    return lambda image: dict(zip(names, session.run(names, {"image": image}), strict=True))


def _open_openvino(path: Path, threads: int) -> Runner:
    from detector.runtime.openvino import compile_model, read_model

    model = read_model(path)
    names = {name for output in model.outputs for name in output.get_names()}
    _check_outputs(path, names)
    compiled = compile_model(path, model, threads, precision=None)  # as other programs do
    return lambda image: {
        next(iter(output.get_names())): np.array(values) for output, values in compiled([image]).items()
    }


def _open_saved_model(path: Path, threads: int) -> Runner:
    quieten_tensorflow()
    from detector.runtime.saved_model import open_saved_model

    module, signature = open_saved_model(path, threads)
    _check_outputs(path, set(signature.structured_outputs))

    def run(image: NDArray[np.uint8], module: object = module) -> Outputs:  # it owns the variables
        return {name: values.numpy() for name, values in signature(image=image).items()}

    return run


_OPENERS: dict[str, Callable[[Path, int], Runner]] = {
    "litert": _open_tflite,
    "onnxruntime": _open_onnx,
    "openvino": _open_openvino,
    "tensorflow": _open_saved_model,
}
