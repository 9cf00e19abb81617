"""Time as ratios: everything that is compared takes turns, in one process, on one machine.

Turns are blocks of calls, not single calls. A detector is used on a steady stream of frames, so its weights
are in the cache and its threads are awake; between single calls of several networks each would find the
weights of another in the cache, and the threads of another runtime still spinning on its processors. The
first calls of a block, which meet just that, are left out. The order of a round is drawn anew each time, so
nobody always comes after the same neighbour.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from detector.system.progress import bars_hidden

Call = Callable[[], object]

BLOCK_SECONDS = 0.3
_DROPPED = 3  # first calls of a block
_LEAST = 3  # calls of a block that count, however long they take
_LEAST_ROUNDS = 3
_WARM_UP_ROUNDS = 10


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call: median and 95th percentile."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Blocks:
    """Seconds of each call that counted, block by block, one block a round."""

    seconds: tuple[tuple[float, ...], ...]

    @property
    def timing(self) -> Timing:
        """Of all blocks together."""
        return _timing([second for block in self.seconds for second in block])

    def ratio(self, other: Blocks) -> float:
        """How many times longer than the other: the median over the rounds, in each of which both met the
        same machine.
        """
        pairs = zip(self.seconds, other.seconds, strict=True)
        return float(np.median([np.median(own) / np.median(theirs) for own, theirs in pairs]))


def time_in_blocks(
    rows: Mapping[str, Mapping[str, Call]],
    *,
    rounds: int | None = None,
    seconds: float = 60.0,
    block_seconds: float = BLOCK_SECONDS,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, dict[str, Blocks]]:
    """Blocks of each call, by row and name.

    The calls of a row take their turns one right after the other, for their ratio is what matters most.

    Args:
        rows: calls by name, by row.
        rounds: of blocks; as many as fit into ``seconds`` if none are given, but three at least.
        seconds: time for everything.
        block_seconds: of one block; one of slow calls takes longer.
        seed: of the order.
        clock: gives seconds.
    """
    order = random.Random(seed)
    taken: dict[str, dict[str, list[tuple[float, ...]]]] = {
        row: {name: [] for name in calls} for row, calls in rows.items()
    }
    start, done = clock(), 0
    with tqdm(total=rounds, desc="timing", unit="round", disable=bars_hidden(), leave=False) as bar:
        while done < rounds if rounds is not None else done < _LEAST_ROUNDS or clock() - start < seconds:
            for row in order.sample(list(rows), len(rows)):
                bar.set_postfix_str(row, refresh=True)
                for name in order.sample(list(rows[row]), len(rows[row])):
                    taken[row][name].append(_time_block(rows[row][name], block_seconds, clock))
            done += 1
            if rounds is None:  # how many there will be shows as it goes
                bar.total = max(done, _LEAST_ROUNDS, round(seconds * done / max(clock() - start, 1e-9)))
            bar.update()
    return {
        row: {name: Blocks(tuple(blocks)) for name, blocks in calls.items()} for row, calls in taken.items()
    }


def _time_block(call: Call, block_seconds: float, clock: Callable[[], float]) -> tuple[float, ...]:
    for _ in range(_DROPPED):
        call()
    seconds: list[float] = []
    start = before = clock()
    while len(seconds) < _LEAST or before - start < block_seconds:
        call()
        after = clock()
        seconds.append(after - before)
        before = after
    return tuple(seconds)


def time_interleaved(calls: Mapping[str, Call], rounds: int) -> dict[str, Timing]:
    """Time of each call, by name; the calls take turns one by one, so all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in tqdm(
        range(-_WARM_UP_ROUNDS, rounds), desc="timing", unit="round", disable=bars_hidden(), leave=False
    ):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if round_ >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: _timing(values) for name, values in seconds.items()}


def _timing(seconds: Sequence[float]) -> Timing:
    return Timing(*(1e3 * float(np.percentile(seconds, p)) for p in (50, 95)))


def resident_memory_mb() -> float:
    """Resident memory of this process in MB; NaN where the system does not tell as Linux does."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
