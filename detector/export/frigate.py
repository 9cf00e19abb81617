"""The bundle for Frigate, the video recorder that looks for objects in the pictures of cameras.

Frigate gives its models squares cut out of the picture, as bytes, and names the classes after a list of its
own unless it is told of another.

Source: Frigate, ``frigate/detectors`` (``detector_config.py``, ``plugins/cpu_tfl.py``,
``plugins/openvino.py``), ``load_labels`` in ``frigate/util/builtin.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from detector.errors import ModelError
from detector.export.bundle import Bundle, BundleModel, render, write_text
from detector.labels import listing, one_line_names
from detector.spec import ModelSpec

# Frigate sees this folder inside its container; /config is the user's own folder there.
_MOUNTED = "/config/ssdlite"
_LABELS = {"tflite": "labelmap-cpu.txt", "openvino": "labelmap-openvino.txt"}
_SETTINGS = {"tflite": "frigate-cpu.yml", "openvino": "frigate-openvino.yml"}
_DETECTORS: dict[str, dict[str, Any]] = {
    "tflite": {"ssdlite": {"type": "cpu", "num_threads": 3}},
    "openvino": {"ssdlite": {"type": "openvino", "device": "CPU"}},
}


def _write(folder: Path, spec: ModelSpec, models: Mapping[str, Path]) -> None:
    height, width = spec.input_hw
    if height != width:
        # Its OpenVINO detector also compares the input's height with the width in the settings.
        raise ModelError(
            f"Frigate gives its models squares, and the input of {spec.name} is {width}x{height}; "
            "train one with a square input for it."
        )
    # The number of the first class: OpenVINO's detections have the background as class 0.
    for kind, first in (("tflite", 0), ("openvino", 1)):
        names = {first + label: name for label, name in enumerate(one_line_names(spec.classes))}
        if first:
            names = {0: "background", **names}
        # With the number before the name, as Frigate would take a name's own first digits for one.
        lines = "".join(f"{number} {name}\n" for number, name in names.items())
        write_text(folder / _LABELS[kind], lines)
        write_text(folder / _SETTINGS[kind], _settings(kind, spec, models[kind].name))
    write_text(folder / "README.md", render("frigate.md", classes=listing(spec.classes, 5)))


def _settings(kind: str, spec: ModelSpec, model: str) -> str:
    """The part of Frigate's settings that is about the model."""
    height, width = spec.input_hw
    settings = {
        "detectors": _DETECTORS[kind],
        "model": {
            "model_type": "ssd",
            "path": f"{_MOUNTED}/{model}",
            "labelmap_path": f"{_MOUNTED}/{_LABELS[kind]}",
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
)
