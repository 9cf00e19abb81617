"""``ssdlite bench``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.option_kinds import PATH, InputSizes, Numbers
from detector.commands.options import DEFAULT_MODEL, collected, is_given, score_option, trust_option
from detector.errors import DetectorError
from detector.labels import parse_classes
from detector.system.files import check_writable

if TYPE_CHECKING:
    from detector.bench.rows import Row
    from detector.data.dataset import Dataset
    from detector.runtime.classifier_file import ClassifierFile
    from detector.runtime.model_file import ModelFile

# Options that a classifier has no use for.
_OF_DETECTORS = ("dataset", "images", "classes", "input_size", "score_threshold", "baselines")


@dataclass(frozen=True)
class _Asked:
    """What is to be compared."""

    models: tuple[str, ...]
    backends: str | None
    threads: tuple[int, ...]
    classes: str | None
    input_size: tuple[str, ...]
    score_threshold: float
    baselines: bool
    trust: bool

    def backend_names(self) -> list[str] | None:
        """Names of backends, each once; None for all that a model runs on. Raises BackendError."""
        from detector.runtime.backend import check_name

        if self.backends is None:
            return None
        names = list(dict.fromkeys(map(str.strip, self.backends.split(","))))
        for name in names:
            check_name(name)
        return names


@dataclass(frozen=True)
class _Effort:
    """How much is measured: new processes, time or rounds, and images."""

    starts: int
    seconds: float
    rounds: int | None
    images: int


@click.command("bench", cls=OneValueCommand)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--backends", metavar="NAMES", help="Runtimes to compare, for example 'litert,openvino'.  [default: all]"
)
@click.option(
    "--threads",
    type=Numbers(),
    default="",
    metavar="N,N...",
    help="Processors to use; each number gives rows of its own.  [default: all processors]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    default=60.0,
    show_default=True,
    help="Time for timing; more makes the ratios steadier.",
)
@click.option("--rounds", type=click.IntRange(1, 100_000), help="Timed rounds, in place of --seconds.")
@click.option(
    "--starts",
    type=click.IntRange(0, 100),
    default=3,
    show_default=True,
    help="New processes of each row, for the time to the first detection and for memory; 0 for none.",
)
@click.option("--dataset", type=PATH, help="Annotated dataset: adds AP, by backend, and its plot.")
@click.option(
    "--images",
    type=click.IntRange(0),
    default=500,
    show_default=True,
    help="Images for the evaluation's throughput, of the dataset or of the bundled sample; 0 for none.",
)
@click.option("--classes", metavar="NAMES", help="Look for these classes alone, for example 'person,car'.")
@click.option(
    "--input-size",
    type=InputSizes(),
    multiple=True,
    metavar="SIZES",
    help="Input size, as for `ssdlite eval`. May be given several times; each gives rows of its own.",
)
@score_option(help="Least score of a detection, for all rows alike.")
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Take the released graph and OpenCV's runtime along, where they are there.",
)
@trust_option
@click.option("--output", type=PATH, metavar="FOLDER", help="Folder for bench.json and bench.svg.")
@collected(_Asked, "asked")
@collected(_Effort, "effort")
@click.pass_context
def bench_command(
    context: click.Context, /, asked: _Asked, effort: _Effort, dataset: Path | None, output: Path | None
) -> None:
    """Measure speed: every MODEL on every runtime that is installed and can read it.

    MODEL is a name or a file as for `ssdlite detect`; the released model if none is given. Everything takes
    turns in one run, in blocks of a third of a second, so the ratios hold also on a busy machine. Times are
    those of the bare network and of a whole frame of a camera. The released graph in TensorFlow and OpenCV's
    own runtime take part as baselines, where they are there. Classifiers are measured in the same way, apart
    from detectors and without baselines.
    """
    from detector.bench import measurement, report
    from detector.bench.fingerprint import take_fingerprint
    from detector.bench.idle import describe_load, measure_free_share
    from detector.bench.rows import open_rows
    from detector.data.selection import find_dataset
    from detector.system.machine import available_threads

    classifying = _are_classifiers(context, asked)
    backends = asked.backend_names()
    annotated = None if dataset is None else find_dataset(dataset, None, None, None, images_needed=True)
    if annotated is not None:
        annotated.check_images()
    if output is not None:
        _check_folder(output)
    files, planned = _plan(asked, backends, classifying)
    machine = take_fingerprint()
    echo(report.format_machine(machine))
    runners = open_rows(planned, echo)
    threads = min(available_threads(), max(row.threads for row in runners))
    free = [measure_free_share(threads)]
    if remark := describe_load(free[0]):
        echo(remark, err=True)
    figures = measurement.measure_rows(
        runners, files, starts=effort.starts, rounds=effort.rounds, seconds=effort.seconds
    )
    if annotated is not None:
        measurement.measure_ap(runners, annotated, figures, echo, progress=partial(echo, err=True))
    echo(report.format_rows(figures, "probabilities" if classifying else "detections"))
    free.append(measure_free_share(threads))
    if remark := describe_load(min(free)):
        echo(remark)
    throughput = None
    if effort.images and not classifying:
        row = next(iter(runners))
        throughput = measurement.measure_throughput(row, annotated, effort.images, echo)
        echo(report.format_throughput(row, throughput))
    if output is not None:
        settings = _settings(asked, effort, annotated)
        settings["free_share"] = [round(share, 3) for share in free]
        report.save_record(output, report.to_record(machine, settings, figures, throughput), figures, machine)
        echo(f"Wrote {output / 'bench.json'} and {output / 'bench.svg'}.")


def _settings(asked: _Asked, effort: _Effort, annotated: Dataset | None) -> dict[str, object]:
    """What was asked for, for the record."""
    from detector.bench.report import FRAME_WH

    return {
        "frame_wh": FRAME_WH,
        "seconds": None if effort.rounds is not None else effort.seconds,
        "rounds": effort.rounds,
        "classes": parse_classes(asked.classes),
        "input_sizes": list(asked.input_size) or None,
        "score_threshold": asked.score_threshold,
        "dataset": None if annotated is None else annotated.split,
        "dataset_images": None if annotated is None else len(annotated.images),
    }


def _are_classifiers(context: click.Context, asked: _Asked) -> bool:
    """Whether the models are classifiers; refuses a mixture, and options that are a detector's alone."""
    from detector.runtime.classifier_file import names_classifier

    models = asked.models or (DEFAULT_MODEL,)
    classifiers = [model for model in models if names_classifier(model)]
    if not classifiers:
        return False
    if len(classifiers) < len(models):
        raise DetectorError(
            f"{classifiers[0]} is a classifier, and other models are detectors: measure them apart."
        )
    if given := [name for name in _OF_DETECTORS if is_given(context, name)]:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise DetectorError(f"{classifiers[0]} is a classifier; {options} holds for detectors alone.")
    return True


def _plan(
    asked: _Asked, backends: list[str] | None, classifying: bool
) -> tuple[dict[str, ModelFile | ClassifierFile], list[Row]]:
    """The files of the models, and the rows of the table."""
    from detector.bench.rows import plan_rows
    from detector.runtime.classifier_file import ClassifierFile
    from detector.runtime.model_file import ModelFile
    from detector.system.machine import available_threads

    classes = parse_classes(asked.classes)
    threads = list(dict.fromkeys(asked.threads)) or [available_threads()]
    kind = ClassifierFile if classifying else ModelFile
    files = {model: kind(model, say=echo) for model in asked.models or (DEFAULT_MODEL,)}
    rows = plan_rows(
        {model: backends or file.backends for model, file in files.items()},
        threads,
        classes,
        asked.score_threshold,
        baselines=asked.baselines and not classifying,
        trust=asked.trust,
        input_sizes=asked.input_size or (None,),
    )
    return files, list(rows)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DetectorError(f"{folder} is a file; --output takes a folder for bench.json and bench.svg.")
    check_writable(folder)
