"""Input sizes as people write them: ``512``, ``384x512`` (height x width), and several: ``300,512``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral

from detector.anchors import LARGEST_SIDE
from detector.errors import ArgumentError
from detector.spec import MOST_INPUT_PIXELS
from detector.system.bounds import shown

SizeHW = tuple[int, int]
InputSize = int | str

LEAST_SIDE = 32  # a cell of the network's second map
_MOST_SIZES = 8
_LARGER = 1.7
_SIZE = re.compile(r"([0-9]{1,18})(?:[xX]([0-9]{1,18}))?")


def read_size(size: object) -> SizeHW:
    """Height and width of one size: a side in pixels, or a text such as ``"512"`` or ``"384x512"``.

    Raises:
        ArgumentError: it is something else, or too small or too large for a network.
    """
    if isinstance(size, Integral) and not isinstance(size, bool):
        sides = [int(size), int(size)]
    else:
        match = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
        if match is None:
            raise ArgumentError(
                "Expected an input size, a side in pixels such as 512 or HEIGHTxWIDTH such as 384x512, got "
                f"{shown(size)}"
            )
        sides = [int(match[1]), int(match[2] or match[1])]
    height, width = sides
    if not all(LEAST_SIDE <= side <= LARGEST_SIDE for side in sides) or height * width > MOST_INPUT_PIXELS:
        raise ArgumentError(
            f"Expected an input size of {LEAST_SIDE} to {LARGEST_SIDE:,} pixels a side and at most "
            f"{MOST_INPUT_PIXELS:,} in all, got {describe_size((height, width))}"
        )
    return height, width


def read_sizes(sizes: object) -> tuple[SizeHW, ...]:
    """Height and width of one or several sizes, the smallest first.

    Args:
        sizes: what ``read_size`` takes, a text of several with commas between them such as ``"300,512"``, or
            a list of sizes.

    Raises:
        ArgumentError: it is something else, a size that is there twice, or more than eight of them.
    """
    if isinstance(sizes, tuple) and len(sizes) == 2 and all(isinstance(each, Integral) for each in sizes):
        height, width = sizes
        raise ArgumentError(
            f"Expected an input size, got ({height}, {width}), which can be two things: write "
            f'"{height}x{width}" for height and width, or [{height}, {width}] for two sizes'
        )
    several: Sequence[object]
    if isinstance(sizes, str):
        several = sizes.split(",")
        if not all(map(str.strip, several)):
            raise ArgumentError(
                f"Expected input sizes with commas between them, such as 300,512, got {shown(sizes)}"
            )
    else:
        several = sizes if isinstance(sizes, list | tuple) else [sizes]
    if not 1 <= len(several) <= _MOST_SIZES:
        raise ArgumentError(f"Expected 1 to {_MOST_SIZES} input sizes, got {len(several)}")
    found = sorted((read_size(each) for each in several), key=lambda size: (size[0] * size[1], size))
    for first, second in pairwise(found):
        if first == second:
            raise ArgumentError(f"Expected different input sizes, got {describe_size(first)} twice")
    return tuple(found)


def accurate_sizes(own_hw: SizeHW) -> tuple[SizeHW, ...]:
    """The sizes that find the most within about four times the time: the own one of a model, and one that is
    1.7 times as large, at a multiple of 32; docs/sizes.md has the study.

    Raises:
        ArgumentError: that would be larger than a network may be.
    """
    height, width = (max(LEAST_SIDE, 32 * round(_LARGER * side / 32)) for side in own_hw)
    try:
        return own_hw, read_size(f"{height}x{width}")
    except ArgumentError as error:
        raise ArgumentError(
            f"The model's own input size, {describe_size(own_hw)}, is so large that there is none 1.7 times "
            "as large, which accurate looks at besides; leave accurate out"
        ) from error


def is_size(value: object) -> bool:
    """Whether that is a height and a width in pixels, as JSON has them."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(side) is int and 1 <= side <= LARGEST_SIDE for side in value)
    )


def describe_size(size_hw: SizeHW) -> str:
    """A size as ``read_size`` takes it: ``512``, or ``384x512`` where it is not square."""
    height, width = size_hw
    return f"{height}" if height == width else f"{height}x{width}"


def name_sizes(sizes_hw: Sequence[SizeHW]) -> str:
    """Sizes with what they are: ``input size 300``, ``input sizes 300,512``."""
    return f"input {'size' if len(sizes_hw) == 1 else 'sizes'} {describe_sizes(sizes_hw)}"


def describe_sizes(sizes_hw: Sequence[SizeHW]) -> str:
    """Sizes as ``read_sizes`` takes them."""
    return ",".join(map(describe_size, sizes_hw))
