"""Fenced blocks and commands of README.md, its neighbours and docs/, as people copy them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
UV_OPTIONS = ("--extra", "--group", "--with")
SHELL = ("", "bash", "sh", "shell", "console")

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})([^\n`]*)\n(.*?)^\1\2[ ]*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the page that it stands on, the line of its fence, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def first_line(self) -> str:
        return self.text.strip().partition("\n")[0]


def find_blocks(text: str, page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(page, text[: match.start()].count("\n") + 1, match[3].strip(), match[4])
        for match in _FENCE.finditer(text)
    ]


def all_blocks() -> list[Block]:
    """The blocks of README.md and docs/."""
    return [
        block
        for page in PAGES
        for block in find_blocks(page.read_text("utf-8"), page.relative_to(ROOT).as_posix())
    ]


def find_commands(text: str) -> list[str]:
    """The commands of a shell's block, without comments; where some lines have a prompt, those alone."""
    lines = text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [
        shlex.join(words)
        for line in lines
        for part in line.split(" && ")
        if (words := shlex.split(part, comments=True))
    ]


def inline_commands() -> Iterator[tuple[str, str]]:
    """Page and text of each `ssdlite ...` and `uv run ...` within a sentence."""
    for page in PAGES:
        prose = _FENCE.sub("", page.read_text("utf-8"))
        for match in _INLINE.finditer(prose):
            text = " ".join(match[1].split())
            if text.startswith(("ssdlite ", "uv run ")):
                yield page.relative_to(ROOT).as_posix(), text


def words_of(command: str) -> list[str]:
    """A command's words, without settings of the environment, `uv run` and `python -m` before a program."""
    words = shlex.split(command)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0], re.DOTALL):
        words = words[1:]
    if words[:2] == ["uv", "run"]:
        words = words[2:]
        while words and words[0] in UV_OPTIONS:
            words = words[2:]
    if words[:3] == ["python", "-m", "detector"]:
        words = ["ssdlite", *words[3:]]
    return words
