"""``ssdlite bench``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detector.bench.baselines import OFFICIAL
from detector.bench.fingerprint import take_fingerprint
from detector.bench.fresh import measure_starts
from detector.bench.plot import draw_plot
from detector.bench.report import FRAME_WH, format_machine, format_rows, format_throughput, points, to_record
from detector.bench.rows import (
    Figures,
    Row,
    Runner,
    describe_file,
    open_rows,
    plan_rows,
)
from detector.bench.throughput import Throughput, bench_evaluation
from detector.commands.command_line import echo
from detector.data.dataset import Dataset
from detector.data.readers.coco import load_coco
from detector.data.sample import SAMPLE_FOLDER
from detector.data.selection import find_dataset
from detector.errors import DetectorError
from detector.evaluation.evaluate import evaluate
from detector.images import Image, load_image
from detector.labels import parse_classes
from detector.runtime import Detector
from detector.runtime.backend import check_name
from detector.runtime.model_file import ModelFile
from detector.system.files import check_writable, replacing
from detector.system.machine import available_threads
from detector.system.timing import Blocks, time_in_blocks


def run_bench(
    *,
    models: Sequence[str],
    backends: str | None,
    threads: Sequence[int],
    seconds: float,
    rounds: int | None,
    dataset: Path | None,
    classes: str | None,
    score_threshold: float,
    starts: int,
    images: int,
    baselines: bool,
    trust: bool,
    output: Path | None,
) -> None:
    """Measure, print a table, and write it to a folder if one is given."""
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
    photograph = load_image(SAMPLE_FOLDER / "astronaut.jpg")
    return np.asarray(cv2.resize(photograph, FRAME_WH), np.uint8)


def _measure_times(
    runners: Mapping[Row, Runner],
    frame: Image,
    figures: Mapping[Row, Figures],
    rounds: int | None,
    seconds: float,
) -> None:
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
    subtitle = f"{machine['cpu']}, {', '.join(machine['instructions'][-2:])}, {machine['date']}"
    with replacing(path) as temporary:
        temporary.write_text(draw_plot(list(points(figures)), subtitle), encoding="utf-8")
