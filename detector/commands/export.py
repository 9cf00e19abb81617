"""``ssdlite export``: writes a model for other programs and devices, if it finds what the network finds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.option_kinds import PATH, InputSizes
from detector.commands.options import DEFAULT_MODEL, collected, is_given
from detector.labels import parse_classes
from detector.system.invocation import command

if TYPE_CHECKING:
    from detector.api.export import BundleName, FormatName, Precision


@dataclass(frozen=True)
class _Form:
    """What is asked for: one format, or the bundle of a consumer."""

    format_name: FormatName
    quantize: Precision
    postprocess: bool
    bundle: BundleName | None


@dataclass(frozen=True)
class _Evidence:
    """What tells whether an export is as good as the network, and how good it has to be."""

    calibration: Path | None
    dataset: Path | None
    max_ap_drop: float | None


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
    help="Images like those that the model will see, for int8, and to compare on where there are no "
    "annotated ones.  [default: what the run was trained on]",
)
@click.option(
    "--dataset",
    type=PATH,
    help="Annotated images to compare AP on; of a classifier, a folder of pictures for each class, for its "
    "accuracy.  [default: the run's validation images, if it is a run]",
)
@click.option("--classes", metavar="NAMES", help="Keep these classes alone; the others are cut out.")
@click.option(
    "--input-size",
    type=InputSizes(),
    metavar="SIZES",
    help="Side of the network's input in pixels, or HEIGHTxWIDTH; larger sees smaller objects. With "
    "post-processing inside also several, such as 300,512: the file looks at one picture at each of them.  "
    "[default: the model's]",
)
@click.option(
    "--max-ap-drop",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    help="AP that may be lost, or a classifier's accuracy.  [default: 0.1, 0.2 with fp16, 1 with int8]",
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
    input_size: str | None,
    output: Path | None,
) -> None:
    """Write a model for other programs and devices.

    Every export is run on images and compared with the network before it is kept; one that finds something
    else, or names pictures otherwise, is not written, and the exit code is 1. docs/export.md has names and
    shapes of inputs and outputs.
    """
    from detector.api.export import export
    from detector.exports.outcome import ExportError

    if form.bundle and (is_given(context, "format_name") or form.postprocess):
        raise click.UsageError("--for knows what its consumer needs; leave out --format and --postprocess.")
    if input_size and "," in input_size and not (form.bundle or form.postprocess):
        raise click.UsageError(
            "Several input sizes are one answer where the post-processing is inside: add --postprocess, or "
            "give one size."
        )
    try:
        written = export(
            model,
            form.format_name,
            quantize=form.quantize,
            postprocess=form.postprocess,
            output=output,
            say=echo,
            bundle=form.bundle,
            calibration=evidence.calibration,
            dataset=evidence.dataset,
            classes=parse_classes(classes),
            input_size=input_size,
            max_ap_drop=evidence.max_ap_drop,
            progress=True,
        )
    except ExportError as refused:
        echo(refused, err=True)
        sys.exit(1)
    echo(f"Wrote {written.path}.")
    if form.bundle:
        echo(f"Next: read {written.path / 'README.md'}")
    elif form.postprocess:
        echo("Input: image, uint8 RGB. Outputs: detections; docs/export.md says how to read them.")
    else:
        trust = ("--trust",) if form.format_name == "saved_model" else ()  # which is a program
        echo(f"Next: {command('bench', written.path, *trust)}")
