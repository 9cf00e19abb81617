"""What can happen to a file of a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]


def deleted(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut_to_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def cut_at_its_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def one_bit_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def garbage(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(
        bytes((n * n + 7 * n) % 251 for n in range(min(size, 5000))) + bytes(max(0, size - 5000))
    )


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


def a_broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


DAMAGES: tuple[Damage, ...] = (
    deleted, emptied, cut_to_half, cut_at_its_end, one_bit_flipped, garbage, zeros, a_folder, a_broken_link,
)  # fmt: skip
