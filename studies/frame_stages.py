"""``python -m studies.frame_stages``: where the time of a frame goes, stage by stage.

Each stage is timed where it stands, between the others, for alone it would find everything in the cache. The
frame as a whole takes turns with the stages, block by block, so the two can be held together.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click
import cv2
import numpy as np

from detector.bench.measurement import load_frame
from detector.commands.command_line import echo
from detector.detections import draw_detections
from detector.errors import BackendError
from detector.images import Image
from detector.nms import non_maximum_suppression
from detector.runtime import BACKENDS, Detector
from detector.system.timing import time_in_blocks

NETWORK = "network, outputs copied"


class Stages:
    """A frame, taken through the stages by hand; must do what ``Detector.detect`` does.

    Attributes:
        seconds: of each stage, frame by frame.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, image: Image) -> None:
        detector, postprocess = self._detector, self._detector.postprocess
        height, width = detector.spec.input_hw
        resized, rgb = detector.preprocess._scratch()
        network_input = detector.backend.input
        if network_input is None:
            network_input = np.empty((1, height, width, 3), np.float32)
        scale, offset = detector.spec.pixel_scale, detector.spec.pixel_offset
        time_ = self._time
        time_("resize", lambda: cv2.resize(image, (width, height), dst=resized))
        time_("BGR to RGB", lambda: cv2.cvtColor(resized, cv2.COLOR_BGR2RGB, dst=rgb))
        time_(
            "normalise into the input",
            lambda: cv2.addWeighted(rgb, scale, rgb, 0.0, offset, dst=network_input[0], dtype=cv2.CV_32F),
        )
        encodings, logits = time_(NETWORK, lambda: detector.backend.run(network_input))
        wanted = 4 * postprocess.max_detections
        anchors, columns, _ = time_("candidates", lambda: postprocess._best_candidates(logits, wanted))
        boxes = time_("decode", lambda: postprocess._decode(encodings, anchors))
        time_(
            "suppression",
            lambda: non_maximum_suppression(
                boxes,
                columns,
                iou_threshold=postprocess.iou_threshold,
                max_detections=postprocess.max_detections,
            ),
        )
        found = time_(
            "post-processing, all of it",
            lambda: postprocess(encodings, logits, (image.shape[1], image.shape[0])),
        )
        confident = found[found.scores >= 0.4]
        picture = image.copy()
        time_("drawing what is over .4", lambda: draw_detections(picture, confident))

    def _time(self, name: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = call()
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)
        return result


def measure_stages(detector: Detector, rounds: int) -> Iterator[tuple[str, float, float]]:
    """Name, median in ms and share of the bare network, of each stage and of the whole frame."""
    frame = load_frame()
    # The picture moves, as a camera's does: nothing of it is left in the nearest cache.
    pictures = itertools.cycle([np.ascontiguousarray(np.roll(frame, 5 * step, axis=1)) for step in range(8)])
    stages = Stages(detector)
    network_input = detector.preprocess(frame, out=detector.backend.input)
    calls = {
        "stages": lambda: stages(next(pictures)),
        "network": lambda: detector.backend.run(network_input),
        "frame": lambda: detector.detect(next(pictures)),
    }
    blocks = time_in_blocks({"": calls}, rounds=rounds)[""]
    network = 1e3 * float(np.median(stages.seconds[NETWORK]))
    for name, seconds in stages.seconds.items():
        median = 1e3 * float(np.median(seconds))
        yield name, median, median / network
    yield "bare network", blocks["network"].timing.p50, 1.0
    yield "whole frame", blocks["frame"].timing.p50, blocks["frame"].ratio(blocks["network"])


def compare_classes(backend: str, threads: int, classes: list[str], rounds: int) -> tuple[float, float]:
    """Time of the network, and of a whole frame, with some classes by that with all, in one run."""
    frame = load_frame()
    calls: dict[str, Callable[[], Any]] = {}
    for name, chosen in (("some", classes), ("all", None)):
        detector = Detector.load(backend=backend, threads=threads, classes=chosen, say=echo)
        network_input = detector.preprocess(frame)
        calls[f"network {name}"] = partial(detector.backend.run, network_input)
        calls[f"frame {name}"] = partial(detector.detect, frame)
    blocks = time_in_blocks({"": calls}, rounds=rounds)[""]
    network, whole = (blocks[f"{what} some"].ratio(blocks[f"{what} all"]) for what in ("network", "frame"))
    return network, whole


@click.command()
@click.option("--backends", default="litert,openvino", show_default=True, help="Runtimes.")
@click.option("--threads", default="2,1", show_default=True, help="Numbers of threads.")
@click.option("--score-thresholds", default="0.4,1e-8", show_default=True, help="Least scores.")
@click.option("--classes", help="Compare a network that is cut to these classes with the whole one instead.")
@click.option("--rounds", default=10, show_default=True, help="Blocks of a third of a second.")
def main(backends: str, threads: str, score_thresholds: str, classes: str | None, rounds: int) -> None:
    """Print the time of each stage of a frame, in ms and as a share of the network's."""
    for backend, number in itertools.product(backends.split(","), map(int, threads.split(","))):
        if backend not in BACKENDS:
            raise click.UsageError(f"there is no backend {backend!r}; there are {', '.join(BACKENDS)}.")
        try:
            if classes is not None:
                network, whole = compare_classes(backend, number, classes.split(","), rounds)
                echo(
                    f"{backend}, {number} threads, {len(classes.split(','))} classes against all: network "
                    f"{network:.3f}, whole frame {whole:.3f}"
                )
                continue
            for threshold in map(float, score_thresholds.split(",")):
                _print_stages(backend, number, threshold, rounds)
        except BackendError as error:
            echo(f"Left out: {backend}: {error}")


def _print_stages(backend: str, threads: int, threshold: float, rounds: int) -> None:
    detector = Detector.load(backend=backend, threads=threads, score_threshold=threshold, say=echo)
    echo(f"\n{backend}, {threads} threads, score threshold {threshold:g}")
    for name, milliseconds, share in measure_stages(detector, rounds):
        echo(f"  {name:28}{milliseconds:9.3f} ms{share:8.3f}")


if __name__ == "__main__":
    main()
