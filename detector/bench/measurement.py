"""What is measured of the rows: their files, starts, times and AP."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from detector.bench.baselines import OFFICIAL
from detector.bench.fresh import measure_starts
from detector.bench.report import FRAME_WH
from detector.bench.rows import Figures, Row, Runner, describe_file
from detector.bench.throughput import Throughput, bench_evaluation
from detector.data.dataset import Dataset
from detector.data.readers.coco import load_coco
from detector.data.sample import SAMPLE_FOLDER
from detector.evaluation.evaluate import evaluate
from detector.images import Image, load_image
from detector.runtime import Detector
from detector.runtime.classifier_file import ClassifierFile
from detector.runtime.model_file import ModelFile
from detector.system.timing import Blocks, time_in_blocks


def load_frame() -> Image:
    """A photograph of the size that cameras have."""
    photograph = load_image(SAMPLE_FOLDER / "astronaut.jpg")
    return np.asarray(cv2.resize(photograph, FRAME_WH), np.uint8)


def measure_rows(
    runners: Mapping[Row, Runner],
    files: Mapping[str, ModelFile | ClassifierFile],
    *,
    starts: int,
    rounds: int | None,
    seconds: float,
) -> dict[Row, Figures]:
    """All but AP: of each row's file, of so many new processes, and of so many rounds or seconds in turns."""
    figures = {row: Figures() for row in runners}
    for row, found in figures.items():
        if row.backend != OFFICIAL:
            found.file_format, found.file_mb = describe_file(files[row.model].path)
    if starts:
        for row, (tries, memory) in measure_starts(list(runners), starts).items():
            figures[row].start_seconds, figures[row].memory_mb = tries, memory
    _measure_times(runners, figures, rounds, seconds)
    return figures


def _measure_times(
    runners: Mapping[Row, Runner], figures: Mapping[Row, Figures], rounds: int | None, seconds: float
) -> None:
    frame = load_frame()
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


def measure_ap(
    runners: Mapping[Row, Runner],
    dataset: Dataset,
    figures: Mapping[Row, Figures],
    say: Callable[[str], None],
    *,
    progress: Callable[[str], None],
) -> None:
    """AP of each model on each backend, once, whatever the number of threads; with the model's threshold."""
    known: dict[tuple[str, str | None, str], float] = {}
    for row, runner in runners.items():
        if row.is_baseline or runner.detector is None:
            continue
        key = row.model, row.input_size, row.backend
        if key not in known:
            progress(f"AP of {row.title} on {row.backend}")
            ap = evaluate(_evaluating(row, say), dataset).metrics.summary["AP"]
            known[key] = ap if ap >= 0 else math.nan  # COCO's -1: there is nothing to find
        figures[row].ap = known[key]


def _evaluating(row: Row, say: Callable[[str], None]) -> Detector:
    """The row's detector with the score threshold of evaluation and all processors' threads."""
    return Detector.load(
        row.model,
        trust=row.trust,
        backend=row.backend,
        threads=row.threads,
        classes=row.classes,
        input_size=row.input_size,
        score_threshold=None,
        say=say,
    )


def measure_throughput(
    row: Row, dataset: Dataset | None, images: int, say: Callable[[str], None]
) -> Throughput:
    """How quickly a row evaluates so many images, of the bundled sample if there is no dataset."""
    return bench_evaluation(_evaluating(row, say), dataset or load_coco(SAMPLE_FOLDER), images)
