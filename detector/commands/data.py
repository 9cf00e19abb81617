"""``ssdlite data``: datasets; fetching COCO."""

from __future__ import annotations

from pathlib import Path

import click

from detector.commands.check import check_command
from detector.commands.command_line import OneValueGroup, echo
from detector.commands.options import PATH
from detector.commands.records import records_command
from detector.system.invocation import command


@click.group("data", cls=OneValueGroup)
def data_command() -> None:
    """Datasets."""


@data_command.command("coco")
@click.argument("folder", type=PATH)
@click.option(
    "--split",
    type=click.Choice(["val2017", "train2017", "val2014", "train2014"]),
    default="val2017",
    show_default=True,
    help="Which images; val2017 is 1 GB, train2017 19 GB.",
)
@click.option(
    "--server",
    default="https://s3.amazonaws.com/images.cocodataset.org",
    show_default=True,
    help="COCO or a mirror.",
)
def data_coco(folder: Path, split: str, server: str) -> None:
    """Fetch COCO into FOLDER; a download that was cut off goes on where it was."""
    from detector.data.coco_download import download_coco

    dataset = download_coco(folder, split, server=server.rstrip("/"), say=echo)
    echo(f"{split} is ready in {folder}: {len(dataset.images):,} images.")
    echo(f"Next: {command('eval', folder, '--split', split)}")


data_command.add_command(check_command)
data_command.add_command(records_command)
