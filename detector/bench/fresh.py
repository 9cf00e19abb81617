"""A process of its own from its start to the first answer: how long it takes and how much memory.

Run as a program, this module is that process; it reads a row from standard input.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from detector.errors import BackendError
from detector.system.processes import module_command
from detector.system.terminal import ignore

if TYPE_CHECKING:
    from detector.bench.rows import Row

TIMES = 3  # that each row is started


def measure_starts(rows: Sequence[Row], times: int = TIMES) -> dict[Row, tuple[list[float], float]]:
    """Seconds of each start, and most memory in MB, of each row; the rows take turns.

    Weights that have to be fetched or converted are so before: ``open_rows`` has done it.
    """
    found: dict[Row, list[tuple[float, float]]] = {row: [] for row in rows}
    turns = [row for _ in range(times) for row in random.Random(0).sample(list(rows), len(rows))]
    for row in tqdm(turns, desc="starts", unit="start", disable=None, leave=False):
        found[row].append(_start(row))
    return {
        row: ([each[0] for each in tries], max(each[1] for each in tries)) for row, tries in found.items()
    }


def _start(row: Row) -> tuple[float, float]:
    start = time.monotonic()
    with subprocess.Popen(
        module_command("detector.bench.fresh"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            output, errors = process.communicate(json.dumps(asdict(row)) + "\n")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        reason = (errors.strip().splitlines() or ["it says nothing"])[-1]
        raise BackendError(f"{row.title} does not start on {row.backend} in a process of its own ({reason}).")
    record = json.loads(output.splitlines()[-1])
    # Until the answer is there, without the time that the process takes to end: all share this clock.
    return record["ready"] - start, record["memory_mb"]


def peak_memory_mb() -> float:
    """Most memory that this process has had, in MB; NaN where the system does not tell."""
    try:  # Linux: of this program alone; what getrusage says there includes the process that started it.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def main() -> None:
    """Read a row, show it a photograph, say when that was done and how much memory it took."""
    given = json.loads(sys.stdin.readline())

    from detector.bench.rows import Row, open_row
    from detector.data.sample import SAMPLE_FOLDER
    from detector.images import load_image

    if given["classes"] is not None:
        given["classes"] = tuple(given["classes"])
    runner = open_row(Row(**given), say=ignore)
    runner.answer(load_image(SAMPLE_FOLDER / "astronaut.jpg"))
    print(json.dumps({"ready": time.monotonic(), "memory_mb": peak_memory_mb()}))


if __name__ == "__main__":
    main()
