"""No reader of files from outside falls over what was damaged or made to do harm.

``SSDLITE_FUZZ_INPUTS`` sets the number of damaged files for each reader, ``SSDLITE_FUZZ_SEED`` another seed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.readers import READERS

INPUTS = os.environ.get("SSDLITE_FUZZ_INPUTS", "150")
SEED = os.environ.get("SSDLITE_FUZZ_SEED", "0")


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_refused(reader: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.worker", reader, INPUTS, SEED, str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    print(done.stdout)
