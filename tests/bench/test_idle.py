"""A busy machine is told from an idle one, whatever keeps it busy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from detector.bench import idle

pinned = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux gives processors away")
ON_ONE_PROCESSOR = """
import os, subprocess, sys
from detector.bench.idle import measure_free_share
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
spin = "while True: pass"
programs = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(int(sys.argv[1]))]
try:
    print(measure_free_share(int(sys.argv[2]), 2))
finally:
    for program in programs:
        program.kill()
"""


@pinned
@pytest.mark.parametrize(("programs", "threads"), [(3, 1), (0, 2)])
def test_what_is_shared_is_not_free(programs: int, threads: int) -> None:
    command = [sys.executable, "-c", ON_ONE_PROCESSOR, str(programs), str(threads)]
    free = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 0 < free < 0.7
    assert idle.describe_load(free)


@pytest.mark.parametrize(
    ("free", "said"),
    [(1, None), (0.9, None), (0.7, "30% of the processors. Ratios hold"), (0.2, "mean anything")],
)
def test_what_is_said(free: float, said: str | None) -> None:
    told = idle.describe_load(free)
    assert told == said if said is None else said in (told or "")
