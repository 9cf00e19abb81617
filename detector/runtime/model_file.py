"""From what a user calls a model to the files that a backend needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from detector.boxes import FloatArray
from detector.errors import BackendError, ModelError
from detector.files import replacing
from detector.labels import find_classes
from detector.pretrained import RELEASES, converted_folder, weights_path
from detector.spec import ModelSpec
from detector.tflite.metadata import read_spec
from detector.weights import load_weights, select_classes

# Part of the name of every cached conversion; raised when the written graph changes.
_CONVERSION = "1"
RUN_WEIGHTS = "model.npz"  # the best weights in the folder of a training run


class ModelFile:
    """A model by name or path: a released model, a ``.npz`` of weights, a ``.tflite``, or a training run.

    Weights are converted to TFLite when first needed, and the conversion is cached.

    Args:
        model: name or path.
        classes: names of the classes to keep, all if none are given. Weights lose the other columns, so
            the network itself gets smaller; the graph in a ``.tflite`` stays as it is.
        say: takes a line for each thing that takes time.

    Raises:
        ModelError: no such model or file, or a class that it does not have.
        WeightsError: released weights that cannot be had, or a damaged weights file.
    """

    def __init__(
        self, model: str | Path, classes: Sequence[str] | None = None, *, say: Callable[[str], None] = print
    ) -> None:
        path = weights_path(str(model), say=say) if str(model) in RELEASES else Path(model)
        if (path / RUN_WEIGHTS).is_file():
            path /= RUN_WEIGHTS
        if path.suffix not in (".npz", ".tflite"):
            raise ModelError(
                "Expected a .tflite file, a .npz file of weights, the folder of a training run or a released "
                f"model ({', '.join(RELEASES)}), got {str(model)!r}."
            )
        if not path.is_file():
            raise ModelError(f"There is no model file {path}.")
        self._classes = list(classes) if classes is not None else None
        self._weights_path: Path | None = None
        if path.suffix == ".npz":
            self._weights_path = path
            self._tflite_path, self.spec = self._converted(path)
        else:
            self._tflite_path, self.spec = path, read_spec(path)
        self.labels: list[int] | None = None
        if self._classes is not None and self._weights_path is None:
            self.labels = find_classes(self._classes, self.spec.classes)

    @property
    def path(self) -> Path:
        """The file that the model came in."""
        return self._weights_path or self._tflite_path

    def tflite(self) -> Path:
        """The model as a TFLite file."""
        return self._tflite_path

    def weights(self) -> tuple[dict[str, FloatArray], ModelSpec]:
        """The model's weights and spec, for a backend that builds the network itself.

        Raises:
            BackendError: the model is a TFLite file.
        """
        if self._weights_path is None:
            raise BackendError(
                "The TensorFlow backend needs weights (.npz); "
                f"{self._tflite_path} runs on litert and openvino."
            )
        return self._load_weights(self._weights_path)

    def _load_weights(self, path: Path) -> tuple[dict[str, FloatArray], ModelSpec]:
        weights, spec = load_weights(path)
        if self._classes is None:
            return weights, spec
        cut, spec = select_classes(weights, spec, self._classes)
        return dict(cut), spec

    def _converted(self, weights_path: Path) -> tuple[Path, ModelSpec]:
        """The weights as a TFLite file in the cache, written unless a readable one is there, and its spec."""
        digest = hashlib.sha256(_CONVERSION.encode())
        digest.update(repr(None if self._classes is None else sorted(self._classes)).encode())
        digest.update(weights_path.read_bytes())
        path = converted_folder() / f"{weights_path.parent.name}-{digest.hexdigest()[:16]}.tflite"
        with suppress(ModelError):  # absent, or damaged since it was cached
            return path, read_spec(path)
        # Imported here: TFLite's schema is large, and start-up time counts.
        from detector.tflite.writer import build_tflite

        weights, spec = self._load_weights(weights_path)
        with replacing(path) as temporary:
            temporary.write_bytes(build_tflite(weights, spec))
        return path, spec
