"""Finding images that are copies."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from detector.data import look_alikes
from detector.data.duplicates import ImageFacts, group_copies, look_at, look_at_files
from detector.data.raw_labels import RawImage
from detector.images import Image, load_image
from tests.data.labelled import write_image


def photo(tmp_path: Path, look: int) -> Image:
    return cv2.imread(str(write_image(tmp_path / f"{look}.png", (320, 240), look)))


def groups_of(images: list[Image], names: list[str] | None = None) -> list[list[int]]:
    facts = {number: look_at(image) for number, image in enumerate(images)}
    return group_copies(facts, dict(enumerate(names or [f"{number}.jpg" for number in facts])))


def test_copies_are_found_in_spite_of_changes(tmp_path: Path) -> None:
    original = photo(tmp_path, 1)
    encoded = cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    copies = [
        original,
        original.copy(),
        cv2.resize(original, (160, 120), interpolation=cv2.INTER_AREA),
        cv2.imdecode(encoded, cv2.IMREAD_COLOR),
        cv2.add(cv2.convertScaleAbs(original, alpha=0.9), (10, 10, 10, 0)),
    ]
    assert groups_of([*copies, photo(tmp_path, 2)]) == [[0, 1, 2, 3, 4], [5]]


def test_different_images_are_no_copies(tmp_path: Path) -> None:
    images = [photo(tmp_path, look) for look in range(200)]
    assert groups_of(images) == [[number] for number in range(200)]


def test_small_objects_before_one_background_are_no_copies() -> None:
    images = []
    for number in range(12):
        image = np.full((300, 300, 3), 120, np.uint8)
        left, top = 20 + 70 * (number % 4), 20 + 90 * (number // 4)
        image[top : top + 45, left : left + 45] = 220
        images.append(image)
    assert len(groups_of(images)) == 12


def test_roboflow_copies_by_name(tmp_path: Path) -> None:
    images = [photo(tmp_path, look) for look in range(4)]
    names = ["cat_jpg.rf.0a1b.jpg", "dog_jpg.rf.0a1b.jpg", "cat_jpg.rf.ffff.jpg", "cat_jpg.jpg"]
    assert groups_of(images, names) == [[0, 2], [1], [3]]


def test_copies_are_joined_through_others() -> None:
    flat = np.full((20, 20, 3), 50, np.uint8)
    images = [flat, np.full((20, 20, 3), 200, np.uint8), flat.copy()]
    assert groups_of(images, ["a.rf.1.jpg", "a.rf.2.jpg", "b.jpg"]) == [[0, 1, 2]]


def test_a_flipped_shape_is_another_image() -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(4, 6, 1).repeat(3, 2)
    assert look_at(rows).digest != look_at(rows.reshape(6, 4, 3)).digest


def brute_force(facts: dict[int, ImageFacts]) -> list[list[int]]:
    """Groups by every pair."""
    group = {image: image for image in facts}
    for one, other in itertools.combinations(facts, 2):
        difference = facts[one].thumbnail.astype(float) - facts[other].thumbnail
        bits = (facts[one].difference_hash ^ facts[other].difference_hash).bit_count()
        if bits <= 4 and np.abs(difference - difference.mean()).max() <= 24 and group[one] != group[other]:
            old, new = group[one], group[other]
            group = {image: new if number == old else number for image, number in group.items()}
    found: dict[int, list[int]] = {}
    for image, number in group.items():
        found.setdefault(number, []).append(image)
    return list(found.values())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [2, 12, 20, 60])
def test_no_pair_is_missed_and_none_invented(seed: int, noise: int) -> None:
    """Cameras whose frames differ by an object, by light that drifts, and by noise in hash and thumbnail."""
    rng = np.random.default_rng(seed)
    facts: dict[int, ImageFacts] = {}
    for camera in range(3):
        scene, hash_ = rng.integers(0, 256, 256), int(rng.integers(1 << 63))
        for frame in range(60):
            cells = scene + rng.integers(-noise, noise + 1) + frame * (camera == 1)
            cells[rng.integers(0, 256, 3)] += rng.integers(-noise, noise + 1, 3) * 2
            bits = sum(1 << int(bit) for bit in set(rng.integers(0, 64, rng.integers(0, 5))))
            thumbnail = np.clip(cells, 0, 255).astype(np.uint8)
            facts[len(facts)] = ImageFacts((9, 9), bytes([len(facts)]), hash_ ^ bits, thumbnail)
    names = {image: f"{rng.integers(1000)}.jpg" for image in facts}
    assert group_copies(facts, names) == brute_force(facts)


def test_frames_of_a_fixed_camera_are_compared_a_few_times_each(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    search = look_alikes._Search.alike
    monkeypatch.setattr(
        look_alikes._Search,
        "alike",
        lambda self, image: (compared.append(len(found)) or found for found in search(self, image)),
    )
    rng = np.random.default_rng(0)
    scene = rng.integers(30, 220, 256)
    facts = {
        n: ImageFacts((9, 9), f"{n}".encode(), 5, (scene + rng.integers(-9, 10, 256)).astype(np.uint8))
        for n in range(3000)
    }
    assert len(group_copies(facts, {n: f"{n}.jpg" for n in facts})) == 1
    assert sum(compared) < 3 * len(facts)


def written(path: Path, pixels: np.ndarray, **options: object) -> RawImage:
    PillowImage.fromarray(pixels).save(path, **options)
    return RawImage(path, ())


def test_equal_pixels_in_different_files_are_the_same_image(tmp_path: Path) -> None:
    pixels = photo(tmp_path, 1)[..., ::-1]
    other = pixels.copy()
    other[17, 23] ^= 1  # in no small picture
    images = [
        written(tmp_path / "a.jpg", pixels, quality=90),
        written(tmp_path / "b.jpg", pixels, quality=90, comment=b"other bytes"),
        written(tmp_path / "c.png", pixels),
        written(tmp_path / "d.bmp", pixels),
        written(tmp_path / "e.png", other),
    ]
    facts = look_at_files(images)
    digests = [each.digest for each in facts if isinstance(each, ImageFacts)]
    assert digests[0] == digests[1]
    assert digests[2] == digests[3]
    assert len(set(digests)) == 3
    # A JPEG that is decoded small looks like the same pixels that are decoded whole.
    assert group_copies(dict(enumerate(facts)), {n: f"{n}" for n in range(5)}) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("size_wh", [(40, 30), (130, 90), (700, 500), (1601, 1203)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_small_pictures_are_turned_as_whole_ones(
    tmp_path: Path, size_wh: tuple[int, int], orientation: int
) -> None:
    pixels = cv2.imread(str(write_image(tmp_path / "a.png", size_wh)))
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    written(tmp_path / "a.jpg", pixels, exif=exif, quality=95)
    for claimed in (None, size_wh, size_wh[::-1]):
        (facts,) = look_at_files([RawImage(tmp_path / "a.jpg", (), claimed)])
        whole = look_at(load_image(tmp_path / "a.jpg", size_wh=claimed))
        assert isinstance(facts, ImageFacts)
        assert (facts.size_wh, facts.orientation) == (whole.size_wh, orientation)
        assert np.abs(facts.thumbnail.astype(int) - whole.thumbnail).max() < 16
