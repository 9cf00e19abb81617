"""AP against time: one, two and three input sizes, voting and tiles, everything in one run.

``python -m studies.accuracy_and_time DATASET`` prints the frontier of docs/postprocessing.md. Times are of
one frame, in turns, as multiples of the model's own; the number of tiles depends on the size of the frame, so
it is one of the usual size of the dataset.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np

from detector import evaluate
from detector.api.inputs import LoadOptions, open_detector
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.data.dataset import load_dataset_image
from detector.data.folder import load_split
from detector.evaluation.comparison import compare_detections
from detector.images import Image
from detector.runtime import Detector
from detector.system.terminal import ignore
from detector.system.timing import time_in_blocks

_WAYS: dict[str, LoadOptions] = {
    "300": {},
    "300, voting": {"voting": True},
    "512": {"input_size": 512},
    "300,448": {"input_size": "300,448"},
    "300,512": {"input_size": "300,512"},
    "300,512, voting (--accurate)": {"accurate": True},
    "300,640, voting": {"input_size": "300,640", "voting": True},
    "300,384,704, voting": {"input_size": "300,384,704", "voting": True},
    "300,512,704, voting": {"input_size": "300,512,704", "voting": True},
    "300,512,768, voting": {"input_size": "300,512,768", "voting": True},
    "300, --tile 400": {"tile": 400},
    "300, --tile 400, voting": {"tile": 400, "voting": True},
    "300, --tile 320": {"tile": 320},
    "300,512, --tile 400, voting": {"input_size": "300,512", "tile": 400, "voting": True},
}


def side_by_side(model: str, frame: Image) -> Callable[[], object]:
    """Both looks of 300,512 at the same time, each with half of the processors; without post-processing."""
    threads = max(1, Detector.load(model, say=None).threads // 2)
    runs = [
        Detector.load(model, input_size=size, threads=threads, say=None).bare_network(frame)
        for size in (300, 512)
    ]

    def run() -> None:
        other = threading.Thread(target=runs[0])
        other.start()
        runs[1]()
        other.join()

    return run


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for ssdlite eval.")
@click.option("--split", help="Which part of the dataset.")
@click.option("--rounds", type=click.IntRange(10), default=500, show_default=True, help="Resamplings.")
@click.option("--seconds", type=float, default=120.0, show_default=True, help="Time for timing.")
def command(dataset: Path, model: str, split: str | None, rounds: int, seconds: float) -> None:
    """Compare ways to find more in DATASET: AP, what is beyond chance, and time."""
    coco = load_split(dataset, split)
    coco.check_images()
    areas = [np.prod(image.size_wh or (0, 0)) for image in coco.images]
    frame = load_dataset_image(coco.images[int(np.argsort(areas)[len(areas) // 2])])
    detectors = {name: open_detector(model, how, ignore) for name, how in _WAYS.items()}
    calls: dict[str, dict[str, Callable[[], object]]] = {
        name: {"frame": partial(detector.detect, frame)} for name, detector in detectors.items()
    }
    for name in ("300", "512", "300,512"):
        calls[name]["network"] = detectors[name].bare_network(frame)
    calls["side by side"] = {"network": side_by_side(model, frame)}
    blocks = time_in_blocks(calls, seconds=seconds)
    plain = detectors["300"]
    first = evaluate(coco, model=plain)
    size = f"{frame.shape[1]}x{frame.shape[0]}"
    echo(f"{len(coco.images):,} images, a frame of {size}, {plain.threads} threads")
    echo("| way | time | AP | APs | APm | APl | difference | 95 % interval |")
    echo("|---|---|---|---|---|---|---|---|")
    for name, detector in detectors.items():
        found = evaluate(coco, model=detector)
        compared = compare_detections(coco, first.detections, found.detections, rounds=rounds)
        gap = compared.summary["AP"].difference
        times = blocks[name]["frame"].ratio(blocks["300"]["frame"])
        numbers = " | ".join(f"{100 * found.summary[each]:.2f}" for each in ("AP", "APs", "APm", "APl"))
        echo(
            f"| {name} | {times:.2f} | {numbers} | {100 * gap.value:+.2f} "
            f"| {100 * gap.low:+.2f} to {100 * gap.high:+.2f} |"
        )
    for what in ("frame", "network"):
        ratios = [blocks["300,512"][what].ratio(blocks[name][what]) for name in ("300", "512")]
        together = 1 / sum(1 / ratio for ratio in ratios)
        echo(f"{what}: 300,512 takes {together:.3f} of the time of 300 and of 512 one after the other")
    ratio = blocks["side by side"]["network"].ratio(blocks["300,512"]["network"])
    echo(f"network: side by side, half of the processors each, takes {ratio:.3f} of the time of 300,512")


if __name__ == "__main__":
    main(prog_name="accuracy_and_time_study", command=command)
