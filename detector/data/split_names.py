"""What the names of folders, files and splits say of the part of a dataset that they hold."""

from __future__ import annotations

import re

_ROLES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test", "trainval": "trainval",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def role_of(name: str) -> str | None:
    """``train``, ``val``, ``test`` or ``trainval`` for a split's name (``valid``, ``train2017``), or None."""
    return _ROLES.get(re.sub(r"[-_ ]?\d*$", "", name.strip().lower()))


def role_in(name: str) -> str | None:
    """The one role that is a word in a file's name (``custom_val``, ``petsTrain2``), or None.

    ``train_val`` is ``trainval``.
    """
    if role := role_of(name):
        return role
    roles = [role for word in _WORD.findall(name) if (role := _ROLES.get(word.lower()))]
    if roles == ["train", "val"]:
        return "trainval"
    return roles[0] if len(set(roles)) == 1 else None


def roles_agree(one: str | None, other: str | None) -> bool:
    """Whether a picture of one role can be meant by a label of the other; no role agrees with each."""
    return (
        None in (one, other) or one == other or {one, other} in ({"train", "trainval"}, {"val", "trainval"})
    )
