"""Writes the file of a classifier, compares it with the network, and keeps it if it is as good."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from detector.errors import ArgumentError, ModelError
from detector.exports.classifier_gate import ClassifierGate
from detector.exports.outcome import Export
from detector.exports.request import Request, find_target, list_parts, require_annotated
from detector.exports.trial_images import find_calibration_images, find_trial_images, load_network_inputs
from detector.exports.writing import describe, keep, write_part
from detector.formats.network import ClassifierNetwork
from detector.formats.tflite.calibration import calibrate
from detector.runtime.classifier_file import ClassifierFile

_MOST_SIZES = 1


def write_classifier_export(request: Request, say: Callable[[str], None]) -> Export:
    """Write, compare, and keep what is as good as the network.

    Args:
        request: what to write, of a classifier.
        say: takes a line for each thing that is measured or takes time.

    Raises:
        ExportError: the gate refused it; nothing is written then.
        ArgumentError: what is asked for is a detector's alone.
        DetectorError: a model, pictures or a folder that cannot be used, or a runtime that is not installed.
    """
    _refuse_what_detectors_have(request)
    file = ClassifierFile(request.model, say=say)
    if not file.any_size:
        raise ModelError(
            "Export starts from weights: expected the folder of a training run, a .npz file or a classifier "
            f"of ImageNet, got {file.path}."
        )
    own_spec = file.spec
    (part,) = list_parts(own_spec, request)
    target = find_target(own_spec, request, [part])
    sized = file.at(request.sizes_hw[0]) if request.sizes_hw else file
    weights, spec = sized.weights()
    trial = find_trial_images(request.dataset, request.calibration, request.model, spec)
    require_annotated(request, annotated=trial.annotated, measure="accuracy", images="named pictures")
    gate = ClassifierGate(weights, spec, trial, request.max_ap_drop, say)
    quantization = None
    if part.precision == "int8":
        files = find_calibration_images(request.calibration, request.model)
        quantization = calibrate(weights, spec, load_network_inputs(files, spec, say))
    network = ClassifierNetwork(weights, spec, part.precision, quantization)
    with tempfile.TemporaryDirectory() as folder:
        write_part(Path(folder), part, network, gate, say)
        keep(Path(folder) / part.name, target)
    return describe(target, gate.comparisons)


def _refuse_what_detectors_have(request: Request) -> None:
    asked = {
        "--postprocess": request.postprocess,
        "--for": request.bundle is not None,
        "--classes": request.classes is not None,
        "several input sizes": len(request.sizes_hw) > _MOST_SIZES,
    }
    if words := [name for name, is_asked in asked.items() if is_asked]:
        raise ArgumentError(
            f"{request.model} is a classifier, and only detectors are exported with {' and '.join(words)}; a "
            "classifier's files take bytes and give probabilities as they are."
        )
