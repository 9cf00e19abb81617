"""Work that numpy and OpenCV do without Python's lock, spread over the processors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

from detector.system.machine import available_threads
from detector.system.progress import bars_hidden

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], *, desc: str, unit: str
) -> Iterator[Result]:
    """What the function gives for each item, in order, with a progress bar; Ctrl-C drops what is left."""
    pool = ThreadPoolExecutor(available_threads(), "evaluate")
    try:
        results = pool.map(function, items)
        yield from tqdm(results, total=len(items), desc=desc, unit=unit, disable=bars_hidden(), leave=False)
    finally:
        pool.shutdown(cancel_futures=True)
