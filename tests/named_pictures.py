"""Pictures in folders of their classes, and a classifier that tells them apart by their colour."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from detector.architecture import LOGITS, layers_of
from detector.classifier_spec import ClassifierSpec
from detector.weights import save_weights

COLOURS = {"robin": (40, 60, 220), "wren": (60, 200, 60), "tit": (220, 120, 40)}  # BGR


def write_colours(root: Path, counts: Mapping[str, int], wrong: Mapping[str, str] | None = None) -> Path:
    """A folder of so many noisy pictures of a colour for each class.

    Args:
        counts: by path of the folder, whose name is a class.
        wrong: of these pictures, by path, another class's colour.
    """
    generator = np.random.default_rng(0)
    for folder, count in counts.items():
        for number in range(count):
            path = root / folder / f"{number}.png"
            shown = (wrong or {}).get(f"{folder}/{number}.png", path.parent.name)
            noise = generator.normal(0, 30, (6, 8, 3)) + COLOURS[shown]
            pixels = cv2.resize(np.clip(noise, 0, 255).astype(np.uint8), (48, 40))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return root


def save_colour_classifier(path: Path, classes: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """Weights of a small network that hands the colour on and calls a picture by the nearest one."""
    spec = ClassifierSpec("colours", classes, (32, 32), "mobilenet_v1", 0.25)
    weights = {}
    for key, shape in layers_of(spec).weight_shapes.items():
        values = np.full(shape, float(key.endswith(("gamma", "variance"))), np.float32)
        if key.endswith("kernel"):
            middle = values[shape[0] // 2, shape[1] // 2]  # (in, out); (channels, 1) where each is on its own
            middle[:] = 1 if shape[3] == 1 else np.eye(*middle.shape)
        weights[key] = values
    first = next(key for key in weights if key.endswith("beta"))
    weights[first] += 1  # to [0, 2], which no activation cuts
    colours = np.array([COLOURS[name] for name in classes])[:, ::-1] / 127.5
    kernel = np.zeros_like(weights[f"{LOGITS}/kernel"])
    kernel[0, 0, :3] = 40 * colours.T
    weights[f"{LOGITS}/kernel"] = kernel
    weights[f"{LOGITS}/bias"] = (-20 * (colours**2).sum(axis=1)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, weights, spec)
    return path
