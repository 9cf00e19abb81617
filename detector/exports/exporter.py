"""Writes model files, compares them with the network, and keeps what is as good."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from detector.any_size import resize_network
from detector.errors import ModelError
from detector.exports.bundles import BUNDLES
from detector.exports.classifier_exporter import write_classifier_export
from detector.exports.gate import Gate
from detector.exports.outcome import Export
from detector.exports.request import Part, Request, find_target, list_parts, require_annotated
from detector.exports.trial_images import find_calibration_images, find_trial_images, load_network_inputs
from detector.exports.writing import describe, keep, write_part
from detector.formats.looks import Look
from detector.formats.network import Network
from detector.formats.table import WEIGHTS, format_of
from detector.formats.tflite.calibration import calibrate, share_ranges
from detector.formats.tflite.quantization import Quantization
from detector.input_sizes import describe_sizes
from detector.runtime.classifier_file import names_classifier
from detector.runtime.model_file import ModelFile
from detector.spec import ModelSpec
from detector.system.terminal import ignore


def write_export(request: Request, say: Callable[[str], None]) -> Export:
    """Write, compare, and keep what is as good as the network.

    Args:
        request: what to write.
        say: takes a line for each thing that is measured or takes time.

    Raises:
        ExportError: the gate refused it; nothing is written then.
        DetectorError: a model, images or a folder that cannot be used, or a runtime that is not installed.
    """
    if names_classifier(request.model):
        return write_classifier_export(request, say)
    own_spec, looks = _load(request, say)
    spec = looks[-1].spec
    parts = list_parts(own_spec, request)
    target = find_target(own_spec, request, parts)
    if request.bundle:
        BUNDLES[request.bundle].check(spec)
    trial = find_trial_images(request.dataset, request.calibration, request.model, spec)
    require_annotated(request, annotated=trial.annotated, measure="AP", images="annotated images")
    gate = Gate(looks, trial, request.max_ap_drop, say)
    if any(part.precision == "int8" for part in parts):
        looks = _calibrate(looks, parts, request, say)
    *smaller, largest = looks
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / "export"  # whose mode is that of any folder
        folder.mkdir()
        for part in parts:
            network = Network(
                largest.weights, spec, part.precision, largest.quantization, part.postprocess, tuple(smaller)
            )
            write_part(folder, part, network, gate, say)
        if request.bundle:
            bundle = BUNDLES[request.bundle]
            models: dict[str, Path] = {needed.format: folder / needed.name for needed in bundle.models}
            bundle.write(folder, spec, models)
            keep(folder, target)
        else:
            keep(folder / parts[0].name, target)
    return describe(target, gate.comparisons)


def _load(request: Request, say: Callable[[str], None]) -> tuple[ModelSpec, list[Look]]:
    """The spec of the weights as they are, and the network at each size that is asked for, the smallest
    first. The spec of the last, which goes into the file, says where there are several.
    """
    file = ModelFile(request.model, request.classes, say=say)
    if format_of(file.path) is not WEIGHTS:
        raise ModelError(
            f"Export starts from weights: expected a released model, the folder of a training run or a .npz "
            f"file, got {file.path}."
        )
    weights, spec = file.weights()
    sizes = request.sizes_hw or (spec.input_hw,)
    looks = [Look(*resize_network(weights, spec, size)) for size in sizes]
    if len(looks) > 1:
        largest = looks[-1].spec
        card = {**largest.card, "input_sizes": describe_sizes(sizes)}
        looks[-1] = replace(looks[-1], spec=replace(largest, card=card))
    return spec, looks


def _calibrate(
    looks: Sequence[Look], parts: Sequence[Part], request: Request, say: Callable[[str], None]
) -> list[Look]:
    """The looks with how they are quantized, once for all parts."""
    files = find_calibration_images(request.calibration, request.model)
    integer_heads = any(part.integer_heads for part in parts)
    found: list[Quantization] = []
    for look in looks:
        inputs = load_network_inputs(files, look.spec, ignore if found else say)
        found.append(calibrate(look.weights, look.spec, inputs, integer_heads=integer_heads))
    return [
        replace(look, quantization=shared) for look, shared in zip(looks, share_ranges(found), strict=True)
    ]
