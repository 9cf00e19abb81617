"""Options that more than one command has, each declared once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

import click

from detector.commands.option_kinds import PATH, InputSizes, Score
from detector.labels import parse_classes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Said once more here, so that ``--help`` imports nothing heavy; a test holds them to be the same.
DEFAULT_MODEL = "ssdlite_mobilenet_v2_coco"
BACKEND_NAMES = ("litert", "tensorflow", "openvino", "onnxruntime")
DEFAULT_SCORE_THRESHOLD = 0.4

Command = TypeVar("Command", bound=Callable[..., object])


class RuntimeArguments(TypedDict):
    """Arguments of ``Detector.load``."""

    trust: bool
    backend: str | None
    threads: int | None


class ModelArguments(RuntimeArguments):
    """Those of a model that is chosen, too."""

    classes: list[str] | None


@dataclass(frozen=True)
class RuntimeOptions:
    """How a model is run."""

    trust: bool
    backend: str | None
    threads: int | None

    def for_loading(self) -> RuntimeArguments:
        """The same as arguments of ``Detector.load``."""
        return {"trust": self.trust, "backend": self.backend, "threads": self.threads}


@dataclass(frozen=True)
class ModelOptions(RuntimeOptions):
    """Which model is run, and how; ``classes`` are names joined by commas."""

    model: str
    classes: str | None

    def for_loading(self) -> ModelArguments:
        """The same as arguments of ``Detector.load``."""
        return {**super().for_loading(), "classes": parse_classes(self.classes)}


class AccuracyArguments(TypedDict):
    """Arguments of ``Detector.load``."""

    input_size: str | None
    accurate: bool
    voting: bool
    tile: int | None


@dataclass(frozen=True)
class AccuracyOptions:
    """What finds more for more time."""

    input_size: str | None
    accurate: bool
    voting: bool
    tile: int | None = None

    def for_loading(self) -> AccuracyArguments:
        """The same as arguments of ``Detector.load``."""
        if self.accurate and self.input_size is not None:
            raise click.UsageError("--accurate chooses the input sizes; leave out --input-size.")
        return {
            "input_size": self.input_size,
            "accurate": self.accurate,
            "voting": self.voting,
            "tile": self.tile,
        }


@dataclass(frozen=True)
class Selection:
    """Which images of which dataset; ``dataset`` is None where a command can do without it."""

    dataset: Path | None
    split: str | None
    image_ids: Path | None
    limit: int | None
    images: Path | None = None
    annotations: Path | None = None
    clean: bool = False


def collected(kind: type[DataclassInstance], name: str) -> Callable[[Command], Command]:
    """A decorator for below the options of a command: it hands those that are fields of a dataclass over as
    one argument of this name.
    """
    names = [field.name for field in fields(kind)]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call(*arguments: object, **values: object) -> object:
            own = {each: values.pop(each) for each in names if each in values}
            return command(*arguments, **{name: kind(**own)}, **values)

        return call  # type: ignore[return-value]

    return decorate


def joined(
    *options: Callable[[Callable[..., object]], Callable[..., object]],
) -> Callable[[Command], Command]:
    """Options as one decorator; the first is the first in the help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


host_option = click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address of the browser view; 0.0.0.0 lets other machines in, with a token.",
)


def port_option(default: int) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """``--port`` with a default of its own."""
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=default,
        show_default=True,
        help="Of the browser view; 0 for any that is free.",
    )


trust_option = click.option(
    "--trust", is_flag=True, help="Run a SavedModel, which is a program and can do what you can do."
)
backend_option = click.option(
    "--backend",
    type=click.Choice(BACKEND_NAMES),
    help="Runtime.  [default: what the model's file was made for; litert for names and weights]",
)
threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Processors to use.  [default: all]"
)
runtime_options = joined(trust_option, backend_option, threads_option)
"""For a command with an argument ``runtime: RuntimeOptions`` under ``collected``."""

model_options = joined(
    click.option(
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        metavar="NAME|FILE",
        help="A released model, the folder of a training run or of a SavedModel, or a .npz, .tflite, .onnx "
        "or OpenVINO .xml file of this project.",
    ),
    runtime_options,
    click.option(
        "--classes",
        metavar="NAMES",
        help="Look for these classes alone, for example 'person,traffic light' (names with commas in double "
        "quotes: '\"cup, large\",person').",
    ),
)
"""For a command with an argument ``chosen: ModelOptions`` under ``collected``."""

input_size_option = click.option(
    "--input-size",
    type=InputSizes(),
    metavar="SIZES",
    help="Side of the network's input in pixels, or HEIGHTxWIDTH; larger sees smaller objects. Several, such "
    "as 300,512, are looked at in turn, for one answer.  [default: the model's]",
)
accurate_option = click.option(
    "--accurate/--fast",
    help="Find the most within about four times the time, with two sizes and voting.  [default: fast]",
)
voting_option = click.option(
    "--voting", is_flag=True, help="Move each box to the mean of those around it: more AP."
)
accuracy_options = joined(
    input_size_option,
    accurate_option,
    voting_option,
    click.option(
        "--tile",
        type=click.IntRange(100, 20_000),
        metavar="PIXELS",
        help="Look at larger images also in tiles of this side, for small objects.",
    ),
)
"""For a command with an argument ``accuracy: AccuracyOptions`` under ``collected``."""

classify_option = click.option(
    "--classify",
    multiple=True,
    metavar="CLASS=RUN",
    help="Give the objects of a class their finer names by a classifier: the folder of its training run, or "
    "what `ssdlite classify --model` takes. May be given for several classes.",
)
images_option = click.option("--images", type=PATH, help="Folder of images, if it is not found by itself.")
selection_options = joined(
    click.option(
        "--split", help="Which annotations to take.  [default: val2017, val or test, or the only ones]"
    ),
    click.option("--image-ids", type=PATH, help="File with the ids of the images to take, one a line."),
    click.option("--limit", type=click.IntRange(1), help="Take the first images only."),
)
"""For a command with an argument ``selection: Selection`` under ``collected``."""

rounds_option = click.option(
    "--rounds",
    type=click.IntRange(10, 100_000),
    default=1000,
    show_default=True,
    help="Resamplings of the images, for the intervals.",
)

parts_options = joined(
    click.option(
        "--train", metavar="SPLIT", help="Split to train on, or several: 'train,val'.  [default: train]"
    ),
    click.option("--val", metavar="SPLIT", help="Split to validate on.  [default: val, or a fifth of train]"),
)


def score_option(
    *names: str, default: float | None = DEFAULT_SCORE_THRESHOLD, help: str = "Least score of a detection."
) -> Callable[[Command], Command]:
    """``--score-threshold``, with the default that a command has for it."""
    return click.option(
        *names,
        "--score-threshold",
        "score_threshold",
        type=Score(),
        default=default,
        show_default=default is not None,
        help=help,
    )


def is_given(context: click.Context, name: str) -> bool:
    """Whether an option was given on the command line, be it with its default."""
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
