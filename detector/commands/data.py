"""``ssdlite data``: datasets; fetching COCO, and one to try training with."""

from __future__ import annotations

from pathlib import Path

import click

from detector.commands.check import check_command
from detector.commands.command_line import OneValueGroup, echo
from detector.commands.option_kinds import PATH
from detector.commands.records import records_command
from detector.system.invocation import command
from detector.system.terminal import counted


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
    "--clean",
    is_flag=True,
    help="Fetch only the images of val2017 or val2014 that the released weights were not trained on; some "
    "170 MB of val2017.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Fetch only so many images, always the same: like the whole in classes and in objects an image.",
)
@click.option(
    "--server",
    default="https://s3.amazonaws.com/images.cocodataset.org",
    show_default=True,
    help="COCO or a mirror.",
)
def data_coco(folder: Path, split: str, clean: bool, limit: int | None, server: str) -> None:
    """Fetch COCO into FOLDER; a download that was cut off goes on where it was.

    With --clean or --limit only the images that are wanted are fetched, one by one.
    """
    from detector.data.coco_download import download_coco, download_coco_part
    from detector.data.coco_part import CocoPart

    server = server.rstrip("/")
    name = split
    if clean or limit is not None:
        part = CocoPart(split, clean, limit)
        name, dataset = part.name, download_coco_part(folder, part, server=server, say=echo)
    else:
        dataset = download_coco(folder, split, server=server, say=echo)
    echo(
        f"{name} is ready in {folder}: {counted(len(dataset.images), 'image')}, "
        f"{counted(len(dataset.annotations), 'object')}."
    )
    echo(f"Next: {command('eval', folder, '--split', name)}")


@data_command.command("example")
@click.argument("folder", type=PATH)
@click.option(
    "--server", default="https://codeload.github.com", show_default=True, help="GitHub or a mirror."
)
def data_example(folder: Path, server: str) -> None:
    """Fetch a small dataset into FOLDER, to try training with.

    These are 200 photographs of raccoons with boxes in Pascal VOC's format, by Dat Tran, under the MIT
    licence; 50 MB are fetched.
    """
    from detector.data.example_download import download_example

    labels = download_example(folder, server=server.rstrip("/"), say=echo)
    echo(
        f"{folder} is ready: {counted(len(labels.images), 'image')}, "
        f"{counted(labels.num_objects, 'object')}, class {', '.join(labels.classes)}."
    )
    echo(f"Next: {command('data', 'check', folder)}")
    echo(f"Next: {command('train', folder)}")


data_command.add_command(check_command)
data_command.add_command(records_command)
