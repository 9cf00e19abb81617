"""Images a second of an evaluation, against those of the bare network."""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass

from tqdm import tqdm

from detector.data.dataset import Dataset, load_dataset_image
from detector.runtime import Detector
from detector.system.timing import resident_memory_mb

_WARM_UP_IMAGES = 100
_CHUNK = 500  # images in a turn: so many that opening the workers' networks hardly counts


@dataclass(frozen=True)
class Throughput:
    """Images per second of the evaluation and of the bare network, and memory in MB before and after."""

    evaluation: float
    network: float
    memory_before: float
    memory_after: float


def bench_evaluation(detector: Detector, dataset: Dataset, images: int) -> Throughput:
    """Throughput of evaluation, files to detections, against that of the bare network, in turns.

    Args:
        detector: with the thresholds of evaluation.
        dataset: whose images are repeated as needed.
        images: how many to run through.
    """
    run_network = detector.bare_network(load_dataset_image(dataset.images[0]))
    source = itertools.cycle(dataset.images)
    chunk = min(images, _CHUNK)
    turns = images // chunk
    spent = {"evaluation": 0.0, "network": 0.0}
    warm_up = itertools.islice(source, min(images, _WARM_UP_IMAGES))
    deque(detector.detect_batch(warm_up, load=load_dataset_image), maxlen=0)
    memory_before = resident_memory_mb()
    for _ in tqdm(range(turns), desc="throughput", unit="image", unit_scale=chunk, disable=None, leave=False):
        start = time.perf_counter()
        deque(detector.detect_batch(itertools.islice(source, chunk), load=load_dataset_image), maxlen=0)
        spent["evaluation"] += time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(chunk):
            run_network()
        spent["network"] += time.perf_counter() - start
    count = turns * chunk
    return Throughput(
        count / spent["evaluation"], count / spent["network"], memory_before, resident_memory_mb()
    )
