"""The core runs where TensorFlow is absent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from detector.data.sample import SAMPLE_FOLDER

WITHOUT_TENSORFLOW = """
import importlib, pkgutil, sys
NEEDING_IT = {f"detector.training.{name}" for name in (
    "classification.task", "losses", "micro_batches", "network_task", "record_writer", "run", "run_log",
    "saved_state", "schedule", "task", "tasks", "trainer", "trial",
)} | {f"detector.{name}" for name in (
    "formats.onnx", "formats.openvino", "formats.openvino_kernels", "formats.saved_model",
    "pretrained.official_graph", "runtime.onnxruntime", "runtime.openvino",
    "runtime.saved_model", "runtime.tensorflow",
)}
BLOCKED = {"tensorflow", "tf_keras", "keras", "official", "orbit"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import detector
names = [module.name for module in pkgutil.walk_packages(detector.__path__, "detector.")]
for name in names:
    if name not in NEEDING_IT and not name.startswith("detector.model."):
        importlib.import_module(name)
found = detector.Detector.load(sys.argv[1]).detect(detector.load_image(sys.argv[2]))
assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
print(len(names), *found.names)
"""


@pytest.mark.slow
def test_core_needs_no_tensorflow(model: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            WITHOUT_TENSORFLOW,
            str(model),
            str(SAMPLE_FOLDER / "camera.jpg"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, *names = done.stdout.split()
    assert int(count) > 30
    assert "person" in names
