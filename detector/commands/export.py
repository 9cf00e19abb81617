"""``ssdlite export``: writes a model for other programs and devices, if it finds what the network finds."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import DEFAULT_MODEL, PATH, SIDE, collected, is_given
from detector.errors import DatasetError, ModelError
from detector.labels import parse_classes
from detector.system.file_names import safe_file_name
from detector.system.files import check_writable, refuse_occupied, replacing, replacing_folder, size_in_bytes

if TYPE_CHECKING:
    from detector.formats.table import Format
    from detector.formats.tflite.quantization import Quantization
    from detector.spec import ModelSpec
    from detector.weights import Weights


@dataclass(frozen=True)
class _Form:
    """What is asked for: one format, or the bundle of a consumer."""

    format_name: str
    quantize: str
    postprocess: bool
    bundle: str | None


@dataclass(frozen=True)
class _Evidence:
    """What tells whether an export is as good as the network, and how good it has to be."""

    calibration: Path | None
    dataset: Path | None
    max_ap_drop: float | None


@dataclass(frozen=True)
class _Part:
    """A model file of an export: its name, format and kind."""

    name: str
    format: Format
    precision: str
    postprocess: bool
    integer_heads: bool = False


@click.command("export", cls=OneValueCommand)
@click.argument("model", default=DEFAULT_MODEL, metavar="[NAME|RUN|FILE]")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["tflite", "onnx", "openvino", "saved_model"]),
    default="tflite",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "fp16", "int8"]),
    default="none",
    show_default=True,
    help="fp16 halves the file, int8 quarters it and computes in integers.",
)
@click.option(
    "--postprocess",
    is_flag=True,
    help="Put normalisation, box decoding and suppression inside: bytes in, detections out.",
)
@click.option(
    "--for",
    "bundle",
    type=click.Choice(["frigate", "android", "coral", "python"]),
    help="Write a folder with all that this consumer needs.",
)
@click.option(
    "--calibration",
    type=PATH,
    metavar="FOLDER",
    help="Images like those that the detector will see, for int8, and to compare on where there are no "
    "annotated ones.  [default: what the run was trained on]",
)
@click.option(
    "--dataset",
    type=PATH,
    help="Annotated images to compare AP on.  [default: the run's validation images, if it is a run]",
)
@click.option("--classes", metavar="NAMES", help="Keep these classes alone; the others are cut out.")
@click.option(
    "--input-size",
    type=SIDE,
    metavar="PIXELS",
    help="Side of the input, where the weights stand it.  [default: the model's]",
)
@click.option(
    "--max-ap-drop",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    help="AP that may be lost.  [default: 0.1, 0.2 with fp16, 1 with int8]",
)
@click.option("--output", type=PATH, help="Where to write it.  [default: export/NAME]")
@collected(_Form, "form")
@collected(_Evidence, "evidence")
@click.pass_context
def export_command(
    context: click.Context,
    /,
    model: str,
    form: _Form,
    evidence: _Evidence,
    classes: str | None,
    input_size: int | None,
    output: Path | None,
) -> None:
    """Write a model for other programs and devices.

    Every export is run on images and compared with the network before it is kept; one that finds something
    else is not written, and the exit code is 1. docs/export.md has names and shapes of inputs and outputs.
    """
    import shutil
    import tempfile

    from detector.exports.bundles import BUNDLES
    from detector.exports.gate import Gate
    from detector.exports.trial_images import find_trial_images
    from detector.formats.table import Network, model_files

    bundle = form.bundle
    if bundle and (is_given(context, "format_name") or form.postprocess):
        raise click.UsageError("--for knows what its consumer needs; leave out --format and --postprocess.")
    weights, own_spec = _load(model, classes)
    spec = own_spec if input_size is None else _resize(own_spec, input_size, evidence.dataset)
    parts = _list_parts(spec, form)
    target = output or Path("export") / (f"{safe_file_name(spec.name)}-{bundle}" if bundle else parts[0].name)
    _check_target(target, None if bundle else parts[0].format)
    trial = find_trial_images(evidence.dataset, evidence.calibration, model, spec)
    if evidence.max_ap_drop is not None and not trial.annotated:
        raise DatasetError(
            "--max-ap-drop is about AP, which takes annotated images: give them with --dataset."
        )
    gate = Gate(weights, own_spec, trial, evidence.max_ap_drop, echo)
    quantization = _calibrate(weights, spec, parts, evidence.calibration, model)
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / "export"  # whose mode is that of any folder
        folder.mkdir()
        for part in parts:
            network = Network(weights, spec, part.precision, quantization, part.postprocess)
            path = folder / part.name
            part.format.write(path, network)
            size = sum(map(size_in_bytes, model_files(path)))
            echo(f"{part.name}: {size / 1e6:.2f} MB")
            if fault := gate.find_fault(path, part.format, network):
                echo(f"Not written: {part.name} is not the same detector: {fault}.", err=True)
                sys.exit(1)
        if bundle:
            models: dict[str, Path] = {
                needed.format: folder / needed.name for needed in BUNDLES[bundle].models
            }
            BUNDLES[bundle].write(folder, spec, models)
            with replacing_folder(target) as temporary:
                shutil.copytree(folder, temporary, dirs_exist_ok=True)
        else:
            _keep(folder / parts[0].name, target)
    _print_outcome(target, parts, bundle)


def _load(model: str, classes: str | None) -> tuple[Weights, ModelSpec]:
    from detector.runtime.model_file import ModelFile

    file = ModelFile(model, parse_classes(classes), say=echo)
    if file.path.suffix != ".npz":
        raise ModelError(
            f"Export starts from weights: expected a released model, the folder of a training run or a .npz "
            f"file, got {file.path}."
        )
    return file.weights()


def _resize(spec: ModelSpec, size: int, dataset: Path | None) -> ModelSpec:
    from detector.architecture import build_architecture

    if spec.input_hw == (size, size):
        return spec
    if dataset is None:
        raise DatasetError(
            "At another --input-size the network finds other things, and only AP can tell whether it still "
            "works: give annotated images with --dataset."
        )
    resized = replace(spec, input_hw=(size, size))
    grids = [build_architecture(each).feature_map_sizes_hw for each in (spec, resized)]
    if grids[0] != grids[1]:
        echo(
            f"Note: at {size}x{size} the anchors' grids are others than the weights were trained with; "
            "expect to lose AP."
        )
    return resized


def _list_parts(spec: ModelSpec, form: _Form) -> list[_Part]:
    from detector.exports.bundles import BUNDLES
    from detector.formats.table import find_format

    bundle, quantize = form.bundle, form.quantize
    if bundle is None:
        format_ = find_format(form.format_name, quantize)
        words = [
            safe_file_name(spec.name),
            *([quantize] if quantize != "none" else []),
            *(["detections"] * form.postprocess),
        ]
        return [_Part("-".join(words) + format_.suffix, format_, quantize, form.postprocess)]
    models = BUNDLES[bundle].models
    if quantize == "fp16" and all(needed.integer for needed in models):
        raise ModelError(f"--for {bundle} computes in integers throughout; leave --quantize out.")
    parts = []
    for needed in models:
        precision = "int8" if needed.integer else quantize
        format_ = find_format(needed.format, precision)
        parts.append(_Part(needed.name, format_, precision, True, needed.integer))
    return parts


def _check_target(target: Path, format_: Format | None) -> None:
    """Raise DetectorError where the export could not be written in the end."""
    from detector.formats.table import model_files

    if format_ is not None and format_.suffix:
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


def _calibrate(
    weights: Weights, spec: ModelSpec, parts: Sequence[_Part], calibration: Path | None, model: str
) -> Quantization | None:
    """How the parts are quantized, once for all of them; None if none is int8."""
    from detector.exports.trial_images import find_calibration_images, load_network_inputs
    from detector.formats.tflite.calibration import calibrate

    if not any(part.precision == "int8" for part in parts):
        return None
    inputs = load_network_inputs(find_calibration_images(calibration, model), spec, echo)
    return calibrate(weights, spec, inputs, integer_heads=any(part.integer_heads for part in parts))


def _keep(path: Path, target: Path) -> None:
    """Move an export from its temporary folder to where it is wanted, whole or not at all."""
    import shutil

    from detector.formats.table import model_files

    if path.is_dir():
        with replacing_folder(target) as temporary:
            shutil.copytree(path, temporary, dirs_exist_ok=True)
        return
    with ExitStack() as stack:  # the files of a pair are renamed once all are written
        for source, file in zip(model_files(path), model_files(target), strict=True):
            shutil.copyfile(source, stack.enter_context(replacing(file)))


def _print_outcome(target: Path, parts: Sequence[_Part], bundle: str | None) -> None:
    echo(f"Wrote {target}.")
    if bundle:
        echo(f"Next: read {target / 'README.md'}")
    elif parts[0].postprocess:
        echo("Input: image, uint8 RGB. Outputs: detections; docs/export.md says how to read them.")
    else:
        trust = "" if parts[0].format.suffix else " --trust"  # a SavedModel is a program
        echo(f"Next: ssdlite bench {shlex.quote(str(target))}{trust}")
