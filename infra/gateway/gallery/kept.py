"""What was worked out a moment ago is not worked out again: turning a page must not sort a collection anew.

What is no longer fresh is shown once more while it is worked out anew beside, so that nobody waits for it twice.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value")

FRESH_S = 30.0
STALE_S = 600.0
"""What is older than this is not shown any more."""


class _Entry(NamedTuple, Generic[Value]):
    at: float
    value: Value


class Remembered(Generic[Value]):
    """The last results of a slow question.

    Args:
        most: So many are kept.
        fresh_s: Seconds after which one is worked out anew, beside whoever is shown the earlier one.
        stale_s: Seconds after which one is waited for.
    """

    def __init__(self, most: int = 16, fresh_s: float = FRESH_S, stale_s: float = STALE_S) -> None:
        self._most, self._fresh_s, self._stale_s = most, fresh_s, stale_s
        self._found: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()
        self._renewing: set[Hashable] = set()
        self._lock = Lock()
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gallery")

    def get(self, key: Hashable, work_out: Callable[[], Value]) -> Value:
        """Return what is kept for a key, or work it out; two who ask at once may both do so."""
        with self._lock:
            entry = self._found.get(key)
            age = time.monotonic() - entry.at if entry else self._stale_s
            renew = entry is not None and self._fresh_s <= age < self._stale_s and key not in self._renewing
            if renew:
                self._renewing.add(key)
        if entry is None or age >= self._stale_s:
            return self._keep(key, work_out())
        if renew:
            self._beside.submit(self._renew, key, work_out)
        return entry.value

    def _renew(self, key: Hashable, work_out: Callable[[], Value]) -> None:
        try:
            self._keep(key, work_out())
        finally:  # what fails here fails where somebody waits for it
            with self._lock:
                self._renewing.discard(key)

    def _keep(self, key: Hashable, value: Value) -> Value:
        with self._lock:
            self._found[key] = _Entry(time.monotonic(), value)
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        return value
