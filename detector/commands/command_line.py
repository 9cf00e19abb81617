"""What every command has: options that are given once, and standard streams that can be written."""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import click

from detector.commands.foreign_words import COMMAND_HINTS, COMMANDS, translate
from detector.system.terminal import printable


class OneValueCommand(click.Command):
    """A command that refuses an option with one value when it is given twice, in place of taking the last."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        # A script of its own, such as eval_coco.py, runs a command without the group.
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for each in self.get_params(ctx) for name in (*each.opts, *each.secondary_opts)}
        takes_arguments = any(isinstance(each, click.Argument) for each in self.params)
        args = translate(args, own, positional=takes_arguments)
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        times = Counter(parameter for parameter in given if isinstance(parameter, click.Option))
        for option, count in times.items():
            # A flag that is said twice says the same, unless it has an opposite.
            if count > 1 and not option.multiple and not option.count and not _is_plain_flag(option):
                names = "/".join((*option.opts[:1], *option.secondary_opts))
                raise click.UsageError(f"{names} is given {count} times; give it once.", ctx)
        return super().parse_args(ctx, args)


class OneValueGroup(click.Group):
    """A group whose commands and subgroups are of this kind."""

    command_class = OneValueCommand
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        known = self.list_commands(ctx)
        if ctx.parent is None and word not in known:
            if word in COMMANDS:
                return super().resolve_command(ctx, [COMMANDS[word], *args[1:]])
            if word in COMMAND_HINTS:
                raise click.UsageError(f"There is no command {word!r}: {COMMAND_HINTS[word]}.", ctx)
            if word.startswith(("http://", "https://")) or os.path.exists(word):
                raise click.UsageError(f"There is no command {word!r}; did you mean `detect {word}`?", ctx)
        if word not in known and (near := get_close_matches(word, known, n=1)):
            raise click.UsageError(f"There is no command {word!r}; did you mean {near[0]!r}?", ctx)
        return super().resolve_command(ctx, args)


def _is_plain_flag(option: click.Option) -> bool:
    return option.is_flag and not option.secondary_opts


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print lines to standard output, or to standard error, whose every character is shown and none obeyed:
    names of files, classes and models come from outside. See ``printable``.

    A reader who has read enough, as ``head`` has, ends the printing and not the work.
    """
    try:
        click.echo("\n".join(map(printable, str(text).split("\n"))), err=err, nl=nl)
    except BrokenPipeError:
        if not err:
            abandon_output()


def prepare_streams() -> None:
    """Make sure that standard output and error can be written, whatever this process was started with.

    A stream that is closed goes nowhere, and its number is taken, so that no file that is opened later gets
    what native libraries print. Characters that a stream's encoding lacks are written as escapes.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon_output() -> None:
    """Let go of a standard output that cannot be written, or the interpreter tries once more at its end."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
