"""LiteRT, the default backend."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.runtime.model_file import RAW_OUTPUTS, check_outputs

_STDERR_LOCK = threading.Lock()


class LiteRTBackend:
    """Runs a ``.tflite`` file in LiteRT's interpreter.

    Raises:
        ModelError: LiteRT cannot load the file, or its inputs and outputs are not a detector's.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._interpreter = open_interpreter(path, threads)
        try:
            signature = self._interpreter.get_signature_runner()
            inputs, outputs = signature.get_input_details(), signature.get_output_details()
            check_outputs(path, outputs)
            self._input = inputs["image"]["index"]
            self._outputs = [outputs[name]["index"] for name in RAW_OUTPUTS]
        except (ValueError, RuntimeError, KeyError) as error:
            raise _cannot_run(path, error) from error

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        self._interpreter.set_tensor(self._input, network_input)
        self._interpreter.invoke()
        # Copies: LiteRT refuses to run again while anything, a kept traceback included, holds its memory.
        box_encodings, class_logits = (self._interpreter.get_tensor(index) for index in self._outputs)
        return box_encodings[0], class_logits[0]

    def split(self, count: int) -> Sequence[LiteRTBackend]:
        return [LiteRTBackend(self._path, 1) for _ in range(count)]


def open_interpreter(path: Path, threads: int) -> Interpreter:
    """LiteRT's interpreter with that file in it.

    Raises:
        ModelError: LiteRT cannot load the file.
    """
    try:
        with _without_notice():
            interpreter = Interpreter(str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _cannot_run(path, error) from error
    return interpreter


def _cannot_run(path: Path, error: Exception) -> ModelError:
    return ModelError(f"LiteRT cannot run {path} ({type(error).__name__}: {error}); get it again.")


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
