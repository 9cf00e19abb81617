"""Colours of classes that are told apart, by the colour-blind too, and the ink that is read on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

Colour = tuple[int, int, int]  # BGR

# The seven colours of Okabe and Ito (Color Universal Design, 2008) that are seen on dark pictures; from there
# on each as far as can be from all before it, as Glasbey et al. choose them (Color Research and Application,
# 2007): by CIEDE2000, in the vision of most people and in protanopia, deuteranopia and tritanopia as Machado
# et al. simulate them (IEEE TVCG, 2009). Some have changed places, so that COCO's cat and dog, and its
# classes that are seen together, are far apart.
_PALETTE = (  # RGB
    0xD55E00, 0x56B4E9, 0x0072B2, 0x009E73, 0xE69F00, 0xCC79A7, 0xF0E442, 0xC3F0C3,
    0x00FFFF, 0x965A78, 0x8778FF, 0xA5C387, 0x5A784B, 0xC31E96, 0x69964B, 0xFFB4D2,
    0xD2E187, 0xC33C1E, 0xF06987, 0xA500FF, 0x96D2FF, 0xC3A55A, 0xB478C3, 0x008769,
    0xD2A5D2, 0xC32DC3, 0x87D2A5, 0xC3875A, 0xFF3C96, 0x78A569, 0xB47896, 0xE13C69,
    0x87E1C3, 0xFF4BD2, 0xE196B4, 0x6996E1, 0xD2C35A, 0xA5E1B4, 0xC34B96, 0x87F0E1,
    0xF08796, 0xE1C300, 0x87783C, 0x0F5AFF, 0xB487FF, 0xC3E1A5, 0xD28700, 0xE13CFF,
    0xD23C00, 0xF0D25A, 0xE1B4E1, 0x87B478, 0x4B875A, 0xA54BA5, 0x2DA5A5, 0xA5F0D2,
    0xE196FF, 0x87872D, 0x00D2C3, 0x965AE1, 0x007878, 0x96D278, 0x874BE1, 0xC34B5A,
    0x96FFA5, 0x5AB4A5, 0xC3963C, 0x9678A5, 0xC3B44B, 0x87692D, 0xD26978, 0xD21E87,
    0x0F96C3, 0xB4FF78, 0x69C3A5, 0xFF1E4B, 0xB46987, 0xF0A5B4, 0xC396C3, 0x6987E1,
)  # fmt: skip
_UNKNOWN: Colour = (136, 136, 136)
_BLACK_FROM = 0.179  # luminance; there black and white have the same contrast, 4.58 : 1


def class_colour(name: str, classes: Sequence[str]) -> Colour:
    """The colour of a class, which its place among all classes decides; grey where it is none of them.

    Args:
        name: of the class.
        classes: all names, in the model's or dataset's order.
    """
    return _colours(tuple(classes)).get(name, _UNKNOWN)


def css_colour(colour: Colour) -> str:
    """The colour as ``#rrggbb``."""
    blue, green, red = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def ink_on(ground: Colour) -> Colour:
    """Black or white, whichever has the greater contrast on the ground: 4.5 : 1 or more (WCAG 2.2, 1.4.3)."""
    blue, green, red = (_linear(value / 255) for value in ground)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if luminance > _BLACK_FROM else (255, 255, 255)


@lru_cache(maxsize=16)
def _colours(classes: tuple[str, ...]) -> dict[str, Colour]:
    rgb = {name: _PALETTE[place % len(_PALETTE)] for place, name in enumerate(dict.fromkeys(classes))}
    return {name: (code & 255, code >> 8 & 255, code >> 16) for name, code in rgb.items()}


def _linear(value: float) -> float:
    """Light of a value of sRGB, both in [0, 1]."""
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
