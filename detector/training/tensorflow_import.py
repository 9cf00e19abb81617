"""The modules that need TensorFlow, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from detector.errors import BackendError
from detector.system.invocation import with_extra


def import_with_tensorflow(name: str) -> ModuleType:
    """A module of this package that imports TensorFlow, which takes seconds and would have much to say.

    Raises:
        BackendError: TensorFlow or Model Garden is not installed.
    """
    try:
        import_module("detector.model")  # keeps TensorFlow quiet
        return import_module(f"detector.training.{name}")
    except ImportError as error:
        raise BackendError(
            f"This needs TensorFlow and Model Garden, which are not installed here ({error}): "
            f"{with_extra('train')}."
        ) from error
