"""What an export is asked to be: the files that it consists of, and where they go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import Dataset
from detector.errors import ArgumentError, DatasetError, ModelError
from detector.exports.bundles import BUNDLES
from detector.formats.network import PRECISIONS
from detector.formats.table import FORMATS, Format, find_format, model_files
from detector.input_sizes import InputSize, SizeHW, describe_size, read_sizes
from detector.spec import ModelSpec
from detector.system.bounds import shown
from detector.system.file_names import safe_file_name
from detector.system.files import check_writable, refuse_occupied


@dataclass(frozen=True)
class Request:
    """What is asked for, by the names of the arguments of ``export``.

    Raises:
        ArgumentError: a value that is none of these.
    """

    model: str
    format: str
    quantize: str
    postprocess: bool
    output: Path | None
    bundle: str | None
    calibration: Path | None
    dataset: Path | Dataset | None
    classes: Sequence[str] | None
    input_size: InputSize | Sequence[InputSize] | None
    max_ap_drop: float | None

    def __post_init__(self) -> None:
        _check_one_of("format", self.format, FORMATS)
        _check_one_of("quantize", self.quantize, PRECISIONS)
        if self.bundle is not None:
            _check_one_of("bundle", self.bundle, BUNDLES)
            if self.format != "tflite" or self.postprocess:
                raise ArgumentError(
                    "A bundle knows what its consumer needs; leave out format and postprocess."
                )
        if len(self.sizes_hw) > 1:
            if self.bundle is None and not self.postprocess:
                raise ArgumentError(
                    "Several input sizes are one answer where the post-processing is inside: ask for it with "
                    "postprocess, or give one size"
                )
            if self.bundle == "coral":
                raise ArgumentError("The bundle coral is of one input size, and here are several; give one")
        drop = self.max_ap_drop
        if drop is not None and not (isinstance(drop, Real) and 0 <= drop <= 100):
            raise ArgumentError(
                f"Expected max_ap_drop to be from 0 to 100 points, or None, got {shown(drop)}"
            )

    @property
    def sizes_hw(self) -> tuple[SizeHW, ...]:
        """The input sizes that are asked for, the smallest first; none for the model's own."""
        return () if self.input_size is None else read_sizes(self.input_size)


@dataclass(frozen=True)
class Part:
    """A model file of an export: its name, format and kind."""

    name: str
    format: Format
    precision: str
    postprocess: bool
    integer_heads: bool = False


def list_parts(spec: ModelSpec | ClassifierSpec, request: Request) -> list[Part]:
    """The model files to write.

    Args:
        spec: of the weights as they are.
        request: what is asked for.

    Raises:
        ModelError: a format that does not have the precision, or a bundle that has one of its own.
    """
    bundle, quantize = request.bundle, request.quantize
    if bundle is None:
        format_ = find_format(request.format, quantize)
        words = [
            _stem(spec, request),
            *([quantize] if quantize != "none" else []),
            *(["detections"] * request.postprocess),
        ]
        return [Part("-".join(words) + format_.suffix, format_, quantize, request.postprocess)]
    models = BUNDLES[bundle].models
    if quantize == "fp16" and all(needed.integer for needed in models):
        raise ModelError(f"--for {bundle} computes in integers throughout; leave --quantize out.")
    parts = []
    for needed in models:
        precision = "int8" if needed.integer else quantize
        format_ = find_format(needed.format, precision)
        parts.append(Part(needed.name, format_, precision, True, needed.integer))
    return parts


def find_target(spec: ModelSpec | ClassifierSpec, request: Request, parts: Sequence[Part]) -> Path:
    """The file or folder to write; raises DetectorError where it could not be written in the end."""
    bundle, format_ = request.bundle, parts[0].format
    name = f"{_stem(spec, request)}-{bundle}" if bundle else parts[0].name
    target = request.output or Path("export") / name
    if bundle is None and format_.suffix:
        if target.suffix != format_.suffix:
            raise ModelError(f"Expected --output to end in {format_.suffix}, got {target}.")
        for file in model_files(target):
            if file.is_dir():
                raise ModelError(f"Expected to write the file {file}, and it is a folder; choose another.")
            if file.exists() and not target.exists():
                raise ModelError(f"{file} exists and belongs to something else; choose another --output.")
    else:
        refuse_occupied(target)
    check_writable(target.absolute().parent)
    return target


def require_annotated(request: Request, *, annotated: bool, measure: str, images: str) -> None:
    """Raise DatasetError where a limit is given for what cannot be measured.

    Args:
        request: what is asked for.
        annotated: whether the images to compare on are.
        measure, images: what the limit is of, and what that takes, in words.
    """
    if request.max_ap_drop is not None and not annotated:
        raise DatasetError(
            f"--max-ap-drop is about {measure}, which takes {images}: give them with --dataset."
        )


def _stem(spec: ModelSpec | ClassifierSpec, request: Request) -> str:
    """The model's name, and the sizes where they are others than its own."""
    sizes = [] if request.sizes_hw == (spec.input_hw,) else request.sizes_hw
    return "-".join([safe_file_name(spec.name), *map(describe_size, sizes)])


def _check_one_of(name: str, value: object, known: Collection[str]) -> None:
    if value not in known:
        raise ArgumentError(f"Expected {name} to be one of {', '.join(known)}, got {shown(value)}")
