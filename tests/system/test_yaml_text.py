"""YAML arrives as it is written, and nothing in it can do harm."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import DetectorError
from detector.system.yaml_text import load_yaml


def load(text: str | bytes) -> object:
    return load_yaml(text, "names.yaml is not YAML")


@pytest.mark.parametrize(
    "word",
    ["yes", "no", "off", "On", "true", "null", "~", "010", "0x1F", "1_000", "1e3", "12:30", "2020-01-31",
     ".inf", "1.0", "+5", "=", "<<", "C++", "a: b", "café", "😀"],
)  # fmt: skip
def test_words_stay_words(word: str) -> None:
    plain = word if ": " not in word else f"'{word}'"
    assert load(f"names: [{plain}, '{word}']") == {"names": [word, word]}
    assert load(f'names:\n  0: {plain}\n  1: "{word}"\n') == {"names": {"0": word, "1": word}}
    assert load(f"names: [{plain}]".encode("utf-16")) == {"names": [word]}


def test_an_empty_value_is_an_empty_text() -> None:
    assert load("test:\nnames:\n- \n- a\n") == {"test": "", "names": ["", "a"]}
    assert load("") == load("# nothing\n") == ""


def test_aliases_stand_for_what_was_named() -> None:
    text = "train: &t images/a\nval: *t\nn: &n [cat, dog]\nnames: *n\n"
    assert load(text) == {
        "train": "images/a",
        "val": "images/a",
        "n": ["cat", "dog"],
        "names": ["cat", "dog"],
    }


def bomb(levels: int, item: str = "x") -> str:
    lines = [f"a0: &a0 [{', '.join([item] * 10)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"names: *a{levels - 1}"])


MISTAKES = {
    "nested aliases": (bomb(10), "once aliases are written out"),
    "long text, repeated": (f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 5_000)}]", "once aliases"),
    "a list that holds itself": ("a: &a [*a]", "named before"),
    "an alias of nothing": ("a: *b", "named before"),
    "lists in lists": ("[" * 100_000, "levels deep|nesting depth"),
    "mappings in mappings": ("\n".join(" " * n + "a:" for n in range(200)), "levels deep"),
    "the same key twice": ("names: [a]\nnames: [b]", "the key names twice"),
    "the same number twice": ("{0: a, 0: b}", "the key 0 twice"),
    "a list as a key": ("? [a]\n: b", "as a key"),
    "an alias of a list as a key": ("a: &a [b]\n*a : c", "as a key"),
    "several documents": ("a: b\n---\nc: d", "several documents"),
    "a tag of Python": ("a: !!python/object/apply:os.system ['true']", "the tag"),
    "a tag of a number": ("a: !!int 3", "the tag"),
    "too large": ("a: " + "x" * 6_000_000, "larger than"),
    "a list without its end": ("names: [cat", "names.yaml is not YAML"),
    "a control character": ("a: \x07", "names.yaml is not YAML"),
    "half a character": ("a: \ud800", "names.yaml is not YAML"),
    "not UTF-8": (b"a: caf\xe9", "names.yaml is not YAML"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_mistakes_end_in_one_sentence(kind: str) -> None:
    text, message = MISTAKES[kind]
    with pytest.raises(DetectorError, match=message) as caught:
        load(text)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=8)
_VALUES = st.recursive(
    _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_what_pyyaml_writes_is_read(value: object) -> None:
    assert load(yaml.safe_dump(value, allow_unicode=True)) == value


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_anything_is_yaml_or_a_mistake(text: str | bytes) -> None:
    with suppress(DetectorError):
        load(text)
