"""The ports of every model file that is run here, with the shapes that the spec inside it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from detector.architecture import PROBABILITIES, anchors_of
from detector.errors import ModelError
from detector.formats.table import read_classifier_spec, read_spec
from detector.layers import IMAGE

RAW_OUTPUTS = ("box_encodings", "class_logits")
_COMPLETE_OUTPUTS = {"detection_boxes", "detections"}


def check_network(path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise ModelError unless a network is one that this project runs, and the one that its spec describes.

    Args:
        path: the file, or the folder of a SavedModel.
        shapes: of its input and its outputs, by name.
    """
    names = set(shapes) - {IMAGE}
    if not set(RAW_OUTPUTS) <= names:
        if _COMPLETE_OUTPUTS & names:
            raise ModelError(
                f"{path} has the post-processing inside, for other programs; use the same model with raw "
                "outputs here."
            )
        raise ModelError(
            f"{path} has the outputs {', '.join(sorted(names)) or 'of no name'}, expected "
            f"{' and '.join(RAW_OUTPUTS)}; it is not a detector of this project."
        )
    spec = read_spec(path)
    anchors = len(anchors_of(spec))
    columns = (4, len(spec.classes) + 1)
    expected = dict(zip(RAW_OUTPUTS, ((1, anchors, each) for each in columns), strict=True))
    _check_shapes(path, shapes, {IMAGE: (1, *spec.input_hw, 3), **expected})


def check_classifier(path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """The same of a classifier."""
    spec = read_classifier_spec(path)
    _check_shapes(path, shapes, {IMAGE: (1, *spec.input_hw, 3), PROBABILITIES: (1, len(spec.classes))})


def _check_shapes(
    path: Path, shapes: Mapping[str, Sequence[int]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    for name, shape in expected.items():
        if tuple(shapes.get(name, ())) != shape:
            raise ModelError(
                f"{path} has the spec of another network: {name} should have the shape {shape} and has "
                f"{tuple(shapes.get(name, ()))}; export the model again."
            )
