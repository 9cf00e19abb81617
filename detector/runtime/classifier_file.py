"""From what a user calls a classifier to the file that a backend needs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.errors import ModelError
from detector.formats.table import (
    EXPORTED_FILES,
    SAVED_MODEL,
    WEIGHTS,
    format_of,
    is_classifier,
    read_classifier_spec,
)
from detector.input_sizes import SizeHW
from detector.pretrained.imagenet.classifier import (
    IMAGENET,
    READING,
    fetch_classifier,
    load_imagenet_classifier,
)
from detector.pretrained.imagenet.files import FILES, is_imagenet_file
from detector.runtime.convertible import Convertible
from detector.system.conversions import find_conversions
from detector.system.run_names import RUN_WEIGHTS
from detector.weights import load_classifier


class ClassifierFile(Convertible):
    """A classifier by name or path: ``imagenet``, which is fetched, a ``.npz`` of weights, a training run, a
    file of keras.applications, torchvision or TF-Slim with a classifier of ImageNet, or a network that is
    ready to run, be it ``.tflite``, ``.onnx``, OpenVINO's ``.xml`` or the folder of a SavedModel.

    Attributes:
        spec: the model's spec, with the input size that is asked for.
        own_hw: height and width of the input that it was made for.

    Args:
        model: name or path.
        input_hw: height and width of the input to make weights fit; None for their own. A network that is
            ready to run has one size.
        trust: let a SavedModel be run, which is a program.
        say: takes a line for each thing that takes time.

    Raises:
        ModelError: no such model or file, or that of a detector.
        WeightsError: a damaged weights file, or one that cannot be fetched.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        input_hw: SizeHW | None = None,
        trust: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        self._fetched = str(model) == IMAGENET
        path = fetch_classifier(say) if self._fetched else Path(model)
        if (path / RUN_WEIGHTS).is_file():
            path /= RUN_WEIGHTS
        self._foreign = self._fetched or (is_imagenet_file(path.name) and not path.is_dir())
        kind = WEIGHTS if self._foreign else format_of(path)
        if kind is None and path.is_dir():
            raise ModelError(
                f"{path} holds neither the weights of a training run ({RUN_WEIGHTS}) nor a model."
            )
        if kind is None:
            raise ModelError(
                f"Expected a .npz file of a classifier's weights, a {EXPORTED_FILES}, the folder of a "
                f"SavedModel or of a training run, a classifier of ImageNet ({FILES}), or {IMAGENET}, got "
                f"{str(model)!r}."
            )
        if not (self._foreign or path.exists()) or (path.is_dir() and kind is not SAVED_MODEL):
            raise ModelError(f"There is no model file {path}.")
        super().__init__(str(model), path, kind, trust=trust, say=say)
        self.spec = self._converted_spec() if self.any_size else read_classifier_spec(path)
        self.own_hw: SizeHW = self.spec.input_hw
        if input_hw is not None and input_hw != self.own_hw:
            self._check_size(self.own_hw, input_hw)
            self.input_hw = input_hw
            self.spec = replace(self.spec, input_hw=input_hw)

    def at(self, input_hw: SizeHW) -> ClassifierFile:
        """The same model at an input size.

        Raises:
            ModelError: it is ready to run, and has another one.
        """
        return ClassifierFile(self.name, input_hw=input_hw, trust=self.trust, say=self._say)

    def weights(self) -> tuple[dict[str, FloatArray], ClassifierSpec]:
        """The weights and their spec, for the size that is asked for: they are the same at any."""
        if self._foreign:
            weights, spec = load_imagenet_classifier(self.path, fetched=self._fetched)
        else:
            weights, spec = load_classifier(self.path)
        return weights, spec if self.input_hw is None else replace(spec, input_hw=self.input_hw)

    def tflite(self) -> Path:
        """The weights as a TFLite file."""

        def build() -> bytes:
            # Imported here: TFLite's schema is large, and start-up time counts.
            from detector.formats.tflite.classifier import build_classifier_tflite

            return build_classifier_tflite(*self.weights())

        return self._converted(".tflite", build)

    def onnx(self) -> Path:
        """The weights as an ONNX file.

        Raises:
            ImportError: it has to be written and the package ``onnx`` is not there.
        """

        def build() -> bytes:
            from detector.formats.onnx_classifier import build_classifier_onnx

            return build_classifier_onnx(*self.weights())

        return self._converted(".onnx", build)

    @property
    def _part(self) -> str:
        return f"imagenet {READING}" if self._foreign else super()._part

    @property
    def _hashed(self) -> Path:
        index = self.path.with_name(
            f"{self.path.name}.index"
        )  # of a checkpoint, with checksums of the weights
        return index if index.is_file() else self.path

    def _converted_spec(self) -> ClassifierSpec:
        """The spec, from a conversion where one is there: that is quicker than reading all weights."""
        for suffix in (".tflite", ".onnx"):
            for path in find_conversions(self._conversion_name(suffix)):
                with suppress(ModelError):  # written by a version with other limits
                    return read_classifier_spec(path)
        return self.weights()[1]


def names_classifier(model: str | Path) -> bool:
    """Whether ``ClassifierFile`` takes a model by that name or path; False where there is no model file.

    Raises:
        ModelError: a damaged one.
    """
    path = Path(model)
    if str(model) == IMAGENET or (is_imagenet_file(path.name) and path.is_file()):
        return True
    if (path / RUN_WEIGHTS).is_file():
        path /= RUN_WEIGHTS
    kind = format_of(path)
    return (
        kind is not None and path.is_dir() == (kind is SAVED_MODEL) and path.exists() and is_classifier(path)
    )
