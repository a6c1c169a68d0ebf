"""What was worked out a moment ago is not worked out again: turning a page must not sort a collection anew."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")

FRESH_S = 60.0
"""A page may be so old: labels that come meanwhile are shown with the next look."""


class Remembered(Generic[Value]):
    """The last results of a slow question, each for a minute.

    Args:
        most: So many are kept.
        fresh_s: Seconds after which one is worked out anew.
    """

    def __init__(self, most: int = 16, fresh_s: float = FRESH_S) -> None:
        self._most, self._fresh_s = most, fresh_s
        self._found: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, work_out: Callable[[], Value]) -> Value:
        """Return what is kept for a key, or work it out; two who ask at once may both do so."""
        with self._lock:
            at, value = self._found.get(key, (None, None))
        if at is not None and time.monotonic() - at < self._fresh_s:
            return value  # type: ignore[return-value]  # with a time there is a value
        made = work_out()
        with self._lock:
            self._found[key] = (time.monotonic(), made)
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        return made
