"""Protocol buffer messages in their text format (``pipeline.config``, ``label_map.pbtxt``), without a schema.

Source: Protocol Buffers documentation, "Text Format Language Specification".
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TypeAlias

TextMessage: TypeAlias = "dict[str, list[TextValue]]"
TextValue: TypeAlias = "str | TextMessage"

_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<word>[-+\w.]+)
    |(?P<sign>[{}<>\[\]:,;/])""",
    re.VERBOSE,
)
_ENDS = {"{": "}", "<": ">"}
_MOST_DEPTH = 50


def parse_text_message(text: str) -> TextMessage:
    """The fields of a message: name -> values in order; numbers and names of enums stay text.

    Raises:
        ValueError: not such a message, with the line on which it ends to be one.
    """
    tokens = _tokens(text)
    message, position = _parse_fields(tokens, 0, "", 0)
    if position != len(tokens):
        raise ValueError(f"line {tokens[position][1]}: unexpected {tokens[position][0]!r}")
    return message


def _tokens(text: str) -> list[tuple[str, int]]:
    """(token, line) of all tokens; texts keep their quotes."""
    tokens = []
    position, line = 0, 1
    text = text.removeprefix("\ufeff")
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"line {line}: unexpected {text[position]!r}")
        if match.lastgroup != "skip":
            tokens.append((match[0], line))
        line += match[0].count("\n")
        position = match.end()
    return tokens


def _parse_fields(
    tokens: list[tuple[str, int]], position: int, end: str, depth: int
) -> tuple[TextMessage, int]:
    if depth > _MOST_DEPTH:
        raise ValueError("messages within messages without end")
    message: TextMessage = defaultdict(list)
    while position < len(tokens):
        token, line = tokens[position]
        if token == end:
            return message, position + 1
        if token in ",;":
            position += 1
            continue
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise ValueError(f"line {line}: expected the name of a field, got {token!r:.60}")
        position += 1
        if _at(tokens, position) == ":":
            position += 1
        values, position = _parse_values(tokens, position, depth)
        message[token] += values
    if end:
        raise ValueError(f"a {end!r} is missing at the end")
    return message, position


def _parse_values(tokens: list[tuple[str, int]], position: int, depth: int) -> tuple[list[TextValue], int]:
    if _at(tokens, position) != "[":
        value, position = _parse_value(tokens, position, depth)
        return [value], position
    values: list[TextValue] = []
    position += 1
    while _at(tokens, position) != "]":
        value, position = _parse_value(tokens, position, depth)
        values.append(value)
        if _at(tokens, position) == ",":
            position += 1
    return values, position + 1


def _parse_value(tokens: list[tuple[str, int]], position: int, depth: int) -> tuple[TextValue, int]:
    token = _at(tokens, position)
    if token in _ENDS:
        return _parse_fields(tokens, position + 1, _ENDS[token], depth + 1)
    if token[0] in "\"'":
        text = ""
        while position < len(tokens) and tokens[position][0][0] in "\"'":  # neighbours are one text
            text += _unquoted(tokens[position][0])
            position += 1
        return text, position
    if not re.match(r"[-+\w.]", token):
        raise ValueError(f"line {tokens[position][1]}: expected a value, got {token!r}")
    return token, position + 1


def _at(tokens: list[tuple[str, int]], position: int) -> str:
    if position >= len(tokens):
        raise ValueError("it ends in the middle of a field")
    return tokens[position][0]


def _unquoted(token: str) -> str:
    """What stands between the quotes; escapes are bytes of UTF-8."""
    if "\\" not in token:
        return token[1:-1]
    written = "".join(
        each if ord(each) < 128 else "".join(f"\\x{b:02x}" for b in each.encode()) for each in token
    )
    value: bytes = ast.literal_eval(f"b{written}")
    return value.decode("utf-8")
