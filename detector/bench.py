"""Speed as ratios: everything that is compared runs interleaved, in one process, on one machine."""

from __future__ import annotations

import itertools
import json
import os
import platform
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from tqdm import tqdm

from detector.data.coco import load_coco
from detector.data.dataset import Dataset, load_dataset_image
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import BackendError
from detector.files import check_writable, replacing
from detector.images import Image
from detector.pretrained import DEFAULT_MODEL, source_path
from detector.runtime import Detector

FRAME_WH = (640, 480)
_WARM_UP_ROUNDS = 10
_WARM_UP_IMAGES = 100
_CHUNK = 500  # images in a turn: so many that opening the workers' networks hardly counts


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call: median and 95th percentile."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Throughput:
    """Images per second of the evaluation and of the bare network, and memory in MB before and after."""

    evaluation: float
    network: float
    memory_before: float
    memory_after: float


def time_interleaved(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Timing]:
    """Time of each call, by name; the calls take turns, so all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in tqdm(
        range(-_WARM_UP_ROUNDS, rounds), desc="timing", unit="round", disable=None, leave=False
    ):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if round_ >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {
        name: Timing(*(1e3 * float(np.percentile(values, p)) for p in (50, 95)))
        for name, values in seconds.items()
    }


def bench_frames(detectors: Mapping[str, Detector], frame: Image, rounds: int) -> dict[str, Timing]:
    """Time of the network alone and of a whole frame (BGR to Detections) for each backend.

    The network alone is the backend's call: input in, outputs out. With the released model, and where
    TensorFlow is installed, the released graph runs in the same rounds, with the same thresholds.
    """
    calls: dict[str, Callable[[], Any]] = {}
    for name, detector in detectors.items():
        network_input = detector.preprocess(frame)
        calls[f"{name} network"] = partial(detector.backend.run, network_input)
        calls[f"{name} frame"] = partial(detector.detect, frame)
    official = _official_call(next(iter(detectors.values())), frame)
    if official:
        calls["official graph frame"] = official
    return time_interleaved(calls, rounds)


def _official_call(detector: Detector, frame: Image) -> Callable[[], Any] | None:
    source = source_path(DEFAULT_MODEL)
    if detector.spec.name != DEFAULT_MODEL or not source.exists():
        return None
    try:
        from detector.model.official_graph import load_official_graph
    except ImportError:
        return None
    graph = load_official_graph(source, detector.spec, detector.postprocess, detector.threads)
    rgb = np.ascontiguousarray(frame[..., ::-1])
    return lambda: graph(rgb)


def bench_evaluation(detector: Detector, dataset: Dataset, images: int) -> Throughput:
    """Throughput of evaluation, files to detections, against that of the bare network, in turns.

    Args:
        detector: with the thresholds of evaluation.
        dataset: whose images are repeated as needed.
        images: how many to run through.
    """
    network_input = detector.preprocess(load_dataset_image(dataset.images[0]))
    source = itertools.cycle(dataset.images)
    chunk = min(images, _CHUNK)
    turns = images // chunk
    spent = {"evaluation": 0.0, "network": 0.0}
    warm_up = itertools.islice(source, _WARM_UP_IMAGES)
    deque(detector.detect_batch(warm_up, load=load_dataset_image), maxlen=0)
    memory_before = resident_memory_mb()
    for _ in tqdm(range(turns), desc="throughput", unit_scale=chunk, disable=None):
        start = time.perf_counter()
        deque(detector.detect_batch(itertools.islice(source, chunk), load=load_dataset_image), maxlen=0)
        spent["evaluation"] += time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(chunk):
            detector.backend.run(network_input)
        spent["network"] += time.perf_counter() - start
    count = turns * chunk
    return Throughput(
        count / spent["evaluation"], count / spent["network"], memory_before, resident_memory_mb()
    )


def resident_memory_mb() -> float:
    """Resident memory of this process in MB; NaN where the system does not tell as Linux does."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run_bench(
    *,
    model: str,
    threads: int | None,
    backends: str,
    rounds: int,
    dataset: Path | None,
    images: int,
    score_threshold: float,
    output: Path | None,
) -> None:
    """Measure, print a table, and write the figures to a file if one is given."""
    coco = load_coco(dataset or SAMPLE_FOLDER)
    if output is not None:
        check_writable(output.absolute().parent)
    detectors = {}
    for name in backends.split(","):
        try:
            detectors[name] = Detector.load(
                model, backend=name, threads=threads, score_threshold=score_threshold, say=click.echo
            )
        except BackendError as error:
            click.echo(f"{name} is left out: {error}")
    if not detectors:
        raise BackendError("No backend is left to measure.")
    first = next(iter(detectors))
    frame = np.asarray(cv2.resize(load_dataset_image(coco.images[0]), FRAME_WH), np.uint8)
    timings = bench_frames(detectors, frame, rounds)
    evaluating = Detector.load(model, backend=first, threads=threads, score_threshold=None, say=click.echo)
    throughput = bench_evaluation(evaluating, coco, images)
    click.echo(format_report(timings, throughput, evaluating.threads))
    if output is not None:
        save_report(output, timings, throughput, evaluating.threads)
        click.echo(f"Wrote {output}.")


def format_report(timings: Mapping[str, Timing], throughput: Throughput, threads: int) -> str:
    """The figures as a table for the terminal."""
    official = timings.get("official graph frame")
    width, height = FRAME_WH
    lines = [
        f"{width}x{height} BGR to detections, {threads} threads, {platform.machine()}",
        f"{'':24}{'p50 ms':>8}{'p95 ms':>8}{'to network':>12}{'official graph':>16}",
    ]
    for name, timing in timings.items():
        network = timings.get(name.replace(" frame", " network"))
        to_network = f"{timing.p50 / network.p50:.3f}" if network and network is not timing else ""
        faster = f"{official.p50 / timing.p50:.2f}x" if official and name.endswith("frame") else ""
        lines.append(f"{name:24}{timing.p50:8.2f}{timing.p95:8.2f}{to_network:>12}{faster:>16}")
    share = throughput.evaluation / throughput.network
    lines += [
        f"evaluation {throughput.evaluation:.1f} images/s, bare network {throughput.network:.1f} images/s: "
        f"{share:.1%}",
        f"memory {throughput.memory_before:.0f} MB before, {throughput.memory_after:.0f} MB after",
    ]
    return "\n".join(lines)


def save_report(path: Path, timings: Mapping[str, Timing], throughput: Throughput, threads: int) -> None:
    """Write the figures as JSON."""
    record = {
        "machine": {"machine": platform.machine(), "system": platform.system(), "threads": threads},
        "milliseconds": {name: asdict(timing) for name, timing in timings.items()},
        "throughput": asdict(throughput),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1))
