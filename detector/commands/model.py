"""``ssdlite model``: what a model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import DEFAULT_MODEL
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.classifier_spec import ClassifierSpec
    from detector.spec import ModelSpec

_VIEWS = {"whole": "the whole picture", "middle": "the square in the middle of the picture"}


@click.command("model", cls=OneValueCommand)
@click.argument("model", default=DEFAULT_MODEL, metavar="[NAME|FILE|CONFIG]")
def model_command(model: str) -> None:
    """Show a model: feature maps of a detector or view of a classifier, parameters, multiply-adds and where
    it comes from.
    """
    from detector.architecture import Architecture, layers_of
    from detector.backbones import BACKBONES
    from detector.classifier_spec import ClassifierSpec
    from detector.spec import ModelSpec

    spec = _read_spec(model)
    network = layers_of(spec)
    height, width = spec.input_hw
    echo(
        f"{spec.name}: input {width}x{height} RGB, {counted(len(spec.classes), 'class', 'classes')}, ",
        nl=False,
    )
    echo(f"{BACKBONES[spec.backbone].title} of width multiplier {spec.width_multiplier:g}")
    echo(f"{network.trainable_parameters:,} trainable parameters, ", nl=False)
    echo(f"{network.multiply_adds:,} multiply-adds an image")
    if isinstance(spec, ModelSpec) and isinstance(network, Architecture):
        for name, anchors in zip(network.feature_maps, spec.anchors.per_cell(), strict=True):
            layer = network[name]
            rows, columns = layer.out_hw
            each_cell = counted(anchors, "anchor")
            echo(f"  {name:18} {columns:>3}x{rows:<3} {layer.out_channels:>5} channels, {each_cell} a cell")
    elif isinstance(spec, ClassifierSpec):
        echo(f"A classifier; it looks at {_VIEWS[spec.view]}.")
    for key, value in spec.card.items():
        echo(f"{key}: {value}")


def _read_spec(model: str) -> ModelSpec | ClassifierSpec:
    """The spec of a model, or of what a config would train."""
    from detector.runtime.classifier_file import ClassifierFile, names_classifier
    from detector.runtime.model_file import ModelFile
    from detector.training.config_file import load_config

    path = Path(model)
    if path.suffix in (".yaml", ".yml"):
        return load_config(path).model.build_spec(path.stem)
    return (ClassifierFile if names_classifier(model) else ModelFile)(model, say=echo).spec
