"""Every command in README.md and docs/ is one that there is, and those that can be run here are."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
import pytest
import yaml

from detector.commands.cli import cli, main
from detector.commands.demo import demo_command
from detector.commands.eval import eval_command
from tests.docs.blocks import (
    ROOT,
    SHELL,
    Block,
    all_blocks,
    find_blocks,
    find_commands,
    inline_commands,
    words_of,
)
from tests.docs.tables import ADDED, NOT_COMMANDS, OTHER_PROGRAMS, PARSED_ONLY, WORDS, WRITTEN
from tests.docs.workplace import copy_workplace

PROGRAMS: dict[str, click.Command] = {
    "ssdlite": cli,
    "eval_coco.py": eval_command,
    "demo_webcam.py": demo_command,
}
BLOCKS = all_blocks()
NEED_TENSORFLOW = ("ssdlite train", "ssdlite data records", "ssdlite export RUN --format saved_model")
OTHER_LANGUAGES = {"python", "yaml", "json", "ini", "dockerfile"}


def is_listed(block: Block) -> bool:
    return any(block.first_line.startswith(start) for start in NOT_COMMANDS)


def shell_commands() -> list[str]:
    """All commands of the shell, each once."""
    found = {
        command: None
        for block in BLOCKS
        if block.language in SHELL and not is_listed(block)
        for command in find_commands(block.text)
    }
    return list(found)


def without_prefix(command: str) -> str:
    return shlex.join(words_of(command))


def is_ours(command: str) -> bool:
    words = words_of(command)
    return words[0] in PROGRAMS or (words[:2] == ["python", "-m"] and words[2].startswith("studies."))


def is_listed_program(words: list[str]) -> bool:
    return any(shlex.join(words).startswith(start) for start in OTHER_PROGRAMS)


OURS = [command for command in shell_commands() if is_ours(command)]
OTHERS = [command for command in shell_commands() if not is_ours(command)]
RUN = sorted(
    {without_prefix(command) for command in OURS if not any(part in command for part in PARSED_ONLY)}
)
INLINE = sorted({text for _, text in inline_commands()})


def program_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The click command that a line starts, and its arguments."""
    if words[0] == "python":
        module = import_module(words[2])
        (command,) = (value for value in vars(module).values() if type(value) is click.Command)
        return command, words[3:]
    return PROGRAMS[words[0]], words[1:]


def substituted(words: list[str]) -> list[str]:
    """Words as they can be run: placeholders name what lies in the workplace."""
    changed: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if before in WRITTEN:
            changed.append(f"written-{word}" if word in ("FOLDER", "old.npz") else word)
        elif (value := WORDS.get(word, word)) is not None:
            changed.append(value)
    return changed


def parse(command: click.Command, arguments: list[str], parent: click.Context | None = None) -> None:
    """Parse a command line down to its last subcommand; nothing of it is done.

    Raises:
        click.UsageError: an option that there is not, a value that it does not take, a missing argument.
    """
    context = command.make_context(command.name or "program", list(arguments), parent=parent)
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None, name
        parse(found, rest, context)


def exit_code(command: click.Command, arguments: list[str]) -> int | str:
    """Run a command in this process."""
    try:
        main(arguments, command=command)
    except SystemExit as stop:
        return stop.code or 0
    return 0


