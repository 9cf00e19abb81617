"""Hands items from one thread to the next."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ChannelClosedError(Exception):
    """Nothing more will come."""


class Channel(Generic[T]):
    """A short queue between two threads.

    Args:
        newest_only: an item that nobody has taken is replaced by the next one; otherwise ``put`` waits until
            there is room.
        capacity: most items that wait; 1 with ``newest_only``.
    """

    def __init__(self, *, newest_only: bool, capacity: int = 1) -> None:
        self._newest_only = newest_only
        self._capacity = 1 if newest_only else capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T) -> bool:
        """Hand an item over; False if the channel is closed."""
        with self._changed:
            while len(self._items) == self._capacity and not self._closed:
                if self._newest_only:
                    self._items.clear()
                else:
                    self._changed.wait()
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def take(self, timeout: float | None = None) -> T | None:
        """The next item; None if none comes within so many seconds.

        Raises:
            ChannelClosedError: the channel is closed and empty.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout):
                return None
            if not self._items:
                raise ChannelClosedError
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def finish(self) -> None:
        """Let the items that wait be taken, and no more come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Close at once: items that wait are dropped."""
        with self._changed:
            self._items.clear()
            self._closed = True
            self._changed.notify_all()
