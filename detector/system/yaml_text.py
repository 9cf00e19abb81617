"""YAML as it is written: mappings, lists and text, and nothing else is made of it.

YAML 1.1 takes ``no`` for false, ``010`` for eight and ``12:30`` for 750; as the name of a class each is only
a word. Who reads a file here knows what kind of value stands where, and makes numbers of texts there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from detector.errors import DetectorError
from detector.system.reading import parsing

if TYPE_CHECKING:
    import yaml

Yaml: TypeAlias = "str | list[Yaml] | dict[str, Yaml]"

LARGEST_YAML = 5_000_000  # bytes; 20,000 class names have a tenth of it
_MOST_CHARACTERS = 4 * LARGEST_YAML  # with what aliases repeat
_DEEPEST = 50
_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")


def load_yaml(text: str | bytes, sentence: str, kind: type[DetectorError] = DetectorError) -> Yaml:
    """The one document of a YAML text: dicts, lists and texts, in any depth; an empty text if there is none.

    Args:
        text: YAML; bytes are in UTF-8, or in UTF-16 with its mark.
        sentence: what the error says first; what is wrong follows it in parentheses.
        kind: the class of the error.

    Raises:
        DetectorError: of that kind: not YAML, a key twice in one mapping, a tag that asks for more than text,
            several documents, too deep, or too much of it once aliases are written out.
    """
    import yaml

    with parsing(sentence, kind):
        if len(text) > LARGEST_YAML:
            raise ValueError(f"larger than {LARGEST_YAML / 1e6:g} MB")
        try:
            return _Builder().build(yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error


@dataclass
class _Open:
    """A mapping or list whose end is still to come; ``key`` is the one that waits for its value."""

    value: dict[str, Yaml] | list[Yaml]
    anchor: str | None
    size_before: int
    key: str | None = None


class _Builder:
    """Makes values of the parser's events, without recursion and within bounds."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._named: dict[str, tuple[Yaml, int]] = {}  # by anchor, with how much it is
        self._size = 0
        self._document: Yaml = ""
        self._documents = 0

    def build(self, events: Iterable[yaml.Event]) -> Yaml:
        """The value of the only document."""
        import yaml

        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise ValueError("several documents in one file")
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self._named:
                    raise ValueError(f"*{event.anchor:.40} stands for nothing that was named before")
                self._add(*self._named[event.anchor])
            elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
                self._start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(self._open.pop())
        return self._document

    def _start(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        import yaml

        if event.tag not in _PLAIN_TAGS:
            raise ValueError(f"the tag {event.tag:.40}, which is not read; write the value without it")
        if isinstance(event, yaml.ScalarEvent):
            size = len(event.value) + 1
            self._add(event.value, size)
            if event.anchor:
                self._named[event.anchor] = (event.value, size)
            return
        if len(self._open) == _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} levels deep")
        value: dict[str, Yaml] | list[Yaml] = {} if isinstance(event, yaml.MappingStartEvent) else []
        before = self._size
        self._add(value, 1)
        self._open.append(_Open(value, event.anchor, before))

    def _close(self, ended: _Open) -> None:
        if ended.anchor:  # only now: nothing may hold itself
            self._named[ended.anchor] = (ended.value, self._size - ended.size_before)

    def _add(self, value: Yaml, size: int) -> None:
        self._size += size
        if self._size > _MOST_CHARACTERS:
            raise ValueError(f"more than {_MOST_CHARACTERS:,} characters once aliases are written out")
        if not self._open:
            self._document = value
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is not None:
            parent.value[parent.key], parent.key = value, None
        elif not isinstance(value, str):
            raise ValueError("a list or mapping as a key")
        elif value in parent.value:
            raise ValueError(f"the key {value:.40} twice")
        else:
            parent.key = value
