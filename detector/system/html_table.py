"""Tables for notebooks, which show what ``_repr_html_`` gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose texts are shown as they are, also those with ``<`` in them."""
    lines = "".join(_row("td", row) for row in rows)
    return f"<table><caption>{escape(caption)}</caption>{_row('th', head)}{lines}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
