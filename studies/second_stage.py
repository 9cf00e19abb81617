"""What the second stage costs a live detection, and whether its names are right.

A video is made of parts of photographs, all but one of COCO's val2017, each with an object that one of
ImageNet's classes names without doubt, which move over a plain ground. The released detector finds them; a
classifier of ImageNet gives them their finer names. Pipelines with the second stage and without take turns
over the same frames; what is compared is their frames a second.

    python -m studies.second_stage mobilenet_v2-b0353104.pth COCO_FOLDER --output FOLDER
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np

from detector.api.inputs import load_dataset
from detector.commands.command_line import echo
from detector.data.sample import SAMPLE_FOLDER
from detector.images import Image, load_image
from detector.runtime import Detector
from detector.runtime.classifier import Classifier
from detector.runtime.second_stage import SecondStage
from detector.video.overlay import live_drawer
from detector.video.pipeline import LivePipeline
from detector.video.settings import LiveSettings
from detector.video.sources import open_source
from detector.video.tracking import Tracker
from studies.live import Camera

_FRAME_WH = (640, 480)
_RATE = 30
_SECONDS = 8  # that a part takes from one side to the other
_APART = 5  # seconds between the starts of two parts
# Photographs of val2017, the class of an object in each, and what it is for ImageNet.
_OBJECTS = {
    519611: ("bear", "ice bear"),
    415748: ("elephant", "Indian elephant"),
    435205: ("teddy bear", "teddy"),
    104455: ("zebra", "zebra"),
}
_COFFEE = ("cup", "espresso")  # in coffee.jpg of the package
_CONTEXT = 1.0  # of the box's sides, around it


def cut_parts(folder: Path) -> list[Image]:
    """The cup of coffee, and the largest object of the class of each photograph, with its surroundings."""
    dataset = load_dataset(folder)
    parts = [load_image(SAMPLE_FOLDER / "coffee.jpg")]
    for number, (name, _) in _OBJECTS.items():
        photo = load_image(next(image.path for image in dataset.images if image.id == number))
        boxes = [
            each["bbox"]
            for each in dataset.annotations
            if each["image_id"] == number and dataset.categories[each["category_id"]] == name
        ]
        left, top, width, height = max(boxes, key=lambda box: box[2] * box[3])
        rows = slice(max(0, round(top - _CONTEXT * height)), round(top + (1 + _CONTEXT) * height))
        columns = slice(max(0, round(left - _CONTEXT * width)), round(left + (1 + _CONTEXT) * width))
        parts.append(photo[rows, columns])
    return parts


def place_of(part: Image, number: int, frame: int) -> tuple[int, int, int, int] | None:
    """Left, top, width and height of a part in a frame, in pixels; None where it is not in it. The parts come
    from the left, grow, and leave at the right.
    """
    progress = (frame / _RATE - _APART * number) / _SECONDS
    if not 0 <= progress < 1:
        return None
    width, height = _FRAME_WH
    scale = (0.7 + 0.2 * progress) * height / max(part.shape[:2])
    own_width, own_height = round(part.shape[1] * scale), round(part.shape[0] * scale)
    return (
        round(-own_width + progress * (width + own_width)),
        (height - own_height) // 2,
        own_width,
        own_height,
    )


def write_video(path: Path, parts: Sequence[Image]) -> None:
    """Write the parts as they move over a plain ground."""
    width, height = _FRAME_WH
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    ground = np.array((118, 128, 122)) + cv2.GaussianBlur(noise, (0, 0), 1.5)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), _RATE, _FRAME_WH)
    for frame in range(_RATE * (_APART * (len(parts) - 1) + _SECONDS)):
        picture = ground.astype(np.uint8)
        for number, part in enumerate(parts):
            place = place_of(part, number, frame)
            if place is not None:
                left, top, *size_wh = place
                small = cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA)
                first, last = max(0, -left), min(size_wh[0], width - left)
                picture[top : top + size_wh[1], left + first : left + last] = small[:, first:last]
        writer.write(picture)
    writer.release()


def run(path: Path, looks: Detector | SecondStage, most: int) -> float:
    """Frames a second over the first frames of the video, as it is read from a file."""
    start, frames = time.perf_counter(), 0
    settings = LiveSettings(0.4)
    with LivePipeline(
        open_source(path), looks, settings=settings, tracker=Tracker(), max_frames=most
    ) as pipeline:
        for _ in pipeline:
            frames += 1
    return frames / (time.perf_counter() - start)


def run_camera(image: Image, looks: Detector | SecondStage, seconds: float) -> float:
    """Frames a second of a camera that gives more of them than can be looked at."""
    settings = LiveSettings(0.4)
    with LivePipeline(Camera(image, 240), looks, settings=settings, tracker=Tracker()) as pipeline:
        start, frames = time.perf_counter(), 0
        for _ in pipeline:
            frames += 1
            if time.perf_counter() - start >= seconds:
                break
    return frames / (time.perf_counter() - start)


def check_names(path: Path, stage: SecondStage, parts: Sequence[Image], output: Path) -> None:
    """Print which names each object got and how often, whatever class the detector took it for, and write
    some frames as they are shown.
    """
    found: list[Counter[str]] = [Counter() for _ in parts]
    draw = live_drawer()
    with LivePipeline(open_source(path), stage, settings=LiveSettings(0.4), tracker=Tracker()) as pipeline:
        for live in pipeline:
            names, kinds = live.detections.names, live.detections.kinds or ()
            for box, name, kind in zip(live.detections.boxes, names, kinds, strict=True):
                for number, part in enumerate(parts):
                    place = place_of(part, number, live.frame.number)
                    if place and name in stage.classifiers and _is_in(box.tolist(), place):
                        found[number][kind.name if kind else ""] += 1
            if live.frame.number % (2 * _RATE) == _RATE:
                cv2.imwrite(str(output / f"frame_{live.frame.number:04d}.jpg"), draw(live))
    for (_, right), counts in zip((_COFFEE, *_OBJECTS.values()), found, strict=True):
        named = counts.total() - counts[""]
        wrong = {name: count for name, count in counts.items() if name not in ("", right)}
        echo(
            f"{right}: found {counts.total()} times, named {named} times, {counts[right]} of them so {wrong}"
        )


def _is_in(box: Sequence[float], place: tuple[int, int, int, int]) -> bool:
    """Whether the middle of a box lies in a part's place."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top, width, height = place
    return left <= x < left + width and top <= y < top + height


