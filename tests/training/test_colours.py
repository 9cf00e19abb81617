"""Colours that are changed while training."""

import cv2
import numpy as np
import pytest

from detector.training.augmentation import (
    sample_colours,
)
from tests.training.test_augmentation import noise


def colours(image, strength=1.0, seeds=400):
    for seed in range(seeds):
        yield sample_colours(image, np.random.default_rng(seed), strength=strength)


def patch(*bgr):
    return np.full((2, 2, 3), bgr, np.uint8)


def test_colours_keep_shape_and_type_and_strength_0_keeps_all():
    image = noise(13, 9)
    for changed, same in zip(colours(image, seeds=30), colours(image, 0.0, seeds=30), strict=True):
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        np.testing.assert_array_equal(same, image)


def test_a_sixteenth_of_all_images_keep_their_colours():
    # Four changes, each with probability one half; the hue's is none in another 1 of 18 cases.
    image = noise(8, 8)
    kept = np.mean([np.array_equal(changed, image) for changed in colours(image)])
    assert 0.03 < kept < 0.11


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_brightness_and_contrast_stay_in_their_ranges(strength):
    # On grey, hue and saturation do nothing. 100 becomes 100 c + b with c in 1 +- .5 s and b in +-32 s,
    # each alone with probability one quarter.
    values = [int(image[0, 0, 0]) for image in colours(patch(100, 100, 100), strength)]
    low, high = 100 - 82 * strength, 100 + 82 * strength
    assert low - 1 <= min(values) < 100 - 50 * strength
    assert 100 + 50 * strength < max(values) <= high + 1
    # On black the contrast does nothing.
    blacks = [int(image[0, 0, 0]) for image in colours(patch(0, 0, 0), strength)]
    assert 25 * strength < max(blacks) <= 32 * strength
    assert min(blacks) == 0


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_saturation_and_hue_stay_in_their_ranges(strength):
    # Brightness changes saturation and hue a little by rounding and clipping; those with neither are told
    # by their greatest channel, which is HSV's value.
    changed = [image for image in colours(patch(60, 90, 120), strength) if image.max() == 120]
    hsv = np.array([cv2.cvtColor(image, cv2.COLOR_BGR2HSV)[0, 0] for image in changed], int)
    hue, saturation, _ = cv2.cvtColor(patch(60, 90, 120), cv2.COLOR_BGR2HSV)[0, 0].astype(int)
    turns = (hsv[:, 0] - hue + 90) % 180 - 90
    assert -9 * strength - 1.5 <= turns.min() < -6 * strength
    assert 6 * strength < turns.max() <= 9 * strength + 1.5
    ratios = hsv[:, 1] / saturation
    assert 1 - 0.5 * strength - 0.05 <= ratios.min() < 1 - 0.3 * strength
    assert 1 + 0.3 * strength < ratios.max() <= 1 + 0.5 * strength + 0.05


def test_the_hue_goes_round():
    # Red has hue 0: turned either way it becomes orange (more green) or pink (more blue).
    changed = [image[0, 0].astype(int) for image in colours(patch(0, 0, 200)) if image.max() == 200]
    leanings = [green - blue for blue, green, _ in changed]
    assert min(leanings) < -30
    assert max(leanings) > 30


def test_nothing_overflows():
    # White stays bright and black dark, whatever is multiplied and added.
    assert min(int(image.min()) for image in colours(patch(255, 255, 255))) >= 255 * 0.5 - 33
    assert max(int(image.max()) for image in colours(patch(0, 0, 0))) <= 32
