"""The checkpoints of a run: which of them are whole, and which one it goes on from.

A checkpoint is TensorFlow's files ``ckpt-STEP.*`` and the list ``ckpt-STEP.json`` of their sizes and digests,
which is written last. One without its list, or with files that are not as listed, was cut off or damaged.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from detector.errors import DetectorError
from detector.training.manifest import Facts, NotWholeError, read_manifest, write_manifest

_NAME = re.compile(r"ckpt-([0-9]{1,12})[._].*", re.DOTALL)


@dataclass(frozen=True)
class Checkpoint:
    """What a run can go on from.

    Attributes:
        folder: where it lies.
        step: number of steps done.
    """

    folder: Path
    step: int

    @property
    def prefix(self) -> Path:
        """The path of its files without their suffixes."""
        return self.folder / f"ckpt-{self.step}"

    @property
    def manifest(self) -> Path:
        """The list of its files."""
        return self.folder / f"ckpt-{self.step}.json"

    def files(self) -> list[Path]:
        """Everything of this name, also what an interrupted writer left."""
        return [path for step, path in _numbered(self.folder) if step == self.step]

    def seal(self, **facts: int) -> None:
        """Declare its files whole, now that they are written; then remove what is neither it nor the one
        before.

        Args:
            facts: what else its list says.

        Raises:
            DetectorError: the disk is full.
        """
        files = [path for path in self.files() if path != self.manifest]
        write_manifest(self.manifest, files, {**facts, "step": self.step})
        others = {step for step, _ in _numbered(self.folder)} - {self.step}
        before = sorted((step for step in others if step < self.step), reverse=True)
        kept = next((step for step in before if _is_whole(Checkpoint(self.folder, step))), None)
        for step in others - {kept}:
            Checkpoint(self.folder, step).remove()

    def remove(self) -> None:
        """Remove everything of this name."""
        for path in self.files():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def read_facts(self) -> Facts:
        """What its list says, once its files are known to be whole.

        Raises:
            NotWholeError: they are not.
        """
        facts = read_manifest(self.manifest)
        if facts.get("step") != self.step:
            raise NotWholeError(f"{self.manifest.name} is of another step")
        return facts


def _is_whole(checkpoint: Checkpoint) -> bool:
    try:
        return bool(checkpoint.read_facts())
    except NotWholeError:
        return False


@dataclass(frozen=True)
class Found:
    """The checkpoints in a folder.

    Attributes:
        whole: the newest whole one, if any.
        faults: what is wrong with each that is newer, as clauses, newest first.
        facts: what the list of the whole one says.
    """

    whole: Checkpoint | None
    faults: tuple[str, ...] = ()
    facts: Facts = field(default_factory=dict, compare=False)


def find_checkpoint(folder: Path) -> Found:
    """The newest whole checkpoint in a folder, and what is wrong with newer ones.

    Raises:
        DetectorError: the folder cannot be read.
    """
    faults: list[str] = []
    for step in sorted({step for step, _ in _numbered(folder)}, reverse=True):
        checkpoint = Checkpoint(folder, step)
        try:
            return Found(checkpoint, tuple(faults), checkpoint.read_facts())
        except NotWholeError as error:
            faults.append(str(error).rstrip("."))
    return Found(None, tuple(faults))


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    """The step and the path of everything in the folder that has a checkpoint's name."""
    try:
        paths = sorted(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise DetectorError(f"Cannot read {folder} ({error.strerror or error}).") from error
    matches = [(_NAME.fullmatch(path.name), path) for path in paths]
    return [(int(match[1]), path) for match, path in matches if match]
