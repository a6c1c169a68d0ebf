"""What was worked out a moment ago is not worked out again: turning a page must not sort a collection anew.

What is no longer fresh is shown once more while it is worked out anew beside, so that nobody waits for it twice.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
        self._turns: dict[Hashable, Lock] = {}
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gallery")

    def get(
        self, key: Hashable, work_out: Callable[[], Value], renew_from: Callable[[Value], Value] | None = None
    ) -> Value:
        """Return what is kept for a key, or work it out; of several who ask at once one does, and the others wait.

        Args:
            key: Of the question.
            work_out: Answers it.
            renew_from: The same, where an earlier answer makes it easier.
        """
        with self._lock:
            entry = self._found.get(key)
            age = time.monotonic() - entry.at if entry else self._stale_s
            renew = entry is not None and self._fresh_s <= age < self._stale_s and key not in self._renewing
            if renew:
                self._renewing.add(key)
        again = partial(renew_from, entry.value) if entry is not None and renew_from is not None else work_out
        if entry is None or age >= self._stale_s:
            return self._in_turn(key, entry, again)
        if renew:
            self._beside.submit(self._renew, key, again)
        return entry.value

    def has(self, key: Hashable) -> bool:
        """Say whether there is something to show for a key without waiting."""
        with self._lock:
            entry = self._found.get(key)
        return entry is not None and time.monotonic() - entry.at < self._stale_s

    def prepare(self, key: Hashable, work_out: Callable[[], Value]) -> None:
        """Work out beside what nobody could be shown yet, or any more, and somebody is about to ask."""
        with self._lock:
            entry = self._found.get(key)
            is_shown = entry is not None and time.monotonic() - entry.at < self._stale_s
            if is_shown or key in self._renewing:
                return
            self._renewing.add(key)
        self._beside.submit(self._renew, key, lambda: self._in_turn(key, entry, work_out))

    def close(self) -> None:
        """Wait for what is worked out beside; nothing is any more then."""
        self._beside.shutdown(wait=True)

    def _in_turn(self, key: Hashable, seen: _Entry[Value] | None, work_out: Callable[[], Value]) -> Value:
        with self._lock:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            with self._lock:
                entry = self._found.get(key)
            if entry is not None and entry is not seen:
                return entry.value  # somebody else's turn brought it
            try:
                return self._keep(key, work_out())
            finally:
                with self._lock:
                    self._turns.pop(key, None)

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
