"""The bundle for Frigate, the video recorder that looks for objects in the pictures of cameras.

Frigate gives its models squares cut out of the picture, as bytes, and names the classes after a list of its
own unless it is told of another.

Source: Frigate, ``frigate/detectors`` (``detector_config.py``, ``plugins/cpu_tfl.py``,
``plugins/openvino.py``), ``load_labels`` in ``frigate/util/builtin.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from detector.errors import ModelError
from detector.exports.bundle import Bundle, BundleModel, numbered_lines, render, write_text
from detector.labels import listing, one_line_names
from detector.spec import ModelSpec

# Frigate sees this folder inside its container; /config is the user's own folder there.
_MOUNTED = "/config/ssdlite"
_LABELS = {"tflite": "labelmap-cpu.txt", "openvino": "labelmap-openvino.txt"}
EDGE_TPU_SETTINGS = "frigate-edgetpu.yml"


def _check(spec: ModelSpec) -> None:
    height, width = spec.input_hw
    if height != width:
        # Its OpenVINO detector also compares the input's height with the width in the settings.
        raise ModelError(
            f"Frigate gives its models squares, and the input of {spec.name} is {width}x{height}; "
            "give it a square one with --input-size."
        )


def _write(folder: Path, spec: ModelSpec, models: Mapping[str, Path]) -> None:
    # The number of the first class: OpenVINO's detections have the background as class 0.
    for kind, first in (("tflite", 0), ("openvino", 1)):
        names = {first + label: name for label, name in enumerate(one_line_names(spec.classes))}
        if first:
            names = {0: "background", **names}
        write_text(folder / _LABELS[kind], numbered_lines(names))
    for name, kind, detector in (
        ("frigate-cpu.yml", "tflite", {"type": "cpu", "num_threads": 3}),
        ("frigate-openvino.yml", "openvino", {"type": "openvino", "device": "CPU"}),
    ):
        write_text(folder / name, _settings(detector, spec, models[kind].name, _LABELS[kind]))
    write_text(folder / "README.md", render("frigate.md", classes=listing(spec.classes, 5)))


def edge_tpu_settings(spec: ModelSpec, model: str, labels: str) -> str:
    """Settings for a model that Coral's compiler has written; the names of its files are given."""
    return _settings({"type": "edgetpu", "device": "usb"}, spec, model, labels)


def _settings(detector: Mapping[str, object], spec: ModelSpec, model: str, labels: str) -> str:
    """The part of Frigate's settings that is about the model."""
    height, width = spec.input_hw
    settings = {
        "detectors": {"ssdlite": dict(detector)},
        "model": {
            "model_type": "ssd",
            "path": f"{_MOUNTED}/{model}",
            "labelmap_path": f"{_MOUNTED}/{labels}",
            "width": width,
            "height": height,
            "input_tensor": "nhwc",
            "input_pixel_format": "rgb",
        },
        "objects": {"track": one_line_names(spec.classes)},
    }
    header = "# Paste this into Frigate's config.yml, and leave out of `track` what you do not look for.\n"
    return header + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


FRIGATE = Bundle(
    "Frigate, the video recorder",
    (BundleModel("openvino", "ssdlite.xml"), BundleModel("tflite", "ssdlite.tflite")),
    _write,
    _check,
)
