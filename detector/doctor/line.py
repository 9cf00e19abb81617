"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["works", "absent", "broken"]


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Attributes:
        title: what it is.
        state: ``absent`` is what the base install does without, or what the machine does not have.
        found: what was found.
        repair: what to do; "" where there is nothing to do.
    """

    title: str
    state: State
    found: str
    repair: str = ""
