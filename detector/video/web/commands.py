"""What a page may ask for, checked before anything is done."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

from detector.video.settings import LiveSettings


class CommandError(ValueError):
    """A message that is not one of the page's."""


def parse_message(text: str) -> dict[str, Any]:
    """The JSON object in a message.

    Raises:
        CommandError: it is none.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError("A message is a JSON object.") from error
    if not isinstance(message, dict):
        raise CommandError("A message is a JSON object.")
    return message


def apply_command(message: dict[str, Any], settings: LiveSettings, classes: Collection[str]) -> None:
    """Change the settings as a message says: ``threshold``, ``classes`` (null for all) and ``paused``.

    Nothing is changed unless all of it is right.

    Raises:
        CommandError: a value of the wrong type, or a class that the model does not have.
    """
    threshold = message.get("threshold", settings.score_threshold)
    chosen = message.get("classes", settings.classes)
    paused = message.get("paused", settings.paused)
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not math.isfinite(threshold):
        raise CommandError("The threshold is a number.")
    if not isinstance(paused, bool):
        raise CommandError("Paused is true or false.")
    if chosen is not None:
        if not isinstance(chosen, (list, frozenset)) or not all(isinstance(name, str) for name in chosen):
            raise CommandError("Classes are a list of names, or null for all.")
        unknown = sorted(set(chosen) - set(classes))
        if unknown:
            raise CommandError(f"The model has no class {unknown[0]!r}.")
        chosen = frozenset(chosen)
    settings.score_threshold, settings.classes, settings.paused = threshold, chosen, paused
