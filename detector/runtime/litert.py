"""LiteRT, the default backend."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from detector.architecture import PROBABILITIES
from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.formats.contract import RAW_OUTPUTS, check_classifier, check_network
from detector.images import Image
from detector.layers import IMAGE

_STDERR_LOCK = threading.Lock()


class LiteRTBackend:
    """Runs a ``.tflite`` file in LiteRT's interpreter.

    Attributes:
        input: the interpreter's own input, to be written to.

    Raises:
        ModelError: LiteRT cannot load the file, or its inputs and outputs are not a detector's.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._interpreter = open_interpreter(path, threads)
        try:
            signature = self._interpreter.get_signature_runner()
            inputs, outputs = signature.get_input_details(), signature.get_output_details()
            details = {**inputs, **outputs}
            check_network(path, {name: details[name]["shape"].tolist() for name in details})
            self.input = _memory(self._interpreter, inputs["image"]["index"])
            self._outputs = [_memory(self._interpreter, outputs[name]["index"])[0] for name in RAW_OUTPUTS]
        except (ValueError, RuntimeError, KeyError) as error:
            raise _cannot_run(path, error) from error

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        if network_input is not self.input:
            np.copyto(self.input, network_input)
        self._interpreter.invoke()
        box_encodings, class_logits = self._outputs
        return box_encodings, class_logits

    def split(self, count: int) -> Sequence[LiteRTBackend]:
        return [LiteRTBackend(self._path, 1) for _ in range(count)]


class LiteRTClassifier:
    """Runs the ``.tflite`` file of a classifier in LiteRT's interpreter.

    Raises:
        ModelError: LiteRT cannot load the file, or its inputs and outputs are not a classifier's.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._interpreter = open_interpreter(path, threads)
        try:
            signature = self._interpreter.get_signature_runner()
            inputs, outputs = signature.get_input_details(), signature.get_output_details()
            details = {**inputs, **outputs}
            check_classifier(path, {name: details[name]["shape"].tolist() for name in details})
            self._input: Image = _memory(self._interpreter, inputs[IMAGE]["index"], np.uint8)
            self._output = _memory(self._interpreter, outputs[PROBABILITIES]["index"])[0]
        except (ValueError, RuntimeError, KeyError) as error:
            raise _cannot_run(path, error) from error

    def run(self, image: Image) -> FloatArray:
        np.copyto(self._input, image)
        self._interpreter.invoke()
        return self._output.copy()

    def split(self, count: int) -> Sequence[LiteRTClassifier]:
        return [LiteRTClassifier(self._path, 1) for _ in range(count)]


def open_interpreter(model: Path | bytes, threads: int) -> Interpreter:
    """LiteRT's interpreter with that file, or the content of one, in it.

    Raises:
        ModelError: LiteRT cannot load it.
    """
    try:
        with _without_notice():
            if isinstance(model, bytes):
                interpreter = Interpreter(model_content=model, num_threads=threads)
            else:
                interpreter = Interpreter(str(model), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _cannot_run(model if isinstance(model, Path) else Path("model.tflite"), error) from error
    return interpreter


def _cannot_run(path: Path, error: Exception) -> ModelError:
    return ModelError(f"LiteRT cannot run {path} ({type(error).__name__}: {error}); get it again.")


def _memory(interpreter: Interpreter, index: int, kind: Any = np.float32) -> Any:
    """A tensor of that type of an interpreter whose tensors are allocated, as an array over the same memory.

    It stays where it is, for no tensor changes its size. LiteRT's own array would not do: while one is there,
    LiteRT refuses to run.
    """
    tensor = interpreter.tensor(index)()
    if tensor.dtype != kind:
        raise ValueError(f"expected an input or output of {np.dtype(kind)}, got {tensor.dtype}")
    memory = (np.ctypeslib.as_ctypes_type(kind) * tensor.size).from_address(tensor.ctypes.data)
    memory.owner = interpreter  # which must not go before the array has gone
    return np.frombuffer(memory, kind).reshape(tensor.shape)


@contextmanager
def _without_notice() -> Iterator[None]:
    """Drop what LiteRT's native code prints: a notice at every start that it uses the CPU."""
    with _STDERR_LOCK:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(null)
