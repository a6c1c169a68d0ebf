"""Keeps the last rendered pictures, bounded by bytes and not by number, as pictures differ by a thousand times."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SizedCache(Generic[Value]):
    """The most recently used values, as many as fit.

    Args:
        limit_bytes: What all values together may weigh; a heavier one is not kept.
        weigh: Returns the bytes of one value.
    """

    def __init__(self, limit_bytes: int, weigh: Callable[[Value], int]) -> None:
        self._limit_bytes = limit_bytes
        self._weigh = weigh
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def find(self, key: Hashable) -> Value | None:
        """Return a kept value, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: Hashable, value: Value) -> None:
        """Keep a value, and forget the longest unused ones that no longer fit."""
        weight = self._weigh(value)
        with self._lock:
            if key in self._values or weight > self._limit_bytes:
                return
            self._values[key] = value
            self._bytes += weight
            while self._bytes > self._limit_bytes and self._values:
                _key, dropped = self._values.popitem(last=False)
                self._bytes -= self._weigh(dropped)
