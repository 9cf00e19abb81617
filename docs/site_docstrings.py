"""Examples in docstrings, `>>>` as Python has them, as blocks of code for the site."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"(?:^>>> .*\n(?:^(?!\n).+\n)*\n?)+", re.MULTILINE)


class Examples(Extension):
    """Fences around each example of a docstring."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring and not obj.is_alias:
            text = f"{obj.docstring.value}\n"
            obj.docstring.value = _EXAMPLE.sub(lambda match: f"```pycon\n{match[0].rstrip()}\n```\n\n", text)