def longest_start(command: str, table: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    starts = [start for start in table if command.startswith(start)]
    return table[max(starts, key=len)] if starts else ()


def test_blocks_and_commands_are_found() -> None:
    text = "a\n\n```\n$ x --a  # why\nout\n$ y && z\n```\n\n- b\n\n  ```python\n  1\n  ```\n"
    first, second = find_blocks(text, "page.md")
    assert (first.line, first.language, find_commands(first.text)) == (3, "", ["x --a", "y", "z"])
    assert (second.language, second.text) == ("python", "  1\n")
    assert find_commands("A='b c' \\\n  ssdlite train X\n") == ["'A=b c' ssdlite train X"]
    assert words_of("'A=b c' uv run ssdlite train X") == ["ssdlite", "train", "X"]
    assert len(OURS) > 40
    assert len(RUN) > 20


def test_a_wrong_option_a_wrong_value_and_a_wrong_command_are_noticed() -> None:
    for line in (
        "ssdlite detect a --nosuch",
        "ssdlite export --format jpeg",
        "ssdlite data nosuch",
        "ssdlite compare a",
    ):
        with pytest.raises(click.UsageError):
            parse(*program_of(shlex.split(line)))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_each_block_is_of_a_kind_that_is_tested_or_listed(block: Block) -> None:
    if block.language in SHELL:
        assert is_listed(block) or find_commands(block.text)
    else:
        assert block.language in OTHER_LANGUAGES


@pytest.mark.parametrize("command", OURS)
def test_each_command_is_one_that_there_is(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "PHOTO.jpg").touch()
    parse(*program_of(substituted(words_of(command))))


@pytest.mark.parametrize("text", INLINE)
def test_each_command_within_a_sentence_is_one_that_there_is(text: str) -> None:
    words = substituted(words_of(text.partition("...")[0]))
    if words[0] not in PROGRAMS:
        assert (ROOT / words[0]).exists() or is_listed_program(words)
        return
    fault = ""
    try:
        parse(*program_of(words))
    except click.MissingParameter as error:  # a sentence may leave out what a command is given
        fault = "" if isinstance(error.param, click.Argument) else str(error)
    except click.BadOptionUsage as error:  # and the value of its last option
        fault = "" if error.option_name == words[-1] else str(error)
    except (click.exceptions.NoArgsIsHelpError, click.exceptions.Exit):  # --help, or a group by its name
        pass
    assert not fault


@pytest.mark.parametrize("command", OTHERS)
def test_each_command_of_another_program_is_listed(command: str) -> None:
    assert is_listed_program(words_of(command))


def test_no_table_has_more_than_the_documentation_needs() -> None:
    words = {word for command in (*OURS, *INLINE) for word in shlex.split(command)}
    assert set(WORDS) <= words
    assert [part for part in PARSED_ONLY if not any(part in command for command in OURS)] == []
    assert [start for start in ADDED if not any(command.startswith(start) for command in RUN)] == []
    others = [without_prefix(command) for command in (*OTHERS, *INLINE)]
    assert [start for start in OTHER_PROGRAMS if not any(other.startswith(start) for other in others)] == []
    assert [start for start in NOT_COMMANDS if not any(b.first_line.startswith(start) for b in BLOCKS)] == []


def read_ini(text: str) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text if text.startswith("[") else f"[file]\n{text}")
    for section in parser.sections():
        if "ExecStart" in parser[section]:
            _, *words = shlex.split(parser[section]["ExecStart"])
            parse(cli, words)


def read_dockerfile(text: str) -> None:
    for command in re.findall(r"^RUN (ssdlite .*)$", text, re.MULTILINE):
        parse(*program_of(shlex.split(command)))
    entry, started = (
        json.loads(re.findall(rf"^{key} (.*)$", text, re.MULTILINE)[0]) for key in ("ENTRYPOINT", "CMD")
    )
    parse(*program_of([*entry, *started]))


READERS: dict[str, Callable[[str], object]] = {
    "yaml": yaml.safe_load,
    "json": json.loads,
    "ini": read_ini,
    "dockerfile": read_dockerfile,
}


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language in READERS], ids=lambda block: f"{block.page}:{block.line}"
)
def test_files_to_copy_can_be_read(block: Block) -> None:
    READERS[block.language](block.text)


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN)
def test_each_command_that_can_be_run_does(
    command: str,
    workplace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if command.startswith(NEED_TENSORFLOW):
        pytest.importorskip("official")
    copy_workplace(workplace, tmp_path)
    monkeypatch.chdir(tmp_path)
    program, arguments = program_of([*substituted(shlex.split(command)), *longest_start(command, ADDED)])
    assert exit_code(program, arguments) == 0, capfd.readouterr().err


def test_readme_is_one_of_the_pages() -> None:
    assert (ROOT / "README.md").exists()
    assert {"README.md", "docs/live.md"} <= {block.page for block in BLOCKS}
