"""The backends: each tried out in a process of its own, all at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TypedDict

from tqdm import tqdm

from detector.doctor.line import Line
from detector.doctor.machine import find_gpus
from detector.system.invocation import install, source, with_extra
from detector.system.processes import module_command

MODULES = {
    "litert": "ai_edge_litert",
    "openvino": "openvino",
    "onnxruntime": "onnxruntime",
    "tensorflow": "tensorflow",
}
TITLES = {
    "litert": "LiteRT",
    "openvino": "OpenVINO",
    "onnxruntime": "ONNX Runtime",
    "tensorflow": "TensorFlow",
}
BASE = "litert"
_EXTRAS = {"openvino": "openvino", "onnxruntime": "onnx", "tensorflow": "train"}
_SECONDS = 120  # TensorFlow's import takes a minute where disk or processor is slow


class _Known(TypedDict, total=False):
    gpus: list[str]
    ran: str
    error: str


class Probe:
    """A backend that is being tried out; ``wait_for`` sees to the end of it.

    Attributes:
        known: what it has said so far: ``gpus``, ``ran``, ``error``.
    """

    def __init__(self, name: str, weights: Path | None, command: Sequence[str] | None = None) -> None:
        self.name = name
        self.known: _Known = {}
        # Files, not pipes: TensorFlow says more than a pipe holds, and nobody reads until the end.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``stop``
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        command = command or module_command("detector.doctor.probe", name)
        self.process = subprocess.Popen(
            [*command, *([str(weights)] if weights else [])],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        )

    def close(self, seconds: float) -> None:
        """Take down what the process said; one that still runs after so many seconds is ended."""
        timed_out = self.process.poll() is None
        output, errors = _read(self._output), _read(self._errors)
        self.stop()
        for line in output:
            if line.startswith("{"):
                self.known |= json.loads(line)
        if timed_out:
            self.known["error"] = f"no answer within {seconds:.0f} s"
        elif "ran" not in self.known and "error" not in self.known:
            last = errors[-1] if errors else "no message"
            self.known["error"] = f"its process ended with {self.process.returncode} ({last:.200})"

    def stop(self) -> None:
        """End the process and leave what it said."""
        self.process.kill()
        self.process.wait()
        self._output.close()
        self._errors.close()


def _read(file: IO[bytes]) -> list[str]:
    file.seek(0)
    return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]


@contextmanager
def started_probes(weights: Path | None) -> Iterator[list[Probe]]:
    """A process for each backend that is installed; none outlives the block."""
    probes: list[Probe] = []
    try:
        for name, module in MODULES.items():
            if find_spec(module) is not None:
                probes.append(Probe(name, weights))
        yield probes
    finally:
        for probe in probes:
            probe.stop()


def wait_for(probes: Sequence[Probe], seconds: float = _SECONDS) -> None:
    """Wait until all have ended, and show how long that takes; those still at work at the end are stopped."""
    end = time.monotonic() + seconds
    with tqdm(bar_format="{desc} {elapsed}", disable=None, leave=False) as bar:
        while (running := [p for p in probes if p.process.poll() is None]) and time.monotonic() < end:
            bar.set_description_str(f"trying {', '.join(TITLES[probe.name] for probe in running)}")
            time.sleep(0.05)
    for probe in probes:
        probe.close(seconds)


def backend_lines(probes: Sequence[Probe]) -> Iterator[Line]:
    """A line for each backend."""
    by_name = {probe.name: probe for probe in probes}
    for name, title in TITLES.items():
        extra = _EXTRAS.get(name)
        again = install("--force-reinstall", source(extra) if extra else "ai-edge-litert")
        if name not in by_name:
            yield Line(
                title, "absent" if extra else "broken", "not installed", with_extra(extra) if extra else again
            )
        elif error := by_name[name].known.get("error"):
            yield Line(title, "broken", error, again)
        else:
            yield Line(title, "works", by_name[name].known["ran"])


def gpu_line(probes: Sequence[Probe]) -> Line:
    """Which graphics cards there are, and whether TensorFlow sees them."""
    cards = find_gpus()
    seen = next((probe.known.get("gpus") for probe in probes if probe.name == "tensorflow"), None)
    if seen:
        return Line(
            "GPU", "works", f"TensorFlow sees {', '.join(seen)} ({'; '.join(cards) or 'no nvidia-smi'})"
        )
    if not cards:
        return Line("GPU", "absent", "nvidia-smi lists none; training runs on the CPU")
    names = "; ".join(cards)
    if sys.platform == "win32":
        return Line(
            "GPU",
            "absent",
            f"{names}, but TensorFlow has used no GPU on native Windows since 2.11",
            "train in WSL2; the CPU works here",
        )
    if seen is None:
        return Line("GPU", "absent", f"{names}, but TensorFlow does not run here, so nothing uses it")
    return Line(
        "GPU",
        "broken",
        f"{names}, but TensorFlow does not see it",
        f"{install('tensorflow[and-cuda]==2.20.*')}, and a driver that is new enough for its CUDA",
    )
