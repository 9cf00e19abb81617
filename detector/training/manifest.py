"""Lists of files with their sizes and digests: what was written together can be known again as whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from detector.errors import DetectorError
from detector.system.files import cannot_write, flush_to_disk, replacing
from detector.system.reading import parsing, read_whole, sha256

_MOST_BYTES = 1 << 20

Facts = Mapping[str, float | str]
"""What is said about files that were written together."""


class NotWholeError(DetectorError):
    """Files that are not as they were written; the message is a clause that says what is wrong."""


def write_manifest(path: Path, files: Iterable[Path], facts: Facts) -> None:
    """Write the list of files that lie beside it, with facts about them.

    The files are on the disk before the list is, so that a list speaks of whole files even after a power cut.

    Raises:
        DetectorError: the disk is full, or the files are not there any more.
    """
    listed = {}
    for file in files:
        try:
            flush_to_disk(file)
            listed[file.name] = {"bytes": file.stat().st_size, "sha256": sha256(file)}
        except OSError as error:
            raise cannot_write(file, error) from error
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({**facts, "files": listed}, indent=1))


def read_manifest(path: Path) -> Facts:
    """The facts of a list whose files are all as they were when it was written.

    Raises:
        NotWholeError: it is missing or damaged, or one of its files is missing or another.
    """
    with parsing(f"{path.name} is damaged", NotWholeError):
        if not path.exists():
            raise NotWholeError(f"{path.name} is missing")
        content = json.loads(read_whole(path, _MOST_BYTES, NotWholeError))
        listed = {str(name): (entry["bytes"], entry["sha256"]) for name, entry in content["files"].items()}
    for name, (size, digest) in listed.items():
        file = path.with_name(Path(name).name)
        if not file.is_file():
            raise NotWholeError(f"{file.name} is missing")
        with parsing(f"{file.name} cannot be read", NotWholeError):
            found = file.stat().st_size
            if found != size:
                raise NotWholeError(f"{file.name} has {found:,} bytes in place of {size:,}")
            if sha256(file) != digest:
                raise NotWholeError(f"{file.name} is damaged")
    return {key: value for key, value in content.items() if key != "files"}
