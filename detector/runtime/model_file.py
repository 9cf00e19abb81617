"""From what a user calls a model to the files that a backend needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from detector.any_size import resize_network, resize_spec
from detector.boxes import FloatArray
from detector.errors import BackendError, ModelError
from detector.formats.table import EXPORTED_FILES, SAVED_MODEL, WEIGHTS, format_of, read_spec
from detector.input_sizes import SizeHW, describe_size
from detector.labels import find_classes
from detector.pretrained.releases import RELEASES, weights_path
from detector.spec import ModelSpec
from detector.system.conversions import conversion_name, find_conversions, is_damaged, keep_conversion
from detector.system.reading import sha256
from detector.system.run_names import RUN_WEIGHTS
from detector.weights import Weights, load_weights, select_classes

# Part of the name of every cached conversion; raised when the written graph changes.
_CONVERSION = "3"


class ModelFile:
    """A model by name or path: a released model, a ``.npz`` of weights, a training run, or a network that is
    ready to run, be it ``.tflite``, ``.onnx``, OpenVINO's ``.xml`` or the folder of a SavedModel.

    Weights are converted to what a backend reads when first needed, and the conversion is cached. Where the
    cache cannot be written to, it is made anew for each process.

    Attributes:
        name: what the model was called by, a name or a path.
        path: the file, or the folder of the SavedModel, that the model came in.
        spec: the model's spec, narrowed to the classes that are kept.
        classes, trust: as given.
        input_hw: height and width of the input, where another one than the weights' own was asked for.
        own_hw: those that the model was made for.
        labels: those to look for in a network that was made for more classes; None for all.

    Args:
        model: name or path.
        classes: names of the classes to keep, all if none are given. Weights lose the other columns, so
            the network itself gets smaller; a network that is ready to run stays as it is.
        input_hw: height and width of the input to make weights fit; None for their own. A network that is
            ready to run has one size.
        trust: let a SavedModel be run, which is a program.
        say: takes a line for each thing that takes time.

    Raises:
        ModelError: no such model or file, or a class that it does not have.
        WeightsError: released weights that cannot be had, or a damaged weights file.
    """

    def __init__(
        self,
        model: str | Path,
        classes: Sequence[str] | None = None,
        *,
        input_hw: SizeHW | None = None,
        trust: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        path = weights_path(str(model), say=say) if str(model) in RELEASES else Path(model)
        if (path / RUN_WEIGHTS).is_file():
            path /= RUN_WEIGHTS
        kind = format_of(path)
        if kind is None and path.is_dir():
            raise ModelError(
                f"{path} holds neither the weights of a training run ({RUN_WEIGHTS}) nor a model."
            )
        if kind is None:
            raise ModelError(
                f"Expected a .npz file of weights, a {EXPORTED_FILES}, the folder of a SavedModel or of a "
                f"training run, or a released model ({', '.join(RELEASES)}), got {str(model)!r}."
            )
        if not path.exists() or (path.is_dir() and kind is not SAVED_MODEL):
            raise ModelError(f"There is no model file {path}.")
        self.name = str(model)
        self.path = path
        self._say = say
        self.trust = trust
        self._kind = kind
        self.classes = list(classes) if classes is not None else None
        self.input_hw: SizeHW | None = None
        self.spec = self._converted_spec() if self.any_size else read_spec(path)
        self.own_hw: SizeHW = self.spec.input_hw
        self.labels: list[int] | None = None
        if input_hw is not None and input_hw != self.spec.input_hw:
            self._resize(input_hw)
        if self.classes is not None and not self.any_size:
            self.labels = find_classes(self.classes, self.spec.classes)

    def at(self, input_hw: SizeHW) -> ModelFile:
        """The same model at an input size.

        Raises:
            ModelError: it is ready to run, and has another one.
        """
        if input_hw == self.spec.input_hw:
            return self
        return ModelFile(self.name, self.classes, input_hw=input_hw, trust=self.trust, say=self._say)

    def _resize(self, input_hw: SizeHW) -> None:
        if not self.any_size:
            own, asked = describe_size(self.spec.input_hw), describe_size(input_hw)
            raise ModelError(
                f"{self.path} was written for the input size {own} and cannot run at {asked}; give weights "
                "(a released model, the folder of a training run, a .npz file), or export them with "
                f"--input-size {asked}."
            )
        self.input_hw = input_hw
        self.spec = resize_spec(self.spec, input_hw)

    @property
    def any_size(self) -> bool:
        """Whether it can be made to fit other input sizes: weights can, what is ready to run cannot."""
        return self._kind is WEIGHTS

    @property
    def backends(self) -> tuple[str, ...]:
        """Names of the backends that run it, the one to take if none is asked for first."""
        return self._kind.backends

    def check_backend(self, backend: str) -> None:
        """Raise BackendError unless that backend runs it, ModelError where it takes trust to run it."""
        if backend not in self.backends:
            raise BackendError(
                f"{self.path} is {self._kind.title}, which {backend} does not read; "
                f"it runs on {' and '.join(self.backends)}, and weights (.npz) run on every backend."
            )
        if self._kind is SAVED_MODEL and not self.trust:
            raise ModelError(
                f"{self.path} is a SavedModel: a program, which can read and write your files. If you trust "
                "whoever made it, say so with --trust, or in Python with trust=True; models of all other "
                "kinds are data."
            )

    def tflite(self) -> Path:
        """The weights as a TFLite file."""

        def build() -> bytes:
            # Imported here: TFLite's schema is large, and start-up time counts.
            from detector.formats.tflite.writer import build_tflite

            return build_tflite(*self.weights())

        return self._converted(".tflite", build)

    def onnx(self) -> Path:
        """The weights as an ONNX file.

        Raises:
            ImportError: it has to be written and the package ``onnx`` is not there.
        """

        def build() -> bytes:
            from detector.formats.onnx import build_onnx

            return build_onnx(*self.weights())

        return self._converted(".onnx", build)

    def weights(self) -> tuple[dict[str, FloatArray], ModelSpec]:
        """The weights and their spec, with the classes that are kept, for the size that is asked for."""
        weights: Weights
        weights, spec = load_weights(self.path)
        if self.classes is not None:
            weights, spec = select_classes(weights, spec, self.classes)
        if self.input_hw is not None:
            weights, spec = resize_network(weights, spec, self.input_hw)
        return dict(weights), spec

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(_CONVERSION.encode())
        digest.update(repr(None if self.classes is None else sorted(self.classes)).encode())
        digest.update(sha256(self.path).encode())
        return digest.hexdigest()[:16]

    def _conversion_name(self, suffix: str) -> str:
        size = f"-{describe_size(self.input_hw)}" if self.input_hw else ""
        return conversion_name(self.path.absolute().parent.name, f"{self._digest}{size}", suffix)

    def _converted_spec(self) -> ModelSpec:
        """The spec, from a conversion where one is there: that is quicker than reading all weights."""
        for suffix in (".tflite", ".onnx"):
            for path in find_conversions(self._conversion_name(suffix)):
                with suppress(ModelError):  # written by a version with other limits
                    return read_spec(path)
        return self.weights()[1]

    def _converted(self, suffix: str, build: Callable[[], bytes]) -> Path:
        """The file itself or, of weights, its conversion, written unless a readable one is there."""
        if not self.any_size:
            return self.path
        name = self._conversion_name(suffix)
        for path in find_conversions(name):
            return path
        if is_damaged(name):
            self._say(
                f"{name} in the cache is not what was written: it was changed or cut short, and is made anew."
            )
        return keep_conversion(name, build())
