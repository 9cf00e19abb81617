"""How this program was started and installed: what it tells people to type is in the same way."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from subprocess import list2cmdline
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from importlib.metadata import Distribution

NAME = "ssdlite"
_OPERATORS = re.compile(r"[<>|&^%;]")
_SCRIPTS = ("eval_coco", "demo_webcam")  # those of a checkout


def command(*arguments: object) -> str:
    """A command line of this program, to be copied into the shell that it was started from.

    ``uv run ssdlite ...``, ``uvx --from SOURCE ssdlite ...``, ``python -m detector ...`` or ``ssdlite ...``.

    Args:
        arguments: what comes behind the program's name; each is quoted where a shell needs it.
    """
    return _quoted([*_program(), *map(str, arguments)])


def program(name: str, *arguments: object) -> str:
    """A command line of another program that lies in the environment of this one, such as ``tensorboard``."""
    if _is_uv_run():
        return _quoted([*_uv_run(), name, *map(str, arguments)])
    own, found = Path(sys.executable).parent, shutil.which(name)
    is_on_path = found is not None and Path(found).absolute().parent == own
    return _quoted([name if is_on_path else str(own / name), *map(str, arguments)])


def quoted(path: object) -> str:
    """A path as a part of a command that is printed: quoted where a shell needs it."""
    return _quoted([str(path)])


def with_extra(extra: str) -> str:
    """What to do to have an extra of this package, such as ``train``: words for the end of a sentence."""
    is_command = _started().stem in (NAME, *_SCRIPTS)
    if is_command and _is_uv_run():
        return f"start it as `{_quoted([*_uv_run(), '--extra', extra, NAME])} ...`"
    if is_command and _is_uvx():
        return f"start it as `{_quoted(['uvx', '--from', source(extra), NAME])} ...`"
    return f"`{install(source(extra))}`"


def install(*packages: str) -> str:
    """The command that installs packages into the environment of this program."""
    return _quoted([*installer(), "install", *packages])


def uninstall(*packages: str) -> str:
    """The command that takes packages out of the environment of this program, without asking."""
    own = installer()
    return _quoted([*own, "uninstall", *(["-y"] if own == ("pip",) else []), *packages])


def installer() -> tuple[str, ...]:
    """What installs into the environment of this program: ``pip``, or ``uv pip`` where uv has made it."""
    own = _distribution()
    by_uv = own is not None and (own.read_text("INSTALLER") or "").strip() == "uv"
    return ("uv", "pip") if by_uv else ("pip",)


def source(extra: str = "") -> str:
    """What an installer takes to get this package from where it came from: a folder, a file, or its name."""
    extras = f"[{extra}]" if extra else ""
    own = _distribution()
    written = own.read_text("direct_url.json") if own is not None else None
    address = str(json.loads(written).get("url", "")) if written else ""
    if own is None:  # a checkout on the path
        folder = Path(__file__).resolve().parents[2]
    elif not address:
        return f"{NAME}{extras}"
    elif not address.startswith("file:"):
        return f"{NAME}{extras} @ {address}"
    else:
        folder = Path(url2pathname(urlsplit(address).path))
        if folder.suffix:  # a wheel or an archive
            return f"{NAME}{extras} @ {address}" if extras else str(folder)
    return f"{'.' if folder == Path.cwd() else folder}{extras}"


def _program() -> list[str]:
    if _is_uv_run():
        return [*_uv_run(), NAME]
    if _is_uvx():
        return ["uvx", *(["--from", where] if (where := source()) != NAME else []), NAME]
    started = _started()
    if started.name == "__main__.py" and started.parent.name == "detector":
        return [_python(), "-m", "detector"]
    own = Path(sys.executable).parent
    found = shutil.which(NAME)
    if found and Path(found).absolute().parent == own:
        return [NAME]
    # An environment that is not activated: the command by its path, as it was typed.
    is_command = started.stem == NAME and started.exists()
    return [str(started)] if is_command else [_python(), "-m", "detector"]


def _started() -> Path:
    return Path(sys.argv[0] if sys.argv else "")


def _python() -> str:
    found = shutil.which("python")
    return "python" if found and Path(found).absolute() == Path(sys.executable) else sys.executable


def _is_uv_run() -> bool:
    return "UV_RUN_RECURSION_DEPTH" in os.environ


def _is_uvx() -> bool:
    return "UV" in os.environ and "archive-v0" in Path(sys.prefix).parts


def _uv_run() -> list[str]:
    """``uv run``, with the project where it would not be found from here."""
    script = _started()
    project = script.absolute().parent if script.stem in _SCRIPTS else None
    if project is None or Path.cwd().is_relative_to(project):
        return ["uv", "run"]
    return ["uv", "run", "--project", str(project)]


def _distribution() -> Distribution | None:
    from importlib.metadata import PackageNotFoundError, distribution  # takes time to import

    try:
        return distribution(NAME)
    except PackageNotFoundError:
        return None


def _quoted(words: list[str]) -> str:
    if os.name != "nt":
        return shlex.join(words)
    # What cmd and PowerShell take for an operator is quoted, too.
    return " ".join(f'"{word}"' if _OPERATORS.search(word) else list2cmdline([word]) for word in words)
