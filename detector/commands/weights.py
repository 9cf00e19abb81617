"""``ssdlite weights``: the released weights and the cache."""

from __future__ import annotations

from pathlib import Path

import click

from detector.commands.command_line import OneValueGroup, echo
from detector.commands.option_kinds import PATH
from detector.commands.options import DEFAULT_MODEL


@click.group("weights", cls=OneValueGroup)
def weights_command() -> None:
    """Weights: fetch, list and remove released ones, import those of other programs."""


@weights_command.command("fetch")
@click.argument("name", default=DEFAULT_MODEL)
@click.option("--from", "from_file", type=PATH, help="A published archive that is already on this machine.")
def weights_fetch(name: str, from_file: Path | None) -> None:
    """Fetch released weights, verify and cache them, ready to run: no later command has to write there."""
    from detector.pretrained.releases import fetch
    from detector.runtime.model_file import ModelFile

    path = fetch(name, from_file=from_file, say=echo)
    ModelFile(name).tflite()
    echo(f"Ready: {path}")


@weights_command.command("import")
@click.argument("model", type=PATH, metavar="MODEL")
@click.option(
    "--labels", type=PATH, help="Names of its classes: a label map (.pbtxt), or a name a line (.txt)."
)
@click.option("--output", type=PATH, help="Where to write it.  [default: NAME.npz, in this folder]")
def weights_import(model: Path, labels: Path | None, output: Path | None) -> None:
    """Import any SSDLite MobileNetV2 of the TensorFlow Object Detection API, whatever its classes are.

    MODEL is a frozen graph, a checkpoint, a SavedModel, a TFLite export or a TF.js model: the file, its
    folder, or an archive of it. Input size and anchors are those of its graph, or of pipeline.config beside
    it.
    """
    from detector.input_sizes import describe_size
    from detector.labels import listing
    from detector.pretrained.foreign_model import import_model
    from detector.system.terminal import counted
    from detector.weights import save_weights

    if output is not None and output.exists():  # before the work
        raise click.UsageError(f"--output {output} exists; remove it, or choose another name.")
    imported = import_model(model, labels)
    spec = imported.spec
    path = output or Path(f"{spec.name}.npz")
    if path.suffix != ".npz":
        raise click.UsageError(f"--output {path}: weights are written as .npz; name a file that ends so.")
    if path.exists():
        raise click.UsageError(f"{path} exists; remove it, or choose another name with --output.")
    save_weights(path, imported.weights, spec)
    classes = counted(len(spec.classes), "class", "classes")
    echo(
        f"{classes} ({listing(spec.classes)}), input {describe_size(spec.input_hw)}, width "
        f"{spec.width_multiplier:g}."
    )
    for note in imported.notes:
        echo(note)
    echo(f"Ready: {path}; name it with --model.")


@weights_command.command("list")
def weights_list() -> None:
    """List the released weights and what is in the cache."""
    from detector.pretrained.releases import RELEASES, is_cached, is_intact, is_published_intact
    from detector.system.cache import cache_folder, converted_folder
    from detector.system.conversions import find_damaged_conversions

    for name, release in RELEASES.items():
        if not is_cached(name):
            state = "not fetched"
        else:
            state = "in the cache, verified" if is_intact(name) else "in the cache, DAMAGED: fetch it again"
        echo(f"{name}  {state}\n  {release.spec.card['source']} ({release.spec.card['licence']})")
        if not is_published_intact(name):
            echo("  its published archive in the cache is DAMAGED; it is fetched again when needed")
    for path in find_damaged_conversions(converted_folder()):
        echo(f"{path}  DAMAGED; it is made anew when needed")
    echo(f"Cache: {cache_folder()}")


@weights_command.command("remove")
@click.argument("name", default=DEFAULT_MODEL)
def weights_remove(name: str) -> None:
    """Delete released weights, and what was converted from them, from the cache."""
    from detector.pretrained.releases import is_cached, remove

    present = is_cached(name)
    remove(name)
    echo(f"Removed {name} from the cache." if present else f"{name} is not in the cache.")
