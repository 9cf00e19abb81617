"""How much of the processors a measurement can have: whether its figures mean anything."""

from __future__ import annotations

import hashlib
import threading
import time

_SECONDS = 0.4
_BLOCK = bytes(1 << 20)  # hashing lets other threads run
LEAST_FREE = 0.85
_MEANINGLESS = 0.5


def measure_free_share(threads: int, seconds: float = _SECONDS) -> float:
    """The share of the time that so many busy threads get a processor each, in [0, 1]; 1 on an idle machine.

    It is what programs, other virtual machines and limits of a container leave to this process.
    """
    shares: list[float] = []

    def work() -> None:
        wall, own = time.perf_counter(), time.thread_time()
        while time.perf_counter() - wall < seconds:
            hashlib.sha256(_BLOCK).digest()
        shares.append((time.thread_time() - own) / (time.perf_counter() - wall))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return min(1.0, sum(shares) / len(shares))


def describe_load(free: float) -> str | None:
    """What a free share says of figures that were measured beside it; None where the machine was idle."""
    if free >= LEAST_FREE:
        return None
    taken = f"other programs take {1 - free:.0%} of the processors"
    if free >= _MEANINGLESS:
        return f"Warning: {taken}. Ratios hold, times do not."
    return (
        f"Warning: {taken}. That is too busy for these figures to mean anything; measure again without them."
    )
