"""Writes frames of a fixed camera: noise, light that drifts, and now and then somebody who walks by."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np


def write_fixed_camera(
    root: Path, frames: int, size_wh: tuple[int, int] = (640, 480), cameras: int = 1
) -> None:
    """A YOLO folder of JPEG frames, of which one in ten shows an object; the cameras take turns."""
    width, height = size_wh
    rng = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("person\nvehicle\n")
    coarse = rng.integers(40, 200, (cameras, 12, 16, 3)).astype(np.uint8)
    scenes = [cv2.resize(each, size_wh, interpolation=cv2.INTER_CUBIC).astype(np.int16) for each in coarse]
    noise = rng.integers(-4, 5, (8, height, width, 1)).astype(np.int16)
    for number in range(frames):
        light = round(10 * np.sin(number / 700))
        pixels = np.clip(scenes[number % cameras] + noise[number % 8] + light, 0, 255).astype(np.uint8)
        label = ""
        if number // 5 % 10 == 0:
            side = int(rng.integers(height // 12, height // 4))
            x, y = (int(rng.integers(0, limit - side)) for limit in size_wh)
            pixels[y : y + side, x : x + side // 2] = rng.integers(0, 255, 3)
            box = ((x + side / 4) / width, (y + side / 2) / height, side / 2 / width, side / height)
            label = f"{number // 50 % 2} {' '.join(f'{value:.5f}' for value in box)}\n"
        (root / "images" / f"frame_{number}.jpg").write_bytes(cv2.imencode(".jpg", pixels)[1].tobytes())
        (root / "labels" / f"frame_{number}.txt").write_text(label)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--cameras", type=int, default=1)
    given = parser.parse_args()
    write_fixed_camera(given.root, given.frames, (given.width, given.height), given.cameras)
