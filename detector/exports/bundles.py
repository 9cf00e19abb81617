"""All bundles by the name that the user types."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from detector.exports.bundle import Bundle, BundleModel, numbered_lines, render, write_text
from detector.exports.frigate import EDGE_TPU_SETTINGS, FRIGATE, edge_tpu_settings
from detector.formats.tflite.postprocess import MOST_THREADS
from detector.labels import listing, one_line_names
from detector.spec import ModelSpec

_TFLITE = BundleModel("tflite", "ssdlite.tflite")


def _write_android(folder: Path, spec: ModelSpec, models: Mapping[str, Path]) -> None:
    write_text(folder / "README.md", render("android.md", classes=listing(spec.classes, 5)))


def _write_coral(folder: Path, spec: ModelSpec, models: Mapping[str, Path]) -> None:
    height, width = spec.input_hw
    labels = "labels.txt"
    write_text(folder / labels, numbered_lines(dict(enumerate(one_line_names(spec.classes)))))
    if height == width:  # Frigate takes no others
        write_text(folder / EDGE_TPU_SETTINGS, edge_tpu_settings(spec, "ssdlite_edgetpu.tflite", labels))
    write_text(folder / "README.md", render("coral.md", width=width, height=height))


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
