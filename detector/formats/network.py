"""What is to be exported: the weights of a detector or of a classifier, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from detector.classifier_spec import ClassifierSpec
from detector.formats.looks import Look
from detector.spec import ModelSpec
from detector.weights import Weights

if TYPE_CHECKING:
    from detector.formats.table import Format
    from detector.formats.tflite.quantization import Quantization

PRECISIONS = ("none", "fp16", "int8")


@dataclass(frozen=True)
class Network:
    """A detector that is to be exported, and how.

    Attributes:
        weights, spec: the network.
        precision: one of ``PRECISIONS``.
        quantization: how it is quantized; for int8 alone.
        postprocess: bytes in and detections out, instead of raw inputs and outputs.
        smaller: looks at smaller sizes, the smallest first; with post-processing alone.
    """

    weights: Weights
    spec: ModelSpec
    precision: str = "none"
    quantization: Quantization | None = None
    postprocess: bool = False
    smaller: tuple[Look, ...] = ()

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Of each look, the smallest first."""
        return (*(look.spec for look in self.smaller), self.spec)

    @property
    def half(self) -> bool:
        """Whether kernels are stored as float16."""
        return self.precision == "fp16"

    def write(self, format_: Format, path: Path) -> None:
        """Write it to a path in that format."""
        format_.write(path, self)

    def to_tflite(self, *, postprocess: bool) -> bytes:
        """The network as a TFLite file."""
        # Imported here: TFLite's schema is large, and start-up time counts.
        from detector.formats.tflite.writer import build_tflite

        return build_tflite(
            self.weights,
            self.spec,
            half=self.half,
            quantization=self.quantization,
            postprocess=postprocess,
            smaller=self.smaller,
        )


@dataclass(frozen=True)
class ClassifierNetwork:
    """A classifier that is to be exported, and how.

    Attributes:
        weights, spec: the network.
        precision: one of ``PRECISIONS``.
        quantization: how it is quantized; for int8 alone.
    """

    weights: Weights
    spec: ClassifierSpec
    precision: str = "none"
    quantization: Quantization | None = None

    @property
    def half(self) -> bool:
        """Whether kernels are stored as float16."""
        return self.precision == "fp16"

    def write(self, format_: Format, path: Path) -> None:
        """Write it to a path in that format."""
        format_.write_classifier(path, self)

    def to_tflite(self) -> bytes:
        """The classifier as a TFLite file."""
        from detector.formats.tflite.classifier import build_classifier_tflite

        return build_classifier_tflite(
            self.weights, self.spec, half=self.half, quantization=self.quantization
        )
