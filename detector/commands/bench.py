"""``ssdlite bench``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import DEFAULT_MODEL, PATH, Numbers, score_option, trust_option
from detector.errors import DetectorError
from detector.labels import parse_classes
from detector.system.files import check_writable, replacing

if TYPE_CHECKING:
    from detector.bench.rows import Figures, Row, Runner
    from detector.bench.throughput import Throughput
    from detector.data.dataset import Dataset
    from detector.images import Image
    from detector.runtime import Detector
    from detector.system.timing import Blocks


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
@score_option(help="Least score of a detection, for all rows alike.")
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Take the released graph and OpenCV's runtime along, where they are there.",
)
@trust_option
@click.option("--output", type=PATH, metavar="FOLDER", help="Folder for bench.json and bench.svg.")
def bench_command(
    models: tuple[str, ...],
    backends: str | None,
    threads: tuple[int, ...],
    seconds: float,
    rounds: int | None,
    starts: int,
    dataset: Path | None,
    images: int,
    classes: str | None,
    score_threshold: float,
    baselines: bool,
    trust: bool,
    output: Path | None,
) -> None:
    """Measure speed: every MODEL on every runtime that is installed and can read it.

    MODEL is a name or a file as for `ssdlite detect`; the released model if none is given. Everything takes
    turns in one run, in blocks of a third of a second, so the ratios hold also on a busy machine. Times are
    those of the bare network and of a whole frame of a camera. The released graph in TensorFlow and OpenCV's
    own runtime take part as baselines, where they are there.
    """
    from detector.bench.baselines import OFFICIAL
    from detector.bench.fingerprint import take_fingerprint
    from detector.bench.fresh import measure_starts
    from detector.bench.report import FRAME_WH, format_machine, format_rows, to_record
    from detector.bench.rows import Figures, describe_file, open_rows, plan_rows
    from detector.data.selection import find_dataset
    from detector.runtime.backend import check_name
    from detector.runtime.model_file import ModelFile
    from detector.system.machine import available_threads

    models = models or (DEFAULT_MODEL,)
    names = None if backends is None else list(dict.fromkeys(map(str.strip, backends.split(","))))
    for name in names or ():
        check_name(name)
    annotated = None if dataset is None else find_dataset(dataset, None, None, None, images_needed=True)
    if annotated is not None:
        annotated.check_images()
    if output is not None:
        _check_folder(output)
    chosen = parse_classes(classes)
    numbers = list(dict.fromkeys(threads)) or [available_threads()]
    files = {model: ModelFile(model, say=echo) for model in models}
    runs_on = {model: names or file.backends for model, file in files.items()}
    planned = plan_rows(runs_on, numbers, chosen, score_threshold, baselines=baselines, trust=trust)
    machine = take_fingerprint()
    echo(format_machine(machine))
    runners = open_rows(list(planned), echo)
    frame = load_frame()
    figures = {row: Figures() for row in runners}
    for row in figures:
        if row.backend != OFFICIAL:
            figures[row].file_format, figures[row].file_mb = describe_file(files[row.model].path)
    if starts:
        for row, (tries, memory) in measure_starts(list(runners), starts).items():
            figures[row].start_seconds, figures[row].memory_mb = tries, memory
    _measure_times(runners, frame, figures, rounds, seconds)
    if annotated is not None:
        _measure_ap(runners, annotated, figures)
    echo(format_rows(figures))
    throughput = _measure_throughput(next(iter(runners)), annotated, images) if images else None
    if output is not None:
        settings = {
            "frame_wh": FRAME_WH,
            "seconds": None if rounds is not None else seconds,
            "rounds": rounds,
            "classes": chosen,
            "score_threshold": score_threshold,
            "dataset": None if annotated is None else annotated.split,
            "dataset_images": None if annotated is None else len(annotated.images),
        }
        _save(output, to_record(machine, settings, figures, throughput), figures, machine)


def load_frame() -> Image:
    """A photograph of the size that cameras have."""
    import cv2
    import numpy as np

    from detector.bench.report import FRAME_WH
    from detector.data.sample import SAMPLE_FOLDER
    from detector.images import load_image

    photograph = load_image(SAMPLE_FOLDER / "astronaut.jpg")
    return np.asarray(cv2.resize(photograph, FRAME_WH), np.uint8)


def _measure_times(
    runners: Mapping[Row, Runner],
    frame: Image,
    figures: Mapping[Row, Figures],
    rounds: int | None,
    seconds: float,
) -> None:
    from detector.bench.baselines import OFFICIAL
    from detector.system.timing import time_in_blocks

    calls = {row.key: runner.calls(frame) for row, runner in runners.items()}
    blocks = time_in_blocks(calls, rounds=rounds, seconds=seconds)
    official = next((blocks[row.key]["frame"] for row in runners if row.backend == OFFICIAL), None)
    for row, found in figures.items():
        own = blocks[row.key]
        found.frame = _percentiles(own["frame"])
        if "network" in own:
            found.network = _percentiles(own["network"])
            found.to_network = own["frame"].ratio(own["network"])
        if official is not None:
            found.to_official = official.ratio(own["frame"])


def _percentiles(blocks: Blocks) -> tuple[float, float]:
    return blocks.timing.p50, blocks.timing.p95


def _measure_ap(runners: Mapping[Row, Runner], dataset: Dataset, figures: Mapping[Row, Figures]) -> None:
    """AP of each model on each backend, once, whatever the number of threads; with the model's threshold."""
    from detector.evaluation.evaluate import evaluate

    known: dict[tuple[str, str], float] = {}
    for row, runner in runners.items():
        if row.is_baseline or runner.detector is None:
            continue
        key = row.model, row.backend
        if key not in known:
            echo(f"AP of {row.title} on {row.backend}", err=True)
            ap = evaluate(_evaluating(row), dataset).metrics.summary["AP"]
            known[key] = ap if ap >= 0 else math.nan  # COCO's -1: there is nothing to find
        figures[row].ap = known[key]


def _evaluating(row: Row) -> Detector:
    """The row's detector with the score threshold of evaluation and all processors' threads."""
    from detector.runtime import Detector

    return Detector.load(
        row.model,
        trust=row.trust,
        backend=row.backend,
        threads=row.threads,
        classes=row.classes,
        score_threshold=None,
        say=echo,
    )


def _measure_throughput(row: Row, dataset: Dataset | None, images: int) -> Throughput:
    from detector.bench.report import format_throughput
    from detector.bench.throughput import bench_evaluation
    from detector.data.readers.coco import load_coco
    from detector.data.sample import SAMPLE_FOLDER

    throughput = bench_evaluation(_evaluating(row), dataset or load_coco(SAMPLE_FOLDER), images)
    echo(format_throughput(row, throughput))
    return throughput


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DetectorError(f"{folder} is a file; --output takes a folder for bench.json and bench.svg.")
    check_writable(folder)


def _save(
    folder: Path, record: Mapping[str, Any], figures: Mapping[Row, Figures], machine: Mapping[str, Any]
) -> None:
    _save_plot(folder / "bench.svg", figures, machine)
    with replacing(folder / "bench.json") as path:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    echo(f"Wrote {folder / 'bench.json'} and {folder / 'bench.svg'}.")


def _save_plot(path: Path, figures: Mapping[Row, Figures], machine: Mapping[str, Any]) -> None:
    from detector.bench.plot import draw_plot
    from detector.bench.report import points

    subtitle = f"{machine['cpu']}, {', '.join(machine['instructions'][-2:])}, {machine['date']}"
    with replacing(path) as temporary:
        temporary.write_text(draw_plot(list(points(figures)), subtitle), encoding="utf-8")
