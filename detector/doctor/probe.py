"""Tries one backend out, in a process of its own: ``python -m detector.doctor.probe NAME [WEIGHTS]``.

A library that was built for another processor ends its process without a word, and TensorFlow takes
seconds to import; neither may happen to the doctor. Prints a JSON object a line: what is known so far.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from detector.architecture import build_architecture
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DetectorError
from detector.images import load_image
from detector.pretrained.releases import DEFAULT_MODEL, RELEASES
from detector.runtime import Detector
from detector.weights import save_weights

_PHOTO, _CLASS = "chelsea.jpg", "cat"


def run_probe(backend: str, weights: Path | None) -> None:
    """Try a backend on the photograph of a cat, with the weights or, without them, with random numbers.

    TensorFlow takes minutes to build the network on a slow machine, so it computes a sum instead.
    """
    if backend == "tensorflow":
        from detector.model.devices import compute_sum, list_gpus

        _say(gpus=list_gpus())
        right = compute_sum(1000) == 499_500
        _say(**{"ran": "is imported and computes"} if right else {"error": "it computes wrongly"})
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SSDLITE_CACHE"] = (
            folder  # the conversion is made anew, and the user's cache stays as it is
        )
        try:
            detector = Detector.load(weights or _write_random_weights(Path(folder)), backend=backend)
            names = detector.detect(load_image(SAMPLE_FOLDER / _PHOTO)).names
        except DetectorError as error:
            _say(error=str(error))
            return
    if weights is not None and _CLASS not in names:
        _say(error=f"it finds {', '.join(names) or 'nothing'} in a photograph of a {_CLASS}")
        return
    _say(ran=f"finds the {_CLASS} in {_PHOTO}" if weights else "runs the network, with random weights")


def _write_random_weights(folder: Path) -> Path:
    spec = RELEASES[DEFAULT_MODEL].spec
    generator = np.random.default_rng(0)
    path = folder / "random.npz"
    shapes = build_architecture(spec).weight_shapes
    # Absolute values, because a variance is none below 0.
    save_weights(
        path, {k: np.abs(generator.normal(0, 0.05, s)).astype(np.float32) for k, s in shapes.items()}, spec
    )
    return path


def _say(**known: object) -> None:
    print(json.dumps(known), flush=True)


if __name__ == "__main__":
    run_probe(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)
