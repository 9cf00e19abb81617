"""What ``ssdlite detect`` leaves in its output folder, and how a later run knows it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from detector.errors import DetectorError
from detector.system.files import replacing
from detector.system.invocation import command

RESULTS, IMAGES, VIDEOS = "detections.json", "images.json", "videos.json"
# Keys that every entry of a list has, by the name of its file.
_KEYS = {
    RESULTS: {"file_name", "category_name"},
    IMAGES: {"file_name", "picture"},
    VIDEOS: {"video", "annotated", "frames"},
}
_WRITTEN = ("picture", "annotated", "frames")  # keys of the lists whose values are files of the folder
_SUFFIXES = (".jpg", ".png", ".mp4", ".jsonl")


def write_list(path: Path, content: Sequence[Mapping[str, object]]) -> None:
    """Write a list as JSON; raises DetectorError where it cannot be written."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="ascii")


def check_lists(folder: Path) -> None:
    """Raise DetectorError when a folder has a file in the place of a list that no run of this command wrote:
    it would be replaced.
    """
    for name, keys in _KEYS.items():
        path = folder / name
        if path.exists() and not _is_list(path, keys):
            raise DetectorError(
                f"{path} would be replaced, and it is none that `{command('detect')}` wrote; name another "
                "folder with --output."
            )


def _is_list(path: Path, keys: set[str]) -> bool:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, list) and all(
        isinstance(entry, dict) and keys <= set(entry) for entry in content
    )


def files_of_run(folder: Path) -> set[Path]:
    """The pictures and videos in a folder that an earlier run wrote, by its lists of them."""
    found: set[Path] = set()
    for name in (IMAGES, VIDEOS):
        try:
            entries = json.loads((folder / name).read_bytes())
            listed = [Path(entry[key]) for entry in entries for key in _WRITTEN if key in entry]
        except (OSError, ValueError, TypeError, AttributeError):  # there is none, or it is another's
            continue
        found |= {path for each in listed if (path := _in_folder(each, folder.resolve())) is not None}
    return found


def results_among(files: Iterable[Path]) -> set[Path]:
    """All that earlier runs wrote into the folders of their lists, which are among the files."""
    folders = {path.parent for path in files if path.name in (IMAGES, VIDEOS)}
    return {path for folder in folders for path in files_of_run(folder)}


def _in_folder(path: Path, folder: Path) -> Path | None:
    """The file of the folder that a path meant when it was written, wherever that was run from."""
    candidates = [path.resolve()]
    parts = path.parts
    places = [number for number, part in enumerate(parts) if part == folder.name]
    candidates += [folder.joinpath(*parts[place + 1 :]) for place in reversed(places)]
    inside = (each for each in candidates if each.is_relative_to(folder) and ".." not in each.parts)
    return next((each for each in inside if each.suffix in _SUFFIXES and each.is_file()), None)
