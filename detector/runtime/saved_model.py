"""SavedModels as a backend; needs TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import tensorflow as tf

from detector.architecture import PROBABILITIES
from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.formats.contract import check_classifier, check_network
from detector.formats.saved_model import SIGNATURE
from detector.images import Image


def open_saved_model(folder: Path, threads: int) -> tuple[object, tf.types.experimental.ConcreteFunction]:
    """A SavedModel and its signature, to be called with ``image=`` for as long as the model is held.

    The number of threads holds for the whole process and cannot be changed once TensorFlow has run.

    Raises:
        ModelError: TensorFlow cannot load it, or it has no such signature.
    """
    with suppress(RuntimeError):  # TensorFlow has run already and keeps the threads that it has
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    try:
        module = tf.saved_model.load(str(folder))
        signature = module.signatures[SIGNATURE]
    except Exception as error:  # of damaged files TensorFlow raises whatever its parts raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"TensorFlow cannot load {folder} ({reason}); get it again.") from error
    return module, signature


class SavedModelBackend:
    """Runs a SavedModel with raw outputs in TensorFlow.

    Raises:
        ModelError: TensorFlow cannot load it, or its inputs and outputs are not a detector's.
    """

    input = None

    def __init__(self, folder: Path, threads: int) -> None:
        self._module, self._signature = open_saved_model(folder, threads)
        check_network(folder, _shapes(self._signature))

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        outputs = self._signature(image=tf.constant(network_input))
        return outputs["box_encodings"].numpy()[0], outputs["class_logits"].numpy()[0]

    def split(self, count: int) -> Sequence[SavedModelBackend]:
        """This backend for every caller: TensorFlow takes several at once and shares its threads out."""
        return [self] * count


class SavedModelClassifier:
    """Runs the SavedModel of a classifier in TensorFlow.

    Raises:
        ModelError: TensorFlow cannot load it, or its inputs and outputs are not a classifier's.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._module, self._signature = open_saved_model(folder, threads)
        check_classifier(folder, _shapes(self._signature))

    def run(self, image: Image) -> FloatArray:
        probabilities: FloatArray = self._signature(image=tf.constant(image))[PROBABILITIES].numpy()[0]
        return probabilities

    def split(self, count: int) -> Sequence[SavedModelClassifier]:
        """This backend for every caller: TensorFlow takes several at once and shares its threads out."""
        return [self] * count


def _shapes(signature: tf.types.experimental.ConcreteFunction) -> dict[str, list[int]]:
    """Shapes of inputs and outputs by name."""
    ports = {**signature.structured_input_signature[1], **signature.structured_outputs}
    return {name: port.shape.as_list() for name, port in ports.items()}
