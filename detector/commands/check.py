"""``ssdlite data check``: what a training would see in a folder, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.label import TOOL_NAMES
from detector.commands.option_kinds import PATH, SIDE
from detector.commands.options import collected, parts_options
from detector.commands.wrong_labels import TRAINED_HERE, Asking, ask_model
from detector.errors import DatasetError
from detector.system.files import check_writable
from detector.system.invocation import command
from detector.system.terminal import counted, printable

if TYPE_CHECKING:
    from detector.checks.statistics import Statistics
    from detector.data.dataset import Dataset
    from detector.data.findings import Finding
    from detector.data.folder import LabelledFolder

_BAR = 30  # characters
_LONGEST_NAME = 24


@dataclass(frozen=True)
class _Parts:
    """Which images a training would train and validate on."""

    train: str | None
    val: str | None


@click.command("check", cls=OneValueCommand)
@click.argument("folder", type=PATH)
@parts_options
@click.option(
    "--input-size",
    type=SIDE,
    default=300,
    show_default=True,
    help="Of the model, in pixels.",
)
@click.option(
    "--fix", type=PATH, metavar="OUT", help="Write a repaired copy (COCO JSON) into this new folder."
)
@click.option(
    "--output",
    type=PATH,
    default=Path("output/check"),
    show_default=True,
    help="Folder for labelled.jpg and findings.json, and for what --with-model makes.",
)
@click.option(
    "--with-model",
    is_flag=False,
    flag_value=TRAINED_HERE,
    metavar="[RUN]",
    help="Look for labels that are wrong, by what models find that have not seen the pictures: three are "
    "trained for it, or those of RUN are taken: of a run with --folds on these pictures all are judged, of "
    "any other those that it held out.",
)
@click.option(
    "--to",
    "tool",
    type=click.Choice(TOOL_NAMES),
    help="Write the pictures that --with-model finds for this tool, to be corrected.",
)
@collected(_Parts, "splits")
@collected(Asking, "asking")
def check_command(
    folder: Path, splits: _Parts, input_size: int, fix: Path | None, output: Path, asking: Asking
) -> None:
    """Look through the labelled images in FOLDER, in any format that `ssdlite train` reads.

    Prints what a training would use, how large the objects are and what is wrong with the labels, draws some
    images with their boxes (of a folder of pictures for each class, with their classes), and writes a list of
    every finding with its file and line. FOLDER itself is never changed; --fix writes a copy in which the
    boxes and class numbers that can be put right are right, the rest is left out, images turned by EXIF are
    stored upright, and no part has images of another.
    """
    from detector.checks.repair import check_target, save_findings, write_repaired
    from detector.checks.review import review_labels
    from detector.checks.statistics import count_objects
    from detector.data.class_notes import class_notes
    from detector.data.contact_sheet import choose_images, draw_contact_sheet
    from detector.data.folder import load_labelled_folder
    from detector.images import save_image

    asking.check(fix)
    check_writable(output)
    train, val = splits.train, splits.val
    if fix is not None:
        check_target(fix, folder)
        check_writable(fix)
    labelled = load_labelled_folder(folder, train=train, val=val, review=review_labels)
    _refuse_what_needs_boxes(labelled, fix, asking)
    parts: dict[str, Dataset] = {"train": labelled.train, "val": labelled.val}
    if labelled.test is not None:
        parts["test"] = labelled.test
    counts = {name: count_objects(part, input_size) for name, part in parts.items()}
    echo(f"{folder}: {labelled.format}, {counted(len(labelled.classes), 'class', 'classes')}")
    echo(f"{labelled.split_note[0].upper()}{labelled.split_note[1:]}.")
    _print_parts(counts, labelled.names_pictures)
    _print_classes(labelled.train.categories, counts, labelled.names_pictures)
    if not labelled.names_pictures:
        _print_sizes(counts, input_size)
    _print_findings(labelled)
    for note in class_notes(labelled):
        echo(f"\n{printable(note)}")
    if not labelled.names_pictures:
        _warn_of_small_objects(counts["train"], input_size)
    picture = output / "labelled.jpg"
    sheet = draw_contact_sheet(labelled.train, choose_images(labelled.train))
    save_image(picture, sheet)
    save_findings(list(labelled.findings), output / "findings.json")
    fit = "is everything called what it is" if labelled.names_pictures else "do the boxes fit"
    echo(f"\nLook at {picture}: {fit}? {output / 'findings.json'} has every finding.")
    if fix is not None:
        _print_copy(*write_repaired(labelled, fix), fix)
        return
    if labelled.refusals:
        copied = "" if labelled.names_pictures else " With --fix OUT a repaired copy is written."
        raise DatasetError(f"A training would refuse this: {labelled.refusals[0]}{copied}")
    if asking.with_model is not None:
        ask_model(asking, labelled, (train, val), output)
    options = [*(("--train", train) if train else ()), *(("--val", val) if val else ())]
    echo(f"Next: {command('train', folder, *options)}")


def _refuse_what_needs_boxes(labelled: LabelledFolder, fix: Path | None, asking: Asking) -> None:
    """Raise DatasetError for options that a dataset of this kind cannot have."""
    from detector.data.named_pictures import refuse_named_pictures

    if fix is not None and labelled.format == "records":
        raise DatasetError(f"{labelled.root} holds records; repair the dataset that they were written from.")
    for option, given in (("--fix", fix), ("--with-model", asking.with_model)):
        if given is not None:
            refuse_named_pictures(labelled.train, option)


def _print_parts(counts: Mapping[str, Statistics], names_pictures: bool) -> None:
    echo("")
    for name, part in counts.items():
        if names_pictures:
            echo(f"  {name:6}{counted(part.images, 'image'):>16}")
            continue
        ignored = f", and {part.ignored:,} ignored (difficult or crowd)" if part.ignored else ""
        echo(
            f"  {name:6}{counted(part.images, 'image'):>16}{counted(part.objects, 'object'):>18}, "
            f"{part.negatives:,} without objects{ignored}"
        )


def _print_classes(
    categories: Mapping[int, str], counts: Mapping[str, Statistics], names_pictures: bool
) -> None:
    train, val = counts["train"].by_class, counts["val"].by_class
    width = min(_LONGEST_NAME, max(5, *map(len, categories.values())))
    what = "Images" if names_pictures else "Objects"
    echo(f"\n{what} by class\n  {'':{width}}{'train':>9}{'val':>9}")
    for id_, name in categories.items():
        bar = _bar(train[id_], train.values())
        echo(f"  {printable(name)[:width]:{width}}{train[id_]:>9,}{val[id_]:>9,}  {bar}".rstrip())


def _print_sizes(counts: Mapping[str, Statistics], input_size: int) -> None:
    from detector.checks.statistics import SIZE_BINS

    train, val = counts["train"].by_size, counts["val"].by_size
    echo(
        f"\nObjects by size: side in pixels once the image is {input_size} x {input_size}\n"
        f"  {'':12}{'train':>9}{'val':>9}"
    )
    for number, name in enumerate(SIZE_BINS):
        note = "  too small for the anchors" if number == 0 and (train[0] or val[0]) else ""
        bar = _bar(train[number], train)
        echo(f"  {name:12}{train[number]:>9,}{val[number]:>9,}  {bar}{note}".rstrip())


def _bar(count: int, counts: Collection[int]) -> str:
    """A bar of at most 30 characters, of at least one for what is there at all."""
    return "#" * max(count > 0, round(_BAR * count / max(1, *counts)))


def _print_findings(labelled: LabelledFolder) -> None:
    if not labelled.findings:
        echo("\nNothing is wrong with the labels.")
        return
    echo("\nFound")
    _print_list(labelled.findings)


def _print_list(findings: Collection[Finding]) -> None:
    for finding in findings:
        echo(f"  {finding.count:>6,}  {printable(finding.words)}\n{'':10}{printable(finding.example)}")


def _print_copy(parts: Mapping[str, Dataset], findings: Collection[Finding], target: Path) -> None:
    counts = ", ".join(f"{name} {len(part.images):,}" for name, part in parts.items())
    echo(f"\nWrote {target}: COCO JSON, images: {counts}")
    _print_list(findings)
    echo(f"Next: {command('train', target)}")


def _warn_of_small_objects(train: Statistics, input_size: int) -> None:
    from detector.checks.statistics import SMALLEST_SIDE

    small = train.by_size[0]
    if small * 2 > train.objects:
        echo(
            f"\nWarning: {small:,} of {train.objects:,} objects are under {SMALLEST_SIDE} pixels at "
            f"{input_size} x {input_size}, too small to be learned. Crop the images or cut them into tiles, "
            "or train with a larger input size."
        )
