"""``ssdlite classify``: what pictures show, likeliest first."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand
from detector.commands.option_kinds import PATH, InputSizes
from detector.commands.options import RuntimeOptions, collected, runtime_options
from detector.errors import DetectorError
from detector.system.files import check_writable, replacing
from detector.system.terminal import printable, write_line

if TYPE_CHECKING:
    from detector.classification import NamedScore
    from detector.runtime.classifier import Classifier

IMAGENET = "imagenet"  # said once more here, so that ``--help`` imports nothing heavy
_COLUMNS = ("image", "rank", "name", "score")
_STANDARD_OUTPUT = Path("-")

Answer = tuple[str, "list[NamedScore]"]  # of a picture, by what it is called


@click.command("classify", cls=OneValueCommand)
@click.argument("sources", nargs=-1, metavar="IMAGE|FOLDER|GLOB|URL...")
@click.option(
    "--model",
    default=IMAGENET,
    show_default=True,
    metavar="NAME|FILE",
    help="The folder of a training run, a .npz or exported file of this project, or a classifier of "
    "ImageNet: an .h5 of keras.applications, a .pth of torchvision, a .pb or .ckpt of TF-Slim; "
    f"{IMAGENET} is keras.applications' MobileNetV2, which is fetched the first time.",
)
@runtime_options
@click.option(
    "--input-size",
    type=InputSizes(several=False),
    metavar="SIZE",
    help="Side of the network's input in pixels, or HEIGHTxWIDTH; weights fit any, those of ImageNet know "
    "96, 128, 160, 192 and 224.  [default: the model's]",
)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many names to give.")
@click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write them to a file, too: .jsonl, a line of JSON for each picture, or .csv, a row for each name. "
    "- is lines of JSON in place of the text.",
)
@collected(RuntimeOptions, "runtime")
def classify_command(
    sources: tuple[str, ...],
    model: str,
    runtime: RuntimeOptions,
    input_size: str | None,
    top: int,
    output: Path | None,
) -> None:
    """Name what pictures show, the likeliest first.

    The model is a classifier: one that `ssdlite train` made from a folder of pictures per class, or one of
    ImageNet's 1,000 classes. Without anything to look at it takes the photographs that come with the package.
    """
    from detector.commands.detect_sources import sort_sources
    from detector.data.sample import SAMPLE_FOLDER
    from detector.runtime.classifier import Classifier

    to_errors = output == _STANDARD_OUTPUT
    check_output(output)
    if not sources:
        sources = (str(SAMPLE_FOLDER),)
        write_line("Looking at the photographs that come with the package.", to_errors=to_errors)
    found = sort_sources(sources, None, command_name="classify")
    for sentence in found.left_out:
        write_line(f"Left out: {sentence}", to_errors=True)
    classifier = Classifier.load(
        model,
        input_size=input_size,
        say=lambda line: write_line(line, to_errors=to_errors),
        **runtime.for_loading(),
    )
    if note := classifier.spec.card.get("note"):
        write_line(f"Note: {note}", to_errors=to_errors)
    answers: list[Answer] = []
    failures = [*found.failures, *(f"{video} is a video, and not a picture." for video in found.videos)]
    try:
        for picture in found.pictures:
            look_at(picture, classifier, top, answers, failures, aloud=not to_errors)
    finally:  # an interrupted run says what is there
        if answers and output is not None:
            write_answers(output, answers)
    for failure in failures:
        write_line(f"Left out: {failure}", to_errors=True)
    count = len(found.pictures) + len(found.failures) + len(found.videos)
    if not answers:
        raise DetectorError("None of the pictures could be read; they are named above.")
    if failures:
        raise DetectorError(f"{len(failures)} of {count} were left out; they are named above.")


def look_at(
    picture: Path | str,
    classifier: Classifier,
    top: int,
    answers: list[Answer],
    failures: list[str],
    *,
    aloud: bool,
) -> None:
    """Add the names of one picture to the answers, or what is wrong with it to the failures."""
    from detector.commands.detect_sources import shown_source
    from detector.images import load_image

    shown = shown_source(picture)
    try:
        names = classifier.classify(load_image(picture)).top(top)
    except DetectorError as error:
        failures.append(str(error))
        return
    except MemoryError:
        failures.append(f"{shown} is too large for this machine's memory.")
        return
    answers.append((shown, names))
    if aloud:
        write_line(f"{shown}: {', '.join(f'{printable(name)} {score:.1%}' for name, score in names)}")
    else:
        write_line(_to_json(shown, names))


def check_output(output: Path | None) -> None:
    """Raise UsageError for a file of another kind than those that are written, DetectorError for no place."""
    if output is None or output == _STANDARD_OUTPUT:
        return
    if output.suffix not in (".jsonl", ".csv"):
        raise click.UsageError(f"--output is a file that ends in .jsonl or .csv, or -, got {str(output)!r}.")
    if output.is_dir():
        raise click.UsageError(f"--output is a file; {output} is a folder.")
    check_writable(output.parent)


def write_answers(output: Path, answers: list[Answer]) -> None:
    """Write the names of all pictures to a file; raises DetectorError where it cannot be written."""
    if output == _STANDARD_OUTPUT:
        return
    text = io.StringIO()
    if output.suffix == ".csv":
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for shown, names in answers:
            rows.writerows(
                (shown, rank, name, round(score, 6)) for rank, (name, score) in enumerate(names, 1)
            )
    else:
        text.writelines(f"{_to_json(shown, names)}\n" for shown, names in answers)
    with replacing(output) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", errors="surrogateescape", newline="")


def _to_json(shown: str, names: list[NamedScore]) -> str:
    found = [{"name": name, "score": round(score, 6)} for name, score in names]
    return json.dumps({"image": shown, "names": found})
