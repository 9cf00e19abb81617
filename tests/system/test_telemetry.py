"""No telemetry: neither this package nor what it depends on opens a connection or leaves an id."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from detector.data.sample import SAMPLE_FOLDER
from detector.formats.onnx import build_onnx
from detector.formats.openvino import save_openvino
from detector.formats.tflite.writer import build_tflite
from detector.weights import save_weights
from tests.formats.tflite.test_writer import SMALL, random_weights

# Blocks every look-up and every connection that Python makes, and writes down that one was tried.
WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        if event.startswith("socket.get") or isinstance(arguments[1], tuple):
            with open(os.environ["WATCH_LOG"], "a") as log:
                print(event, arguments[-2:], file=log)
            raise OSError("no network in this test")
sys.addaudithook(watch)
"""
# Telemetry is queued by a thread of its own, so each program stays a moment.
DETECT = """
import sys, time
import numpy as np
from detector import Detector
for model, backend in ({}):
    detector = Detector.load(model, backend=backend, threads=1, say=lambda line: None)
    detector.detect(np.zeros((90, 90, 3), np.uint8))
time.sleep(1)
"""
SSDLITE = ("-c", "import sys; from detector.commands.cli import main; main(sys.argv[1:])")
IMPORTS = "import time; from detector.{} import *; time.sleep(1)"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    weights = random_weights(SMALL)
    save_weights(folder / "m.npz", weights, SMALL)
    (folder / "m.tflite").write_bytes(build_tflite(weights, SMALL))
    (folder / "m.onnx").write_bytes(build_onnx(weights, SMALL))
    save_openvino(folder / "m.xml", build_tflite(weights, SMALL), SMALL)
    return folder


@pytest.fixture
def watched(tmp_path: Path, models: Path):
    """Runs Python in an empty home; returns what it connected to and the files that it left there."""
    site, home, log, trace = (tmp_path / name for name in ("site", "home", "log", "trace"))
    site.mkdir(), home.mkdir()
    (site / "sitecustomize.py").write_text(WATCH)
    own = ("XDG_", "ORT_", "CI", "TF_BUILD", "JENKINS")  # with CI among them OpenVINO keeps quiet by itself
    environment = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    environment |= {
        "HOME": str(home),
        "LOCALAPPDATA": str(home),
        "PYTHONPATH": str(site),
        "WATCH_LOG": str(log),
        "SSDLITE_CACHE": str(tmp_path / "cache"),
    }
    tracer = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace)]

    def call(*arguments: str) -> tuple[str, list[str]]:
        command = [*(tracer if shutil.which("strace") else []), sys.executable, *arguments]
        done = subprocess.run(
            command, env=environment, cwd=models, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        tried = log.read_text() if log.exists() else ""
        traced = trace.read_text() if trace.exists() else ""
        tried += "".join(line for line in traced.splitlines(True) if re.search(r"AF_INET|htons", line))
        return tried, sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())

    return call


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        DETECT.format("('m.xml', None), ('m.onnx', None), ('m.npz', 'openvino'), ('m.npz', 'onnxruntime')"),
        IMPORTS.format("formats.openvino"),
        IMPORTS.format("formats.openvino_kernels"),
    ],
    ids=["detect", "writer", "kernels"],
)
def test_no_library_reports(watched, program: str) -> None:
    assert watched("-c", program) == ("", [])


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "detector.doctor.probe", "openvino"),
        ("-m", "detector.doctor.probe", "onnxruntime"),
        (*SSDLITE, "bench", "m.xml", "m.onnx", "--rounds", "1", "--starts", "1", "--images", "0"),
        (*SSDLITE, "detect", str(SAMPLE_FOLDER / "chelsea.jpg"), "--model", "m.xml", "--output", "out"),
    ],
    ids=["doctor openvino", "doctor onnxruntime", "bench", "detect"],
)
def test_no_command_reports(watched, arguments: tuple[str, ...]) -> None:
    assert watched(*arguments) == ("", [])


def test_what_openvino_is_not_given_is_there_for_others() -> None:
    program = (
        "import sys, openvino_telemetry as before; from detector.system.telemetry import import_openvino; "
        "import_openvino(); import openvino_telemetry as after; assert before is after; "
        "assert sys.modules['openvino.tools.ovc.telemetry_utils'].tm.__name__.endswith('stub')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
def test_tensorflow_says_nothing_at_its_start(models: Path) -> None:
    pytest.importorskip("tensorflow")
    program = DETECT.format("('m.npz', 'tensorflow'),")
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=models, env=environment, capture_output=True, check=True
    )
    assert b"tensorflow/core" not in done.stderr
