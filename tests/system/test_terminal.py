"""Names from outside on a terminal, and a standard output that nobody reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.system.terminal import printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("photo 1.jpg", "photo 1.jpg"),
        ("猫 Ünïcode é 🐈.jpg", "猫 Ünïcode é 🐈.jpg"),
        ("क्\u200dष 👩\u200d💻.jpg", "क्\u200dष 👩\u200d💻.jpg"),
        ("写真\u30001.jpg", "写真\u30001.jpg"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),  # the same in eight bits
        ("a\u202egnp.exe", r"a\u202egnp.exe"),
        ("a\u2028b", r"a\u2028b"),
        (os.fsdecode(b"\xff\xfe.jpg"), r"\xff\xfe.jpg"),
        ("\ud800", r"\ud800"),
        ("\x00", r"\x00"),
    ],
)
def test_a_name_is_shown_and_not_obeyed(name: str, shown: str) -> None:
    assert printable(name) == shown


@given(st.text(st.characters(codec=None)))
def test_every_name_becomes_one_line_that_can_be_encoded(name: str) -> None:
    shown = printable(name)
    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]", shown)  # turn the direction
    shown.encode()
    assert printable(shown) == shown


LINES = """
import sys
from detector.system.terminal import write_line
for number in range(20_000):
    write_line(f"line {number} 猫")
write_line("done", to_errors=True)
"""


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii:strict"])
def test_lines_that_nobody_reads_do_not_end_the_work(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    process = subprocess.Popen(
        [sys.executable, "-c", LINES], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"line 0 ")
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read().decode().split() == ["done"]
    assert process.wait() == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_standard_output_is_said_once() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", LINES], stdout=full, stderr=subprocess.PIPE, text=True, check=True
        )
    assert done.stderr.splitlines() == [
        "Note: standard output cannot be written (No space left on device); going on without.",
        "done",
    ]
