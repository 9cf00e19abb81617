"""``ssdlite detect``: annotated pictures and JSON."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from detector.commands.command_line import OneValueCommand
from detector.commands.detect_results import IMAGES, RESULTS, VIDEOS, check_lists, files_of_run, write_list
from detector.commands.option_kinds import PATH
from detector.commands.options import (
    AccuracyOptions,
    ModelOptions,
    accuracy_options,
    classify_option,
    collected,
    model_options,
    score_option,
)
from detector.errors import DetectorError, ImageError
from detector.system.files import check_writable, free_folder
from detector.system.terminal import counted, write_line

if TYPE_CHECKING:
    from detector.detections import Detections
    from detector.runtime import Detector
    from detector.runtime.second_stage import SecondStage

_MOST_LINES = 20
_DEFAULT_OUTPUT = Path("output/detect")
# What would fail for every other picture, too.
_END_OF_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


@click.command("detect", cls=OneValueCommand)
@click.argument("sources", nargs=-1, metavar="IMAGE|FOLDER|GLOB|VIDEO|URL...")
@model_options
@score_option(
    "--score",
    default=None,
    help="Least score of a detection.  [default: the model's for each class, else 0.4]",
)
@accuracy_options
@classify_option
@click.option(
    "--output",
    type=PATH,
    help="Folder for the results; those of an earlier run are replaced.  [default: output/detect, or with a "
    "number]",
)
@collected(ModelOptions, "chosen")
@collected(AccuracyOptions, "accuracy")
def detect_command(
    sources: tuple[str, ...],
    chosen: ModelOptions,
    score_threshold: float | None,
    accuracy: AccuracyOptions,
    classify: tuple[str, ...],
    output: Path | None,
) -> None:
    """Find objects in pictures and videos.

    Writes annotated pictures, and detections.json in COCO's results format; of a video an annotated one, and
    a line of JSON for each frame. Without anything to look at it takes the photographs that come with the
    package.
    """
    from tqdm import tqdm

    from detector.commands.classifiers import open_second_stage, read_classifiers
    from detector.commands.detect_sources import sort_sources
    from detector.commands.picture_names import names_below, picture_names
    from detector.data.sample import SAMPLE_FOLDER
    from detector.input_sizes import describe_size
    from detector.runtime import Detector
    from detector.spec import DEFAULT_SCORE_THRESHOLD
    from detector.system.opencv_build import missing_gui_note

    if not sources:
        sources = (str(SAMPLE_FOLDER),)
        write_line("Looking at the photographs that come with the package.")
    named = read_classifiers(classify)
    output = output or free_folder(_DEFAULT_OUTPUT)
    found = sort_sources(sources, output)
    check_writable(output)
    check_lists(output)
    for sentence in found.left_out:
        write_line(f"Left out: {sentence}", to_errors=True)
    if note := missing_gui_note():
        write_line(note, to_errors=True)
    detector = Detector.load(
        chosen.model,
        score_threshold=DEFAULT_SCORE_THRESHOLD if score_threshold is None else score_threshold,
        class_thresholds=score_threshold is None,
        say=write_line,
        **chosen.for_loading(),
        **accuracy.for_loading(),
    )
    stage = open_second_stage(detector, named, chosen, write_line)
    if score_threshold is None and (own := detector.spec.class_thresholds):
        least, most = min(own.values()), max(own.values())
        other = detector.input_sizes != (detector.own_hw,)
        note = f", as measured at input size {describe_size(detector.own_hw)}" * other
        write_line(f"Score thresholds of the model, class by class: {least:g} to {most:g}{note}")
    earlier = files_of_run(output)
    batch = _Batch(stage or detector, output, failures=list(found.failures))
    names = names_below(found.pictures)
    progress = tqdm(found.pictures, desc="detecting", unit="image", disable=None, leave=False)
    try:
        for path, name, picture_name in zip(progress, names, picture_names(names), strict=True):
            batch.add(path, name, picture_name)
        for video in found.videos:
            batch.add_video(video)
    except KeyboardInterrupt:  # the lists say what is there, for people and for a later run
        batch.write_records(earlier)
        raise
    batch.finish(len(found.pictures) + len(found.failures), len(found.videos), earlier)


class _Entry(TypedDict):
    """An image in ``images.json``: its name in ``detections.json``, where it lies, and its picture."""

    file_name: str
    image: str
    width: int
    height: int
    picture: str


@dataclass
class _Batch:
    """What was found so far, and what was left out."""

    detector: Detector | SecondStage
    output: Path
    images: list[_Entry] = field(default_factory=list)
    results: list[Mapping[str, object]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    videos: list[dict[str, str]] = field(default_factory=list)

    def add(self, path: Path | str, name: str, picture_name: str) -> None:
        """Detect in one image and write its picture."""
        from detector.commands.detect_sources import shown_source
        from detector.detections import draw_detections
        from detector.evaluation.coco_results import to_named_results
        from detector.images import load_image, save_image

        shown = shown_source(path)
        try:
            image = load_image(path)
            detections = self.detector.detect(image)
            drawn = draw_detections(image, detections)
            # JPEG ends at 65,500 pixels a side.
            picture = self.output / f"{picture_name}{'.jpg' if max(drawn.shape) <= 65_500 else '.png'}"
            if picture.is_symlink():  # what it leads to may be the photograph itself
                raise ImageError(f"{picture} is a link, which is not written through; remove it.")
            save_image(picture, drawn)
        except DetectorError as error:
            if getattr(error.__cause__, "errno", None) in _END_OF_ALL:
                raise
            self.failures.append(str(error))
            return
        except MemoryError:
            self.failures.append(f"{shown} is too large for this machine's memory.")
            return
        file_name = Path(name).as_posix()
        self.results += to_named_results(detections, file_name)
        self.images.append(
            {
                "file_name": file_name,
                "image": shown,
                "width": image.shape[1],
                "height": image.shape[0],
                "picture": str(picture),
            }
        )
        if len(self.images) <= _MOST_LINES:
            write_line(f"{shown}: {describe(detections)}")

    def add_video(self, video: str) -> None:
        """Detect in one video and write what was found."""
        from detector.commands.detect_videos import detect_in_video
        from detector.commands.picture_names import names_below

        try:
            stem = self.output / Path(*names_below([video])).stem
            detect_in_video(video, stem, self.detector, write_line, begun=self.videos.append)
        except DetectorError as error:
            if getattr(error.__cause__, "errno", None) in _END_OF_ALL:
                raise
            self.failures.append(str(error))

    def finish(self, pictures: int, videos: int, earlier: set[Path]) -> None:
        """Write the records, and tell what has become of so many images and videos."""
        for failure in self.failures:
            write_line(f"Left out: {failure}", to_errors=True)
        kinds = " and ".join(["images"] * bool(pictures) + ["videos"] * bool(videos))
        if not self.images and not self.videos:
            raise DetectorError(f"None of the {kinds} could be read; they are named above.")
        self.write_records(earlier)
        if self.failures:
            raise DetectorError(
                f"{len(self.failures)} of {pictures + videos} {kinds} were left out; they are named above."
            )

    def write_records(self, earlier: set[Path]) -> None:
        """Write the lists of what was found, and remove what an earlier run has left."""
        write_list(self.output / RESULTS, self.results)
        write_list(self.output / IMAGES, self.images)
        if self.videos or (self.output / VIDEOS).exists():
            write_list(self.output / VIDEOS, self.videos)
        if self.images:
            more = f" (the first {_MOST_LINES} are shown above)" if len(self.images) > _MOST_LINES else ""
            pictures = counted(len(self.images), "picture")
            write_line(f"{pictures} with {RESULTS} and {IMAGES} are in {self.output}{more}.")
        written = [image["picture"] for image in self.images]
        written += [str(video[key]) for video in self.videos for key in ("annotated", "frames")]
        gone = earlier - {Path(each).resolve() for each in written}
        for path in gone:
            with suppress(OSError):
                path.unlink()
        if gone:
            write_line(f"{counted(len(gone), 'file')} of an earlier run in that folder made way for them.")


def describe(detections: Detections) -> str:
    """The detections in words: ``2 person, 1 dog``, and with kinds ``2 bird (1 robin)``."""
    names = detections.names
    kinds = [(name, kind.name) for name, kind in zip(names, detections.kinds or (), strict=False) if kind]
    said = []
    for name in dict.fromkeys(names):
        own = [f"{kinds.count(each)} {each[1]}" for each in dict.fromkeys(kinds) if each[0] == name]
        said.append(f"{names.count(name)} {name}" + (f" ({', '.join(own)})" if own else ""))
    return ", ".join(said) or "nothing found"
