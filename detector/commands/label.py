"""``ssdlite label``: what a model finds, as labels that a person corrects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand
from detector.commands.label_choice import ChoiceOptions, choice_options, choose_pictures
from detector.commands.option_kinds import PATH
from detector.commands.options import (
    DEFAULT_SCORE_THRESHOLD,
    AccuracyOptions,
    ModelOptions,
    accuracy_options,
    collected,
    model_options,
    score_option,
)
from detector.commands.pictures_for_tool import refuse_names, stems_for, store_picture, tell_steps
from detector.errors import DetectorError
from detector.system.files import check_writable, free_folder, refuse_occupied, replacing_folder
from detector.system.invocation import command
from detector.system.terminal import counted, write_line

if TYPE_CHECKING:
    from detector.data.writers.proposals import ProposedImage
    from detector.data.writers.tools import Tool
    from detector.runtime import Detector

# Said once more here, so that ``--help`` imports nothing heavy; a test holds them to be the same.
TOOL_NAMES = ("cvat", "label-studio", "labelme", "yolo", "voc", "coco")
_DEFAULT_OUTPUT = Path("output/label")
_HALF = 0.5  # of a class's score threshold: a wrong box is deleted sooner than a missing one is drawn


@click.command("label", cls=OneValueCommand)
@click.argument("sources", nargs=-1, required=True, metavar="IMAGE|FOLDER|GLOB|URL...")
@click.option("--to", "tool", type=click.Choice(TOOL_NAMES), required=True, help="The tool, or the format.")
@model_options
@score_option(
    "--score",
    default=None,
    help="Least score of an object.  [default: half of that from which `ssdlite detect` shows it]",
)
@accuracy_options
@choice_options
@click.option(
    "--output",
    type=PATH,
    help="New folder for labels and pictures.  [default: output/label, or with a number]",
)
@collected(ModelOptions, "chosen")
@collected(AccuracyOptions, "accuracy")
@collected(ChoiceOptions, "choice")
def label_command(
    sources: tuple[str, ...],
    tool: str,
    chosen: ModelOptions,
    score_threshold: float | None,
    accuracy: AccuracyOptions,
    choice: ChoiceOptions,
    output: Path | None,
) -> None:
    """Label pictures with a model, for a person to correct in a labelling tool.

    Writes copies of the pictures with the labels into a new folder, in the form that the tool imports, and
    says how. Objects under the score from which `ssdlite detect` shows them are marked as unsure, where the
    format has a place for that. The folder, corrected, is what `ssdlite train` takes.
    """
    from detector.commands.detect_sources import sort_sources
    from detector.data.writers.tools import TOOLS
    from detector.runtime import Detector

    choice.check()
    output = output or free_folder(_DEFAULT_OUTPUT)
    refuse_occupied(output)
    _refuse_inside(output, sources)
    check_writable(output)
    found = sort_sources(sources, output)
    for sentence in found.left_out:
        write_line(f"Left out: {sentence}", to_errors=True)
    detector = Detector.load(chosen.model, say=write_line, **chosen.for_loading(), **accuracy.for_loading())
    refuse_names(detector.classes, tool, TOOLS[tool])
    batch = _Batch.begin(detector, score_threshold, list(found.failures))
    for video in found.videos:
        batch.failures.append(f"{video} is a video; labels are for pictures.")
    pictures = found.pictures
    if choice.count is not None and pictures:
        pictures = choose_pictures(pictures, detector, chosen.model, choice, batch.failures)
    with replacing_folder(output) as folder:
        batch.look_at(pictures, folder / TOOLS[tool].images, flat=TOOLS[tool].flat)
        for failure in batch.failures:
            write_line(f"Left out: {failure}", to_errors=True)
        if not batch.images:
            raise DetectorError("None of the images could be read; they are named above.")
        batch.write(TOOLS[tool], folder, output, Path(chosen.model).name)
    batch.tell(TOOLS[tool], output)
    if batch.failures:
        total = len(found.pictures) + len(found.videos) + len(found.failures)
        raise DetectorError(f"{len(batch.failures)} of {total} images were left out; they are named above.")


def _refuse_inside(output: Path, sources: Sequence[str]) -> None:
    """Raise DetectorError where the copies would be among the pictures of the next time."""
    for source in filter(os.path.isdir, sources):
        if output.resolve().is_relative_to(Path(source).resolve()):
            raise DetectorError(
                f"{output} lies inside the folder of pictures {source}; name a folder outside of it with "
                "--output."
            )


@dataclass
class _Batch:
    """What was found so far, and what was left out."""

    detector: Detector
    least: dict[str, float]
    sure: dict[str, float]
    failures: list[str]
    images: list[ProposedImage] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, detector: Detector, score_threshold: float | None, failures: list[str]) -> _Batch:
        """Let the detector find all that is to be proposed, by its own thresholds or from one score on."""
        own = detector.spec.class_thresholds
        sure = {name: own.get(name, DEFAULT_SCORE_THRESHOLD) for name in detector.classes}
        least = {
            name: _HALF * score if score_threshold is None else score_threshold
            for name, score in sure.items()
        }
        detector.score_threshold = min(least.values())
        return cls(detector, least, sure, failures)

    def look_at(self, sources: Sequence[Path | str], folder: Path, *, flat: bool) -> None:
        """Detect in the pictures, and store them in a folder or, unless all are to be in it, below it."""
        from tqdm import tqdm

        from detector.commands.picture_names import names_below

        names = names_below(sources)
        stems = stems_for(names, flat=flat)
        progress = tqdm(sources, desc="labelling", unit="image", disable=None, leave=False)
        for source, name, stem in zip(progress, names, stems, strict=True):
            try:
                self._add(source, name, stem, folder)
            except DetectorError as error:  # what cannot be written is none, and ends all
                self.failures.append(str(error))
            except MemoryError:
                self.failures.append(f"{name} is too large for this machine's memory.")

    def _add(self, source: Path | str, name: str, stem: str, folder: Path) -> None:
        from detector.commands.detect_sources import read_picture
        from detector.data.writers.proposals import ProposedImage, propose

        data, image = read_picture(source, name)
        objects = propose(self.detector.detect(image), self.least, self.sure)
        stored = store_picture(folder, name, stem, data, image)
        self.images.append(ProposedImage(stored, (image.shape[1], image.shape[0]), objects))
        if stored != Path(name).as_posix():
            self.renamed.append(f"{name} is {stored}")

    def write(self, tool: Tool, folder: Path, output: Path, model: str) -> None:
        """Write the labels into a folder that will be the output."""
        from detector.data.writers.proposals import Proposals

        tool.write(Proposals(self.images, self.detector.classes, model, output.absolute().name), folder)

    def tell(self, tool: Tool, output: Path) -> None:
        """Print what was written, and what to do with it."""
        objects = [each for image in self.images for each in image.objects]
        empty = sum(not image.objects for image in self.images)
        unsure = sum(each.unsure for each in objects)
        write_line(
            f"Wrote {output}: {counted(len(self.images), 'picture')} ({empty:,} without objects), "
            f"{counted(len(objects), 'object')}, of which {unsure:,} {'is' if unsure == 1 else 'are'} unsure."
        )
        if self.renamed:
            write_line(f"{counted(len(self.renamed), 'picture')} under another name: {self.renamed[0]}.")
        tell_steps(tool, output)
        write_line(f"When they are corrected: {command('train', output if tool.stays else 'FOLDER')}")
