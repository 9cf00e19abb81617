"""What models in files have in common: they are ready to run, or weights that are converted and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from detector.errors import BackendError, ModelError
from detector.formats.table import SAVED_MODEL, WEIGHTS, Format
from detector.input_sizes import SizeHW, describe_size
from detector.system.conversions import conversion_name, find_conversions, is_damaged, keep_conversion
from detector.system.reading import sha256

# Part of the name of every cached conversion; raised when the written graph changes.
_CONVERSION = "4"


class Convertible:
    """A model in a file, of a detector or of a classifier.

    Weights are converted to what a backend reads when first needed, and the conversion is cached. Where the
    cache cannot be written to, it is made anew for each process.

    Attributes:
        name: what the model was called by, a name or a path.
        path: the file, or the folder of the SavedModel, that the model came in.
        trust: let a SavedModel be run, which is a program.
        input_hw: height and width of the input, where another one than the weights' own was asked for.

    Args:
        kind: the format of the file.
        say: takes a line for each thing that takes time.
    """

    def __init__(
        self, name: str, path: Path, kind: Format, *, trust: bool, say: Callable[[str], None]
    ) -> None:
        self.name = name
        self.path = path
        self.trust = trust
        self.input_hw: SizeHW | None = None
        self._kind = kind
        self._say = say

    @property
    def any_size(self) -> bool:
        """Whether it can be made to fit other input sizes: weights can, what is ready to run cannot."""
        return self._kind is WEIGHTS

    @property
    def backends(self) -> tuple[str, ...]:
        """Names of the backends that run it, the one to take if none is asked for first."""
        return self._kind.backends

    def check_backend(self, backend: str) -> None:
        """Raise BackendError unless that backend runs it, ModelError where it takes trust to run it."""
        if backend not in self.backends:
            raise BackendError(
                f"{self.path} is {self._kind.title}, which {backend} does not read; "
                f"it runs on {' and '.join(self.backends)}, and weights (.npz) run on every backend."
            )
        if self._kind is SAVED_MODEL and not self.trust:
            raise ModelError(
                f"{self.path} is a SavedModel: a program, which can read and write your files. If you trust "
                "whoever made it, say so with --trust, or in Python with trust=True; models of all other "
                "kinds are data."
            )

    def _check_size(self, own_hw: SizeHW, input_hw: SizeHW) -> None:
        """Raise ModelError where it is ready to run, and so cannot be made to fit another size."""
        if not self.any_size:
            own, asked = describe_size(own_hw), describe_size(input_hw)
            raise ModelError(
                f"{self.path} was written for the input size {own} and cannot run at {asked}; give weights "
                "(a released model, the folder of a training run, a .npz file), or export them with "
                f"--input-size {asked}."
            )

    @property
    def _part(self) -> str:
        """What of the file is converted, in the conversion's digest."""
        return repr(None)

    @property
    def _hashed(self) -> Path:
        """The file whose content tells conversions apart."""
        return self.path

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(_CONVERSION.encode())
        digest.update(self._part.encode())
        digest.update(sha256(self._hashed, ModelError).encode())
        return digest.hexdigest()[:16]

    def _conversion_name(self, suffix: str) -> str:
        size = f"-{describe_size(self.input_hw)}" if self.input_hw else ""
        return conversion_name(self.path.absolute().parent.name, f"{self._digest}{size}", suffix)

    def _converted(self, suffix: str, build: Callable[[], bytes]) -> Path:
        """The file itself or, of weights, its conversion, written unless a readable one is there."""
        if not self.any_size:
            return self.path
        name = self._conversion_name(suffix)
        for path in find_conversions(name):
            return path
        if is_damaged(name):
            self._say(
                f"{name} in the cache is not what was written: it was changed or cut short, and is made anew."
            )
        return keep_conversion(name, build())
