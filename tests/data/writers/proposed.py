"""Proposals with everything that formats stumble over, written for each tool."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from detector.data.findings import Box
from detector.data.writers.pictures import fitting_name
from detector.data.writers.proposals import Proposal, Proposals, ProposedImage
from detector.data.writers.tools import TOOLS
from tests.data.labelled import write_image

CLASSES = ("red fox", "Füchsin", "R&D <x>", 'it\'s "q", ok', "no", "12-30")
EMPTY = "leer & still.jpg"
NAMES = (
    *("a.jpg", "Übung 1.jpg", "tief/er hof/b c.png", "tief/a.jpg", EMPTY, "100%+#1.jpg"),
    *("images/x.jpg", "zwei.teile.JPG", "sub/labels/y.jpeg", "er & hof/a.jpg", "tief/er hof/a.jpg"),
)
# Where the pictures lie once everything is unpacked.
PLACES = {name: tool.images for name, tool in TOOLS.items()}

Named = tuple[str, Box]  # class name and box


def propose_all(flat: bool) -> list[ProposedImage]:
    """Images upright and lying, with four objects each but for one."""
    random = np.random.default_rng(0)
    images = []
    for number, name in enumerate(NAMES):
        width, height = (161, 120) if number % 2 else (83, 194)
        objects = []
        for each in range(0 if name == EMPTY else 4):
            left, top = random.uniform(0, width - 20), random.uniform(0, height - 20)
            right, bottom = random.uniform(left + 8, width), random.uniform(top + 8, height)
            label = int(random.integers(len(CLASSES)))
            box = (left, top, right, bottom)
            objects.append(Proposal(label, CLASSES[label], box, 0.9 - 0.2 * each, each == 3))
        images.append(ProposedImage(fitting_name(name, flat=flat), (width, height), tuple(objects)))
    return images


def write_proposals(tool: str, folder: Path, images: Sequence[ProposedImage]) -> Path:
    """Write them with pictures of noise, unpacked where they are packed."""
    for number, image in enumerate(images):
        write_image(folder / TOOLS[tool].images / image.name, image.size_wh, look=number)
    TOOLS[tool].write(Proposals(images, CLASSES, "my & run", folder.name), folder)
    for archive in folder.glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
        archive.unlink()
    return folder


def expected_of(images: Sequence[ProposedImage]) -> dict[str, list[Named]]:
    return {image.name: [(each.name, each.box) for each in image.objects] for image in images}


def assert_same(found: Mapping[str, Sequence[Named]], images: Sequence[ProposedImage]) -> None:
    """The same names, and boxes to half a pixel, in each image."""
    expected = expected_of(images)
    assert set(found) == set(expected)
    for name, objects in expected.items():
        mine, theirs = sorted(objects), sorted(found[name])
        assert [each[0] for each in theirs] == [each[0] for each in mine], name
        for (_, box), (_, other) in zip(mine, theirs, strict=True):
            assert np.abs(np.subtract(box, other)).max() <= 0.5, name
