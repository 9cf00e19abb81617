"""The cache folder: where it is, and what to do where it cannot be written.

It is the platform's, or the one that the environment variable ``SSDLITE_CACHE`` names.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

from detector.errors import WeightsError

REMEDY = "name a folder that can be written in the environment variable SSDLITE_CACHE"


def cache_folder() -> Path:
    """Where released weights and converted models are kept.

    Raises:
        WeightsError: there is no home folder to have it in.
    """
    chosen = os.environ.get("SSDLITE_CACHE")
    try:
        return Path(chosen or platformdirs.user_cache_dir("ssdlite", appauthor=False)).expanduser()
    except RuntimeError as error:  # no HOME, and the system does not know the user
        raise WeightsError(f"There is no home folder to keep weights in; {REMEDY}.") from error


def converted_folder() -> Path:
    """Where models that were converted from weights are kept, by name and content."""
    return cache_folder() / "converted"


def make_in_cache(folder: Path) -> None:
    """Make a folder of the cache unless it is there, and see that it can be written to.

    Raises:
        WeightsError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WeightsError(
            f"Cannot write to {folder} ({error.strerror or error}), where weights are kept; {REMEDY}."
        ) from error
