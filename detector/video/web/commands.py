"""What a page may ask for, checked before anything is done."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Collection
from typing import Any

from detector.video.settings import LiveSettings

_LONGEST = 1 << 16  # characters; a list of all classes of a large model has some thousand


class CommandError(ValueError):
    """A message that is not one of the page's."""


def parse_message(text: str) -> dict[str, Any]:
    """The JSON object in a message.

    Raises:
        CommandError: it is none.
    """
    if len(text) > _LONGEST:
        raise CommandError(f"A message has {_LONGEST:,} characters at most.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError("A message is a JSON object.") from error
    if not isinstance(message, dict):
        raise CommandError("A message is a JSON object.")
    return message


def apply_command(message: dict[str, Any], settings: LiveSettings, classes: Collection[str]) -> None:
    """Change the settings as a message says: ``threshold``, ``classes`` (null for all), ``input_size`` and
    ``paused``.

    Nothing is changed unless all of it is right.

    Raises:
        CommandError: a value of the wrong type, a class that the model does not have, or an input size that
            is not offered.
    """
    changes: dict[str, Any] = {}
    if "threshold" in message:
        changes["score_threshold"] = _number(message["threshold"])
    if "classes" in message:
        changes["classes"] = _selection(message["classes"], classes)
    if "input_size" in message:
        if message["input_size"] not in settings.sizes:
            raise CommandError(f"The input size is one of {'; '.join(settings.sizes) or 'none here'}.")
        changes["input_size"] = message["input_size"]
    if "paused" in message:
        if not isinstance(message["paused"], bool):
            raise CommandError("Paused is true or false.")
        changes["paused"] = message["paused"]
    for name, value in changes.items():
        setattr(settings, name, value)


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # JSON's integers have no end
            if math.isfinite(value):
                return float(value)
    raise CommandError("The threshold is a number.")


def _selection(value: object, classes: Collection[str]) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise CommandError("Classes are a list of names, or null for all.")
    unknown = sorted(set(value) - set(classes))
    if unknown:
        raise CommandError(f"The model has no class {unknown[0][:80]!r}.")
    return frozenset(value)
