"""All bundles by the name that the user types."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from detector.export.bundle import Bundle, BundleModel, render, write_text
from detector.export.frigate import FRIGATE
from detector.labels import listing, one_line_names
from detector.spec import ModelSpec
from detector.tflite.postprocess import MOST_THREADS

_TFLITE = BundleModel("tflite", "ssdlite.tflite")


def _write_android(folder: Path, spec: ModelSpec, models: Mapping[str, Path]) -> None:
    write_text(folder / "README.md", render("android.md", classes=listing(spec.classes, 5)))


def _write_coral(folder: Path, spec: ModelSpec, models: Mapping[str, Path]) -> None:
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in one_line_names(spec.classes)))
    write_text(folder / "README.md", render("coral.md", width=spec.input_hw[1], height=spec.input_hw[0]))


def _write_python(folder: Path, spec: ModelSpec, models: Mapping[str, Path]) -> None:
    write_text(folder / "detect.py", render("detect.py.txt"))
    write_text(
        folder / "README.md", render("python.md", classes=listing(spec.classes, 5), threads=MOST_THREADS)
    )


BUNDLES = {
    "frigate": FRIGATE,
    "android": Bundle("Android apps, with MediaPipe Tasks", (_TFLITE,), _write_android),
    "coral": Bundle(
        "the Edge TPU of Coral, after its compiler",
        (BundleModel("tflite", "ssdlite.tflite", integer=True),),
        _write_coral,
    ),
    "python": Bundle("a script of your own, without this project", (_TFLITE,), _write_python),
}
