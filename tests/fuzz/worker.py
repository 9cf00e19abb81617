"""Damaged files for one reader, in a process of its own.

``python -m tests.fuzz.worker READER INPUTS SEED FOLDER``

Each has to be read or refused by a DetectorError, within a bounded time and a bounded memory. Prints a JSON
object: how many were read and refused, and the slowest. What broke a reader stays in the folder.
"""

from __future__ import annotations

import json
import random
import sys
import time
import traceback
from pathlib import Path

from detector.errors import DetectorError
from tests.fuzz.mutation import mutate
from tests.fuzz.readers import READERS, Reader

MEMORY = 1 << 31  # above what the imported libraries have reserved
SECONDS = 20  # for one input; a busy machine included


def main(name: str, inputs: int, seed: int, folder: Path) -> int:
    """Try the inputs; 0 if the reader stood all of them."""
    reader = READERS[name]
    _limit_memory()
    generator = random.Random(f"{name} {seed}")
    read = refused = 0
    slowest = 0.0
    base = folder / "base"
    reader.build(base)
    seeds = {path: path.read_bytes() for path in reader.damaged(base)}
    for number in range(inputs):
        path = generator.choice(list(seeds))
        damaged = mutate(seeds[path], list(seeds.values()), generator)
        path.write_bytes(damaged)
        start = time.perf_counter()
        fault = _try(reader, base)
        seconds = time.perf_counter() - start
        slowest = max(slowest, seconds)
        if fault == "refused":
            refused += 1
        elif fault is None:
            read += 1
        if (fault not in (None, "refused")) or seconds > SECONDS:
            kept = folder / f"{name}-{seed}-{number}"
            kept.write_bytes(damaged)
            print(
                f"{name}, seed {seed}, input {number} ({path.name}), {seconds:.1f} s, kept as {kept}\n{fault}"
            )
            return 1
        path.write_bytes(seeds[path])
    print(json.dumps({"reader": name, "read": read, "refused": refused, "slowest": round(slowest, 3)}))
    return 0


def _try(reader: Reader, base: Path) -> str | None:
    try:
        reader.read(base)
    except DetectorError:
        return "refused"
    except Exception:
        return traceback.format_exc()
    return None


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
