"""``ssdlite data records``: labelled images as TFRecord files, to train at scale."""

from __future__ import annotations

from pathlib import Path

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.option_kinds import PATH
from detector.commands.options import parts_options
from detector.errors import DetectorError
from detector.labels import listing
from detector.system.invocation import command
from detector.system.terminal import counted
from detector.training.tensorflow_import import import_with_tensorflow


@click.command("records", cls=OneValueCommand)
@click.argument("dataset", type=PATH)
@click.argument("output", type=PATH)
@parts_options
@click.option(
    "--shards", type=click.IntRange(1, 99_999), help="Files of each split.  [default: one for 1,000 images]"
)
def records_command(
    dataset: Path, output: Path, train: str | None, val: str | None, shards: int | None
) -> None:
    """Write the labelled images in DATASET as TFRecord files into the folder OUTPUT.

    A few large files instead of many small ones, for network disks and many workers. `ssdlite train OUTPUT`
    trains as on DATASET. Model Garden's TfExampleDecoder reads them too, but does not turn images by EXIF.
    Needs TensorFlow.
    """
    from detector.data.folder import load_labelled_folder
    from detector.data.named_pictures import refuse_named_pictures

    writer = import_with_tensorflow("record_writer")
    writer.check_output(output)
    # There its files would be taken for a part of the dataset.
    if dataset.is_dir() and output.resolve().is_relative_to(dataset.resolve()):
        raise DetectorError(f"{output} lies in the dataset {dataset}; choose a folder outside of it.")
    labelled = load_labelled_folder(dataset, train=train, val=val)
    refuse_named_pictures(labelled.train, "`ssdlite data records`")
    for finding in labelled.findings:
        echo(f"Note: {finding}")
    writer.save_records(labelled, output, shards=shards)
    echo(f"{labelled.split_note[0].upper()}{labelled.split_note[1:]}.")
    for part in (labelled.train, labelled.val, labelled.test):
        if part is not None:
            files = len(list(output.glob(f"{part.split}-*.tfrecord")))
            images, objects = counted(len(part.images), "image"), counted(len(part.annotations), "object")
            echo(f"  {part.split:6}{images:>16}{objects:>19}{counted(files, 'file'):>13}")
    size = sum(path.stat().st_size for path in output.iterdir())
    echo(f"Wrote {output}: {_megabytes(size)}; classes: {listing(labelled.classes)}.")
    echo(f"Next: {command('train', output)}")


def _megabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
