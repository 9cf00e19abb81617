"""Colours of classes, measured in the vision of most people and of the colour-blind."""

import numpy as np
import pytest

from detector.colours import _PALETTE, class_colour, css_colour, ink_on
from detector.labels import COCO_CLASSES

# In linear RGB, of those who lack a cone altogether. Source: Machado, Oliveira and Fernandes, A
# Physiologically-based Model for Simulation of Color Vision Deficiency, IEEE TVCG 15(6), 2009, severity 1.0.
VISIONS = {
    "of most people": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(  # IEC 61966-2-1, white D65
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colours_bgr):
    values = np.asarray(colours_bgr, np.float64)[..., ::-1] / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colours_bgr, vision):
    seen = np.clip(linear(colours_bgr) @ np.array(VISIONS[vision]).T, 0, 1)
    shares = seen @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    x, y, z = np.moveaxis(
        np.where(shares > 216 / 24389, np.cbrt(shares), (24389 / 27 * shares + 16) / 116), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def delta_e(first, second):
    """CIEDE2000. Source: Sharma, Wu and Dalal, Color Research and Application 30(1), 2005."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean**7 / (mean**7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = np.arctan2(b1, stretch * a1) % (2 * np.pi), np.arctan2(b2, stretch * a2) % (2 * np.pi)
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    hue = (h1 + h2) / 2 + np.where(np.abs(h1 - h2) > np.pi, np.pi, 0)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1
        - 0.17 * np.cos(hue - np.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.radians(6))
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )
    dl = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * chroma * weight)
    bend = 30 * np.exp(-((((np.degrees(hue) % 360) - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(2 * bend))
    return np.sqrt(dl**2 + dc**2 + dh**2 + rotation * dc * dh)


def least_difference(colours, vision):
    seen = lab(colours, vision)
    first, second = np.triu_indices(len(seen), k=1)
    return delta_e(seen[first], seen[second]).min()


def test_the_measure_is_the_published_one():
    published = (  # of Sharma's table 1: pairs 1, 7, 17 and 25
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    )
    for first, second, expected in published:
        assert delta_e(np.array(first), np.array(second)) == pytest.approx(expected, abs=1e-4)
    assert lab((255, 255, 255), "of most people") == pytest.approx([100, 0, 0], abs=1e-3)
    for vision in VISIONS:  # a grey stays one
        assert lab((128, 128, 128), vision) == pytest.approx([53.585, 0, 0], abs=0.01)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(("first", "least"), [(8, 10.5), (16, 8.5), (24, 7), (80, 3.5)])
def test_the_first_classes_differ_most(vision, first, least):
    """2.3 is what is just seen side by side."""
    names = [f"class {number}" for number in range(80)]
    assert least_difference([class_colour(name, names) for name in names[:first]], vision) > least


@pytest.mark.parametrize("vision", VISIONS)
def test_the_usual_classes_are_far_apart(vision):
    usual = [class_colour(name, COCO_CLASSES) for name in ("person", "car", "cat", "dog")]
    assert least_difference(usual, vision) > 20


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    ("first", "last"), [("bicycle", "truck"), ("bird", "giraffe"), ("bottle", "bowl"), ("chair", "toilet")]
)
def test_classes_that_are_seen_together_differ_more(vision, first, last):
    together = COCO_CLASSES[COCO_CLASSES.index(first) : COCO_CLASSES.index(last) + 1]
    assert least_difference([class_colour(name, COCO_CLASSES) for name in together], vision) > 7
    table = [class_colour(name, COCO_CLASSES) for name in ("dining table", *together) if first == "bottle"]
    assert not table or least_difference(table, vision) > 7


def test_a_text_is_read_on_every_ground():
    def luminance(colour):
        return float(linear(colour) @ TO_XYZ[1])

    rng = np.random.default_rng(0)
    palette = [class_colour(str(place), list(map(str, range(80)))) for place in range(80)]
    for ground in [*palette, *map(tuple, rng.integers(0, 256, (2000, 3)).tolist())]:
        dark, light = sorted((luminance(ground), luminance(ink_on(ground))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_colour_is_that_of_the_place_among_all_classes():
    classes = ("dog", "cat", "dog", "fish")
    assert [css_colour(class_colour(name, classes)) for name in ("dog", "cat", "fish")] == [
        "#d55e00",
        "#56b4e9",
        "#0072b2",
    ]
    assert class_colour("cat", list(classes)) == class_colour("cat", classes)
    assert class_colour("horse", classes) == (136, 136, 136)
    many = [str(number) for number in range(200)]
    assert class_colour("85", many) == class_colour("5", many)
    assert len(set(_PALETTE)) == 80
