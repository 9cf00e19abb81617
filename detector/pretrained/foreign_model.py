"""Any SSDLite MobileNetV2 of the TensorFlow Object Detection API as weights of this project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detector.architecture import EXTRA_MAPS, build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.label_map import LabelMap
from detector.labels import tidy_name
from detector.pretrained.class_names import default_label_map, labels_inside, read_label_map
from detector.pretrained.foreign_facts import find_facts
from detector.pretrained.foreign_layers import ForeignLayer, check_kinds, slim_layers
from detector.pretrained.foreign_widths import fit_width, to_weights
from detector.pretrained.model_source import ModelSource, open_model
from detector.pretrained.pipeline_config import PipelineConfig, read_pipeline_config
from detector.spec import ModelSpec
from detector.system.reading import parsing
from detector.weights import check_weights

_NUM_MAPS = 2 + len(EXTRA_MAPS)
_ANY_NAME = ("frozen_inference_graph", "saved_model", "model", "detect", "checkpoint", "")
_AVERAGE = "/ExponentialMovingAverage"


@dataclass(frozen=True)
class ImportedModel:
    """What was imported.

    Attributes:
        weights, spec: the network.
        notes: a sentence each on what was assumed, and on what differs from the original.
    """

    weights: dict[str, FloatArray]
    spec: ModelSpec
    notes: tuple[str, ...]


def import_model(path: Path, labels: Path | None = None) -> ImportedModel:
    """The weights and the spec of a model of the TensorFlow Object Detection API.

    Number of classes, widths and anchors a cell are those of its layers. Input size, anchors, box coder and
    suppression are what ``pipeline.config`` beside it says, its graph, or its TFLite file; where neither says
    anything they are the released model's, and a note says so.

    Args:
        path: see ``open_model``.
        labels: names of the classes; see ``read_label_map``. Default: those inside a TFLite file.

    Raises:
        WeightsError: no such model, another architecture, which is named, or files that contradict each
            other.
    """
    # Whatever a damaged file has become, it is one that cannot be imported.
    with parsing(f"{path} is damaged or is no SSDLite MobileNetV2", WeightsError):
        return _import_model(path, labels)


def _import_model(path: Path, labels: Path | None) -> ImportedModel:
    source = open_model(path)
    config = (
        None
        if source.pipeline is None
        else read_pipeline_config(source.pipeline, f"pipeline.config of {path}")
    )
    layers = _layers(source, config)
    check_kinds(layers, source.title)
    per_cell, num_classes = _heads(layers, source.title)
    facts = find_facts(source, config, per_cell)
    if config is not None and config.num_classes != num_classes:
        raise WeightsError(
            f"pipeline.config of {path} has {config.num_classes} classes and the model has {num_classes}; it "
            "belongs to another model: put the right one beside it, or none."
        )
    if [len(shapes) for shapes in facts.anchors.shapes()] != per_cell:
        raise WeightsError(
            f"{source.title} has {per_cell} anchors a cell on its maps, expected "
            f"{[len(shapes) for shapes in facts.anchors.shapes()]}; put its pipeline.config beside it."
        )
    names = _names(source, labels, num_classes, path, facts.notes)
    spec = ModelSpec(
        name=_name(path.resolve()),
        classes=tuple(names.values()),
        input_hw=facts.input_hw,
        anchors=facts.anchors,
        width_multiplier=facts.width,
        box_coder_scales=facts.box_coder_scales,
        iou_threshold=facts.iou_threshold,
        max_detections=facts.max_detections,
        card={
            "source": f"imported from a model of the TensorFlow Object Detection API: {path.resolve().name}"
        },
    )
    spec = fit_width(spec, layers, source.title)
    architecture = build_architecture(spec)
    _note_widths(spec, layers, facts.notes)
    weights = to_weights(spec, layers, [0, *names])
    check_weights(weights, architecture, origin=source.title)
    if any(layer.folded for layer in layers.values()):
        facts.notes.append(
            "Its batch normalisation was folded into the kernels: it detects as it did, but to train on "
            "from it, import its checkpoint if there still is one."
        )
    return ImportedModel(weights, spec, tuple(facts.notes))


def _name(path: Path) -> str:
    """What a model is called: its file, or its folder where files of all models are called so."""
    name = tidy_name(path.name.split(".")[0])
    if name in _ANY_NAME and path.parent.name:
        name = tidy_name(path.parent.name)
    return name[:100] or "imported"


def _layers(source: ModelSource, config: PipelineConfig | None) -> dict[str, ForeignLayer]:
    if source.tflite is not None:
        return source.tflite.layers
    tensors = source.tensors
    if config is not None and config.averages:
        averages = {
            name.removesuffix(_AVERAGE): each for name, each in tensors.items() if name.endswith(_AVERAGE)
        }
        tensors = {**tensors, **averages}
    epsilons = {
        name.split("/BatchNorm/")[0]: node.epsilon
        for name, node in source.nodes.items()
        if node.epsilon is not None and "/BatchNorm/" in name
    }
    return slim_layers(tensors, epsilons, [*source.tensors, *source.nodes], source.title)


def _heads(layers: Mapping[str, ForeignLayer], title: str) -> tuple[list[int], int]:
    """Anchors of a cell for each map, and the number of classes."""
    boxes = [layers[f"box_head_{number}"].out_channels for number in range(_NUM_MAPS)]
    classes = [layers[f"class_head_{number}"].out_channels for number in range(_NUM_MAPS)]
    per_cell = [columns // 4 for columns in boxes]
    if any(columns % 4 for columns in boxes) or not all(per_cell):
        raise WeightsError(f"{title} has box heads of {boxes} columns, expected 4 for each anchor of a cell.")
    columns = {found / anchors for found, anchors in zip(classes, per_cell, strict=True)}
    if len(columns) != 1 or not min(columns).is_integer() or min(columns) < 2:
        raise WeightsError(
            f"{title} has class heads of {classes} columns for {per_cell} anchors a cell, expected the same "
            "number of columns for each anchor: background and one for each class."
        )
    return per_cell, int(min(columns)) - 1


def _names(
    source: ModelSource, labels: Path | None, num_classes: int, path: Path, notes: list[str]
) -> LabelMap:
    names = None
    if labels is not None:
        names = read_label_map(labels, num_classes)
    elif source.model:
        names = labels_inside(source.model, num_classes, str(path))
    if names is None:
        names, note = default_label_map(num_classes)
        notes.append(note)
    if len(names) < num_classes:
        notes.append(
            f"{num_classes - len(names)} of its {num_classes} classes have no name and are left out."
        )
    return names


def _note_widths(spec: ModelSpec, layers: Mapping[str, ForeignLayer], notes: list[str]) -> None:
    wider = [
        layer.name
        for layer in build_architecture(spec).layers
        if "class_head" not in layer.name and layer.out_channels > layers[layer.name].out_channels
    ]
    if wider:
        notes.append(
            f"{len(wider)} of its layers are narrower than those of a MobileNetV2 of width "
            f"{spec.width_multiplier:g}, and were filled with zeros: it computes the same."
        )
