"""A busy machine is told from an idle one, whatever keeps it busy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from detector.bench import idle
from detector.system.machine import available_threads


def test_busy_programs_take_their_share() -> None:
    threads = available_threads()
    spinning = "import time\nend = time.time() + 60\nwhile time.time() < end: pass"
    programs = [subprocess.Popen([sys.executable, "-c", spinning]) for _ in range(3 * threads)]
    try:
        free = idle.measure_free_share(threads, seconds=2)
    finally:
        for program in programs:
            program.kill()
            program.wait()
    assert 0 < free < idle.LEAST_FREE
    assert idle.describe_load(free)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux gives processors to processes")
def test_threads_that_share_one_processor_have_half_of_it_each() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from detector.bench.idle import measure_free_share; print(measure_free_share(2, 1))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) < 0.6


@pytest.mark.parametrize(
    ("free", "said"),
    [(1, None), (0.9, None), (0.7, "30% of the processors. Ratios hold"), (0.2, "mean anything")],
)
def test_what_is_said(free: float, said: str | None) -> None:
    told = idle.describe_load(free)
    assert told == said if said is None else said in (told or "")
