"""What the tests share: the released weights, the golden outputs, and the sample of COCO."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from detector.data.dataset import Dataset
from detector.data.readers.coco import load_coco
from detector.errors import DetectorError
from detector.formats.tflite.writer import build_tflite
from detector.labels import COCO_IDS
from detector.pretrained.releases import DEFAULT_MODEL, weights_path
from detector.weights import load_weights

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long an example takes depends on what else the machine does.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# What is printed to be typed next depends on how a program was started: here as in an activated environment.
os.environ.pop("UV_RUN_RECURSION_DEPTH", None)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

# A process a core: several threads of TensorFlow would only be in one another's way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

SHARED = Path(__file__).parents[2] / "shared"
LONGEST = (
    "training/test_processes",
    "training/test_run",
    "model/test_network",
    "runtime/test_sharing",
    "api/test_three_jobs",
    "docs/test_commands",
    "docs/test_first_steps",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that all processes end at about the same time."""
    first = [f"tests/{name}.py" for name in LONGEST]
    items.sort(key=lambda item: first.index(file) if (file := item.nodeid.split("::")[0]) in first else 99)


def absent(what: str) -> None:
    """Skip on a machine that lacks something; continuous integration has everything, so there it fails."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def released_weights() -> Path:
    """The weights file of the released model, fetched if need be."""
    try:
        return weights_path(DEFAULT_MODEL)
    except DetectorError as error:
        absent(f"the released weights cannot be had: {error}")
        raise


@pytest.fixture(scope="session")
def model(released_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released model as a TFLite file, so that no test writes to the user's cache."""
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    path.write_bytes(build_tflite(*load_weights(released_weights)))
    return path


# Longer than for a module it must not live: its event loop would be in the way of others in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.chromium import launch  # which needs ``absent`` of this module

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def coco_sample() -> Dataset:
    """103 images of COCO val2017."""
    folder = SHARED / "data/coco_val_sample"
    if not folder.exists():
        absent(f"the sample of COCO val2017 is not in {folder}")
    return load_coco(folder)


@pytest.fixture(scope="session")
def raccoons() -> Path:
    """200 photographs of raccoons, Pascal VOC, with list files."""
    folder = SHARED / "data/raccoon"
    if not folder.exists():
        absent(f"the raccoons are not in {folder}")
    return folder


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """Outputs of the official graph: ``ID/input``, ``ID/box_encodings``, ``ID/class_logits``, and anchors.

    The class logits are cut to background and the 80 classes that COCO uses.
    """
    path = SHARED / "golden/official_outputs.npz"
    if not path.exists():
        absent(f"the official graph's outputs are not in {path}")
    columns = [0, *COCO_IDS.values()]
    with np.load(path) as archive:
        return {
            key: archive[key][:, columns] if key.endswith("class_logits") else archive[key]
            for key in archive.files
        }


@pytest.fixture(scope="session")
def golden_detections() -> Path:
    """The official graph's detections on ``coco_sample``, in COCO's results format."""
    path = SHARED / "golden/official_detections_coco_val_sample.json"
    if not path.exists():
        absent(f"the official graph's detections are not in {path}")
    return path
