"""Writes the model files of an export, has each judged, and puts what may be used where it is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeVar

from detector.exports.outcome import Comparison, Export, ExportError
from detector.exports.request import Part
from detector.formats.network import ClassifierNetwork, Network
from detector.formats.table import Format, model_files
from detector.system.files import replacing, replacing_folder, size_in_bytes

N = TypeVar("N", bound=Network | ClassifierNetwork, contravariant=True)


class Judge(Protocol[N]):
    """Compares exported files with the network.

    Attributes:
        comparisons: what was measured so far, in the order of the files.
    """

    comparisons: list[Comparison]

    def find_fault(self, path: Path, format_: Format, network: N) -> str | None:
        """Why the export at a path must not be used; None if it may."""
        ...


def write_part(folder: Path, part: Part, network: N, judge: Judge[N], say: Callable[[str], None]) -> None:
    """Write a model file into a folder.

    Raises:
        ExportError: it must not be used.
        DetectorError: it cannot be written, run or compared.
    """
    path = folder / part.name
    network.write(part.format, path)
    say(f"{part.name}: {sum(map(size_in_bytes, model_files(path))) / 1e6:.2f} MB")
    if fault := judge.find_fault(path, part.format, network):
        raise ExportError(part.name, fault, tuple(judge.comparisons))


def keep(path: Path, target: Path) -> None:
    """Move an export from its temporary folder to where it is wanted, whole or not at all."""
    if path.is_dir():
        with replacing_folder(target) as temporary:
            shutil.copytree(path, temporary, dirs_exist_ok=True)
        return
    with ExitStack() as stack:  # the files of a pair are renamed once all are written
        for source, file in zip(model_files(path), model_files(target), strict=True):
            shutil.copyfile(source, stack.enter_context(replacing(file)))


def describe(target: Path, comparisons: Sequence[Comparison]) -> Export:
    """What was written at a target, and what was measured of it."""
    files = sorted(file for file in target.rglob("*") if file.is_file()) or model_files(target)
    return Export(target, tuple(files), sum(map(size_in_bytes, files)), tuple(comparisons))
