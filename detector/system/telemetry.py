"""OpenVINO and ONNX Runtime, imported so that neither reports to its maker; TensorFlow, so that it is quiet.

As they come, OpenVINO's import writes an id into the home folder and reports to Google Analytics, and ONNX
Runtime writes a device id and reports to Microsoft where Python, processor and system are described. Every
import of either in this package goes through here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import cast

_OPENVINO_REPORTER = "openvino_telemetry"
# Read by ONNX Runtime's library when it is loaded; a user's own word holds.
_ONNXRUNTIME_SWITCH = "ORT_DISABLE_TELEMETRY"


def import_openvino() -> ModuleType:
    """The package ``openvino``, imported without the package that reports.

    OpenVINO does without that package where it is not installed, and so it seems here while OpenVINO is
    imported. Nothing is written, and a consent that lies in the home folder stays what it is.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    with _absent(_OPENVINO_REPORTER):
        return import_module("openvino")


def import_onnxruntime() -> ModuleType:
    """The package ``onnxruntime``, told not to report; so are the processes that are started from this one.

    Raises:
        ImportError: ONNX Runtime is not installed.
    """
    os.environ.setdefault(_ONNXRUNTIME_SWITCH, "1")
    return import_module("onnxruntime")


def quieten_tensorflow() -> None:
    """Let TensorFlow, which is imported next, say little at its start; a user's own word holds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _absent(package: str) -> Iterator[None]:
    """Let a package seem not to be installed, to those that import it inside the block."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    # Another thread may import meanwhile.
    names = [name for name in list(modules) if name == package or name.startswith(f"{package}.")]
    kept = {name: modules.pop(name) for name in names}
    modules[package] = None
    try:
        yield
    finally:
        del modules[package]
        modules.update(kept)
