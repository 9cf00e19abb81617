"""``ssdlite doctor``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from detector.doctor import backends, examination, machine, packages, stored
from detector.doctor.line import Line
from detector.doctor.probe import run_probe
from detector.video import cameras
from tests.commands.running import Run, assert_mistake


@pytest.fixture
def few_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteRT alone: the others take seconds to start."""
    monkeypatch.setattr(backends, "MODULES", {"litert": "ai_edge_litert", "openvino": "no_such_module"})


def by_title(lines: list[Line]) -> dict[str, Line]:
    return {line.title: line for line in lines}


def test_all_is_well(run: Run, few_probes: None, released_weights: Path) -> None:
    outcome = run("doctor")
    assert outcome.code == 0, outcome
    lines = outcome.out.splitlines()
    (litert,) = [line for line in lines if line[7:].startswith("LiteRT ")]
    assert litert.split() == ["ok", "LiteRT", "finds", "the", "cat", "in", "chelsea.jpg"]
    (openvino,) = [line for line in lines if line[7:].startswith("OpenVINO ")]
    assert openvino.split() == ["-", "OpenVINO", "not", "installed"]
    (works,) = [line for line in lines if line.startswith("Works: ")]
    assert "detecting in pictures and evaluating" in works
    assert "the OpenVINO backend" not in works
    assert "Not here: the OpenVINO backend (see OpenVINO)" in lines


@pytest.fixture(autouse=True)
def by_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.system.invocation.installer", lambda: ("pip",))


def test_headless_opencv_is_named_with_the_repair(
    run: Run, few_probes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           NONE\n")
    outcome = run("doctor")
    assert "OpenCV" in assert_mistake(outcome)
    assert "-> pip uninstall -y opencv-python opencv-python-headless && pip install --no-deps" in outcome.out
    assert "Does not work: windows (see OpenCV" in outcome.out


def test_two_opencv_wheels_are_named_though_windows_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "installed_version", lambda name: "" if "contrib" in name else "5.0.0")
    line = packages.check_opencv()
    assert line.state == "broken"
    assert "opencv-python and opencv-python-headless" in line.found
    assert line.repair.startswith("pip uninstall")


def test_opencv_that_lacks_a_system_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    line = packages.check_opencv()
    assert line.state == "broken"
    assert "cannot be imported" in line.found
    assert machine.check_cpu().state == "works"


@pytest.mark.parametrize(
    ("text", "installed", "accepted"),
    [
        ("numpy>=2", "2.4.6", True),
        ("numpy>=2", "1.26.4", False),
        ("pycocotools>=2.0.8", "2.0.10", True),
        ("pycocotools>=2.0.8", "2.0.7", False),
        ("tensorflow==2.20.* ; python_version < '3.14' and extra == 'train'", "2.20.1", True),
        ("tensorflow==2.20.* ; python_version < '3.14' and extra == 'train'", "2.21.0", False),
        ("tensorflow==2.2.* ; extra == 'train'", "2.20.0", False),
        ("numpy>=2", "", False),
    ],
)
def test_versions(text: str, installed: str, accepted: bool) -> None:
    requirement = Requirement(text)
    assert packages.accepts(requirement, installed) is accepted
    assert packages.extras_of([requirement]) == (["train"] if "extra" in text else [])


def test_a_package_that_is_too_old_or_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"numpy": "1.26.4", "click": "8.5"}
    monkeypatch.setattr(packages, "installed_version", lambda name: versions.get(name, ""))
    monkeypatch.setattr(
        packages,
        "requires",
        lambda _: ["click>=8.1", "numpy>=2", "tqdm>=4", "openvino>=2025.0; extra == 'openvino'"],
    )
    lines = by_title(list(packages.check_packages()))
    assert lines["packages"].state == "broken"
    assert (
        lines["packages"].found
        == "numpy>=2 is needed, 1.26.4 is installed; tqdm>=4 is needed, nothing is installed"
    )
    assert lines["packages"].repair == "pip install 'numpy>=2' 'tqdm>=4'"
    assert (lines["extra openvino"].state, lines["extra openvino"].found) == ("absent", "not installed")
    # One of an extra's packages may be there for another program.
    versions["onnx"] = "1.0"
    monkeypatch.setattr(
        packages, "requires", lambda _: [f"{each}; extra == 'onnx'" for each in ("onnx>=1", "onnxruntime>=1")]
    )
    line = by_title(list(packages.check_packages()))["extra onnx"]
    assert (line.state, line.found) == ("absent", "not complete: onnxruntime missing")
    versions |= {"onnx": "0.9", "onnxruntime": "1.2"}
    line = by_title(list(packages.check_packages()))["extra onnx"]
    assert (line.state, line.found) == ("broken", "onnx>=1 is needed, 0.9 is installed")


