"""``ssdlite export``: writes a model for other programs and devices, if it finds what the network finds."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from detector.architecture import build_architecture
from detector.commands.command_line import echo
from detector.errors import DatasetError, ModelError
from detector.export.bundles import BUNDLES
from detector.export.gate import Gate
from detector.export.trial_images import find_calibration_images, find_trial_images, load_network_inputs
from detector.formats.contract import model_files
from detector.formats.table import Format, Network, find_format
from detector.formats.tflite.calibration import calibrate
from detector.formats.tflite.quantization import Quantization
from detector.labels import parse_classes
from detector.runtime.model_file import ModelFile
from detector.spec import ModelSpec
from detector.system.file_names import safe_file_name
from detector.system.files import check_writable, refuse_occupied, replacing, replacing_folder, size_in_bytes
from detector.weights import Weights


@dataclass(frozen=True)
class _Part:
    """A model file of an export: its name, format and kind."""

    name: str
    format: Format
    precision: str
    postprocess: bool
    integer_heads: bool = False


def run_export(
    *,
    model: str,
    format_name: str,
    quantize: str,
    postprocess: bool,
    bundle: str | None,
    calibration: Path | None,
    dataset: Path | None,
    classes: str | None,
    input_size: int | None,
    max_ap_drop: float | None,
    output: Path | None,
) -> None:
    """Write, compare, and keep what is as good as the network; exit with 1 where it is not."""
    weights, own_spec = _load(model, classes)
    spec = own_spec if input_size is None else _resize(own_spec, input_size, dataset)
    parts = _list_parts(spec, format_name, quantize, postprocess, bundle)
    target = output or Path("export") / (f"{safe_file_name(spec.name)}-{bundle}" if bundle else parts[0].name)
    _check_target(target, None if bundle else parts[0].format)
    trial = find_trial_images(dataset, calibration, model, spec)
    if max_ap_drop is not None and not trial.annotated:
        raise DatasetError(
            "--max-ap-drop is about AP, which takes annotated images: give them with --dataset."
        )
    gate = Gate(weights, own_spec, trial, max_ap_drop, echo)
    quantization = _calibrate(weights, spec, parts, calibration, model)
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
    file = ModelFile(model, parse_classes(classes), say=echo)
    if file.path.suffix != ".npz":
        raise ModelError(
            f"Export starts from weights: expected a released model, the folder of a training run or a .npz "
            f"file, got {file.path}."
        )
    return file.weights()


def _resize(spec: ModelSpec, size: int, dataset: Path | None) -> ModelSpec:
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


def _list_parts(
    spec: ModelSpec, format_name: str, quantize: str, postprocess: bool, bundle: str | None
) -> list[_Part]:
    if bundle is None:
        format_ = find_format(format_name, quantize)
        words = [
            safe_file_name(spec.name),
            *([quantize] if quantize != "none" else []),
            *(["detections"] * postprocess),
        ]
        return [_Part("-".join(words) + format_.suffix, format_, quantize, postprocess)]
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
    if not any(part.precision == "int8" for part in parts):
        return None
    inputs = load_network_inputs(find_calibration_images(calibration, model), spec, echo)
    return calibrate(weights, spec, inputs, integer_heads=any(part.integer_heads for part in parts))


def _keep(path: Path, target: Path) -> None:
    """Move an export from its temporary folder to where it is wanted, whole or not at all."""
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
