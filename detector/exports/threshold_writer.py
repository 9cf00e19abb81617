"""A model with the score threshold of each class that an evaluation found, as a new file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from detector.any_size import resize_network
from detector.errors import ModelError
from detector.evaluation.analysis import Analysis
from detector.evaluation.evaluate import match_categories
from detector.formats.tflite.metadata import replace_spec
from detector.runtime import Detector
from detector.runtime.arguments import chosen_sizes
from detector.runtime.model_file import ModelFile
from detector.spec import ModelSpec
from detector.system.files import replacing
from detector.weights import load_weights, save_weights

_HIGHEST = 0.9999  # a threshold of 1 would show nothing


def check_target(model: str, target: Path, input_size: str | None, *, accurate: bool) -> None:
    """Raise ModelError unless the target's name ends as the model's file does, and one input size is asked
    for: thresholds of several sizes together are those of no model file.
    """
    file = ModelFile(model)
    if len(chosen_sizes(file.own_hw, input_size, accurate=accurate)) > 1:
        raise ModelError(
            "--write-thresholds writes a model of one input size, and at several the thresholds are others: "
            "leave out --accurate, and give one --input-size at most."
        )
    path = file.path
    suffix = path.suffix
    if suffix not in (".npz", ".tflite"):
        raise ModelError(
            f"--write-thresholds writes .npz and .tflite files, and the model is {path}; evaluate the "
            "weights or the TFLite file that it was made from."
        )
    if target.suffix != suffix:
        raise ModelError(
            "--write-thresholds writes the same kind of file as the model is: expected a name that ends in "
            f"{suffix}, got {target}."
        )


def save_thresholds(detector: Detector, model: str, analysis: Analysis, target: Path) -> Path:
    """Write the model with the best threshold of each class in its spec; returns the file.

    They hold for the input size that they were measured at, and that is the size of what is written. Classes
    without objects in the evaluation keep what they have.

    Args:
        detector: what was evaluated.
        model: the name or path that it was loaded from.
        analysis: of the evaluation.
        target: file to write; may be the model's own.

    Raises:
        DetectorError: the file cannot be written.
    """
    categories = analysis.dataset.categories
    found = {
        name: min(analysis.thresholds[categories[id_]], _HIGHEST)
        for name, id_ in match_categories(detector.classes, categories).items()
        if categories[id_] in analysis.thresholds
    }
    source = ModelFile(model).path
    if source.suffix == ".npz":
        weights, spec = resize_network(*load_weights(source), detector.spec.input_hw)
        save_weights(target, weights, _with_thresholds(spec, found))
    else:
        data = replace_spec(source.read_bytes(), _with_thresholds(detector.spec, found))
        with replacing(target) as temporary:
            temporary.write_bytes(data)
    return target


def _with_thresholds(spec: ModelSpec, found: dict[str, float]) -> ModelSpec:
    return replace(spec, class_thresholds={**spec.class_thresholds, **found})