def test_files_that_were_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> list[str]:
        raise PackageNotFoundError

    monkeypatch.setattr(packages, "requires", absent)
    (line,) = packages.check_packages()
    assert (line.state, line.repair) == ("broken", "in the folder with pyproject.toml: pip install .")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.kill(os.getpid(), 4)", "its process ended with -4"),  # an illegal instruction
        ("raise ImportError('libfoo.so is missing')", "(ImportError: libfoo.so is missing)"),
        ("import time; print('{\"gpus\": []}', flush=True); time.sleep(60)", "no answer within 2 s"),
        ('print(\'{"error": "it is wrong"}\')', "it is wrong"),
    ],
)
def test_a_backend_that_fails_takes_nothing_with_it(program: str, message: str) -> None:
    probe = backends.Probe("openvino", None, [sys.executable, "-c", program])
    backends.wait_for([probe], 2)
    assert probe.process.poll() is not None
    line = by_title(list(backends.backend_lines([probe])))["OpenVINO"]
    assert line.state == "broken"
    assert message in line.found
    assert line.repair == "pip install --force-reinstall '.[openvino]'"


def test_no_process_outlives_the_doctor(few_probes: None) -> None:
    with pytest.raises(KeyboardInterrupt), backends.started_probes(None) as probes:
        raise KeyboardInterrupt
    assert probes[0].process.wait(10) < 0


def test_a_check_that_fails_is_a_line() -> None:
    def fail() -> Line:
        raise OSError("no such thing")

    (line,) = examination.guard("disk", fail)
    assert line == Line("disk", "broken", "could not be looked at (OSError: no such thing)")


def test_without_weights_the_network_runs_on_random_ones(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSDLITE_CACHE", "changed")  # undone at the end, as the probe sets it
    run_probe("litert", None)
    assert json.loads(capfd.readouterr().out) == {"ran": "runs the network, with random weights"}


def test_weights(released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (good,) = stored.check_weights()
    assert good.state == "works"
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    (absent,) = stored.check_weights()
    assert (absent.state, absent.repair) == ("absent", "ssdlite weights fetch ssdlite_mobilenet_v2_coco")
    shutil.copytree(released_weights.parent, tmp_path / released_weights.parent.name)
    assert next(iter(stored.check_weights())) == good
    with stored.weights_file(released_weights.parent.name).open("ab") as file:
        file.write(b"x")
    (damaged,) = stored.check_weights()
    assert damaged.state == "broken"
    assert "changed or cut short" in damaged.found


def test_a_cache_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "file" / "cache"))
    line = stored.check_cache()
    assert line.state == "broken"
    assert "SSDLITE_CACHE" in line.repair


def test_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**8))
    assert machine.check_disk(tmp_path / "absent").state == "broken"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**9))
    line = machine.check_disk(tmp_path)
    assert (line.state, bool(line.repair)) == ("works", True)


@pytest.mark.parametrize(
    ("cards", "known", "state", "words"),
    [
        ([], {"gpus": []}, "absent", "training runs on the CPU"),
        (["A100, 550"], {"gpus": ["GPU:0"]}, "works", "TensorFlow sees GPU:0 (A100, 550)"),
        (["A100, 550"], {"gpus": []}, "broken", "TensorFlow does not see it"),
        (["A100, 550"], None, "absent", "TensorFlow does not run here"),
    ],
)
def test_graphics_cards(
    cards: list[str], known: dict[str, object] | None, state: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "find_gpus", lambda: cards)
    probes = []
    if known is not None:
        probes = [backends.Probe("tensorflow", None, [sys.executable, "-c", f"print('{json.dumps(known)}')"])]
        backends.wait_for(probes)
    line = backends.gpu_line(probes)
    assert line.state == state
    assert words in line.found


def test_cameras_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "list_cameras", lambda: [cameras.Camera(0, "/dev/video0", "Webcam")])
    monkeypatch.setattr("os.access", lambda *_: False)
    line = machine.check_cameras()
    assert line.state == "absent"
    assert "usermod" in line.repair
    monkeypatch.setattr("os.access", lambda *_: True)
    assert machine.check_cameras() == Line("cameras", "works", "0 (Webcam)")


def test_tensorflow_stays_out_of_the_process() -> None:
    program = (
        "import sys\nfrom detector.doctor import backends\n"
        "from detector.commands.doctor import doctor_command\n"
        "backends.Probe.__init__.__defaults__ = ([sys.executable, '-c', 'pass'],)\n"
        "try: doctor_command.callback()\nexcept Exception: pass\n"
        "assert not {'tensorflow', 'tf_keras', 'openvino'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "its process ended with 0 (no message)" in done.stdout


def test_the_doctor_says_what_is_wrong_and_ends_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "MODULES", {})
    outcome = run("doctor")
    assert "LiteRT" in assert_mistake(outcome)
    assert "Does not work: detecting in pictures and evaluating (see LiteRT)" in outcome.out
