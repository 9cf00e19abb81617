"""From what a user calls a model to the files that a backend needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from detector.any_size import resize_network, resize_spec
from detector.boxes import FloatArray
from detector.errors import ModelError
from detector.formats.table import EXPORTED_FILES, SAVED_MODEL, format_of, read_spec
from detector.input_sizes import SizeHW
from detector.labels import find_classes
from detector.pretrained.releases import RELEASES, weights_path
from detector.runtime.convertible import Convertible
from detector.spec import ModelSpec
from detector.system.conversions import find_conversions
from detector.system.run_names import RUN_WEIGHTS
from detector.weights import Weights, load_weights, select_classes


class ModelFile(Convertible):
    """A model by name or path: a released model, a ``.npz`` of weights, a training run, or a network that is
    ready to run, be it ``.tflite``, ``.onnx``, OpenVINO's ``.xml`` or the folder of a SavedModel.

    Attributes:
        spec: the model's spec, narrowed to the classes that are kept.
        classes: as given.
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
        super().__init__(str(model), path, kind, trust=trust, say=say)
        self.classes = list(classes) if classes is not None else None
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
        self._check_size(self.spec.input_hw, input_hw)
        self.input_hw = input_hw
        self.spec = resize_spec(self.spec, input_hw)

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

    @property
    def _part(self) -> str:
        return repr(None if self.classes is None else sorted(self.classes))

    def _converted_spec(self) -> ModelSpec:
        """The spec, from a conversion where one is there: that is quicker than reading all weights."""
        for suffix in (".tflite", ".onnx"):
            for path in find_conversions(self._conversion_name(suffix)):
                with suppress(ModelError):  # written by a version with other limits
                    return read_spec(path)
        return self.weights()[1]
