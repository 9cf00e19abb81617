"""The ``ssdlite`` command. Heavy imports happen inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from detector.commands.command_line import OneValueGroup, abandon_output, echo, prepare_streams
from detector.errors import DetectorError
from detector.system.processes import check_not_hidden
from detector.version import __version__


class _Verbs(MutableMapping[str, click.Command]):
    """The commands by name, each imported when it is first needed: ``eval_command`` of module ``eval``."""

    def __init__(self, *names: str) -> None:
        self._known: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._known[name]
        if command is None:
            module = import_module(f"detector.commands.{name}")
            command = self._known[name] = getattr(module, f"{name}_command")
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@click.group(
    cls=OneValueGroup,
    commands=_Verbs(
        *("bench", "cache", "classify", "compare", "data", "demo", "detect", "doctor"),
        *("eval", "export", "label", "licenses", "model", "train", "weights"),
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ssdlite")
def cli() -> None:
    """Object detection with SSDLite MobileNetV2.

    Start with `ssdlite demo` for a webcam or `ssdlite detect PHOTO`. Evaluate on COCO with `ssdlite eval
    COCO_FOLDER`.
    """


def main(
    arguments: Sequence[str] | None = None, *, prog_name: str = "ssdlite", command: click.Command = cli
) -> None:
    """Run the command line and exit: 0 on success, 1 where a comparison says no, 2 on a user's mistake, 130
    on Ctrl-C.
    """
    prepare_streams()
    try:
        check_not_hidden()
        command.main(args=arguments, prog_name=prog_name, standalone_mode=False)
    except click.ClickException as error:
        with suppress(OSError):  # standard error cannot be written; the exit code still tells
            error.show()
        sys.exit(2)
    except DetectorError as error:
        with suppress(OSError):
            for line in error.found:
                echo(f"Found: {line}", err=True)
        _end(f"Error: {error}", 2)
    except (click.Abort, KeyboardInterrupt):
        _end("Stopped.", 130)
    except OSError as error:  # what is left: standard output that cannot be written
        abandon_output()
        _end(f"Error: {error}.", 2)
    except MemoryError:
        _end("Error: out of memory; use fewer --threads or smaller images.", 2)


def _end(sentence: str, code: int) -> NoReturn:
    with suppress(OSError):
        echo(sentence, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