def compare(what: str, pairs: Sequence[tuple[float, float]]) -> None:
    """Print the rates with and without, and the ratio with its interval over the pairs."""
    without, with_stage = np.array(pairs).T
    ratios = with_stage / without
    draws = np.random.default_rng(0).integers(0, len(ratios), (2000, len(ratios)))
    low, high = np.percentile(np.exp(np.log(ratios)[draws].mean(axis=1)), (2.5, 97.5))
    ratio = np.exp(np.log(ratios).mean())
    echo(
        f"{what}: {np.median(without):.1f} frames a second without, {np.median(with_stage):.1f} with; ratio "
        f"{ratio:.3f}, 95 % interval {low:.3f} to {high:.3f}, {len(ratios)} pairs"
    )


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("coco", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), required=True)
@click.option("--pairs", default=6, show_default=True, help="Runs with and without, in turn.")
@click.option("--frames", default=450, show_default=True, help="Of each run on the video.")
@click.option("--seconds", default=10.0, show_default=True, help="Of each run with a camera.")
def main(weights: Path, coco: Path, output: Path, pairs: int, frames: int, seconds: float) -> None:
    """Measure the second stage."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / "objects.mp4"
    parts = cut_parts(coco)
    write_video(path, parts)
    detector = Detector.load(score_threshold=0.4)
    classifier = Classifier.load(weights)
    stage = SecondStage(detector, {name: classifier for name, _ in (_COFFEE, *_OBJECTS.values())})
    check_names(path, stage, parts, output)
    image = np.asarray(cv2.resize(parts[1], _FRAME_WH), np.uint8)
    run(path, stage, 60)  # warms up
    files, cameras = [], []
    for number in range(pairs):
        order: list[Detector | SecondStage] = [detector, stage] if number % 2 == 0 else [stage, detector]
        rates = [run(path, each, frames) for each in order]
        files.append((rates[0], rates[1]) if number % 2 == 0 else (rates[1], rates[0]))
        rates = [run_camera(image, each, seconds) for each in order]
        cameras.append((rates[0], rates[1]) if number % 2 == 0 else (rates[1], rates[0]))
    compare("File", files)
    compare("Camera", cameras)


if __name__ == "__main__":
    main()
