"""``ssdlite model``: what a model is."""

from __future__ import annotations

from pathlib import Path

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import DEFAULT_MODEL
from detector.system.terminal import counted


@click.command("model", cls=OneValueCommand)
@click.argument("model", default=DEFAULT_MODEL, metavar="[NAME|FILE|CONFIG]")
def model_command(model: str) -> None:
    """Show a model: feature maps, parameters, multiply-adds and where it comes from."""
    from detector.architecture import build_architecture
    from detector.backbones import BACKBONES
    from detector.runtime.model_file import ModelFile
    from detector.training.config_file import load_config

    path = Path(model)
    spec = (
        load_config(path).model.build_spec(path.stem)
        if path.suffix in (".yaml", ".yml")
        else ModelFile(model, say=echo).spec
    )
    architecture = build_architecture(spec)
    height, width = spec.input_hw
    echo(
        f"{spec.name}: input {width}x{height} RGB, {counted(len(spec.classes), 'class', 'classes')}, ",
        nl=False,
    )
    echo(f"{BACKBONES[spec.backbone].title} of width multiplier {spec.width_multiplier:g}")
    echo(f"{architecture.trainable_parameters:,} trainable parameters, ", nl=False)
    echo(f"{architecture.multiply_adds:,} multiply-adds an image")
    for name, anchors in zip(architecture.feature_maps, spec.anchors.per_cell(), strict=True):
        layer = architecture[name]
        rows, columns = layer.out_hw
        each_cell = counted(anchors, "anchor")
        echo(f"  {name:18} {columns:>3}x{rows:<3} {layer.out_channels:>5} channels, {each_cell} a cell")
    for key, value in spec.card.items():
        echo(f"{key}: {value}")
