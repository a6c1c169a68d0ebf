"""Whose turn it is: errands to many servers, none of which is asked by too many at once, too often, or in vain.

There is one such queue in a process, whatever runs in it at the same time: a server does not care for which list it is
asked. Threads come when there are errands, and go when there are none.
"""

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

LOG = logging.getLogger(__name__)

THREADS = 32
"""That wait for servers; their work on what has come is bounded by the budget of decoding."""

MOST_MISSES = 20
"""After so many failures to answer in a row a server is left alone for a while."""

LEFT_ALONE_S = 300.0

KEPT = 10_000
"""Servers whose last turn is remembered though nothing waits for them."""

After = Callable[[], None]


@dataclass(slots=True)
class Errand:
    """Something to ask a server for.

    Attributes:
        host: Whom.
        turn: Asks, and returns what is done when the server is free for others again; neither raises.
        per_host: Errands to that server at the same time, at most.
        gap_s: Between the beginnings of two.
    """

    host: str
    turn: Callable[[], After]
    per_host: int = 4
    gap_s: float = 0.0


@dataclass(slots=True)
class _Host:
    waiting: deque[Errand] = field(default_factory=deque)
    active: int = 0
    free_at: float = 0.0
    gap_s: float = 0.0
    misses: int = 0
    alone_until: float = 0.0
    why_alone: str = ""


class Hosts:
    """A queue of errands, and the threads that run them.

    Args:
        threads: At most.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._most_threads = threads
        self._threads = 0
        self._hosts: dict[str, _Host] = {}
        self._order: deque[str] = deque()
        self._later: list[tuple[float, int, Errand]] = []
        self._numbers = count()
        self._changed = threading.Condition()

    def put(self, errand: Errand, wait_s: float = 0.0) -> None:
        """Run an errand when it is its turn, and not before so many seconds."""
        with self._changed:
            if wait_s > 0:
                heapq.heappush(self._later, (time.monotonic() + wait_s, next(self._numbers), errand))
            else:
                self._line_up(errand)
            if self._threads < self._most_threads:
                self._threads += 1
                threading.Thread(target=self._work, name="fetch", daemon=True).start()
            self._changed.notify()

    def hold(self, host: str, seconds: float) -> None:
        """Ask a server for nothing more for so long."""
        with self._changed:
            found = self._hosts.setdefault(host, _Host())
            found.free_at = max(found.free_at, time.monotonic() + seconds)

    def slow_down(self, host: str, gap_s: float) -> None:
        """Leave at least so many seconds between two questions to a server, as it asks for."""
        with self._changed:
            self._hosts.setdefault(host, _Host()).gap_s = gap_s

    def note(self, host: str, *, answered: bool) -> None:
        """Say whether a server has answered at all."""
        with self._changed:
            found = self._hosts.setdefault(host, _Host())
            found.misses = 0 if answered else found.misses + 1
            if found.misses >= MOST_MISSES:
                found.misses, found.alone_until = 0, time.monotonic() + LEFT_ALONE_S
                found.why_alone = (
                    f"{host} has not answered many times in a row: not asked again for {LEFT_ALONE_S:.0f} s"
                )

    def leave_alone(self, host: str, seconds: float, why: str) -> None:
        """Ask a server for nothing at all for so long; who wants something of it is told why."""
        with self._changed:
            found = self._hosts.setdefault(host, _Host())
            found.alone_until, found.why_alone = time.monotonic() + seconds, why

    def why_left_alone(self, host: str) -> str:
        """Return why a server is not asked for now; empty: it may be."""
        with self._changed:
            found = self._hosts.get(host)
            return found.why_alone if found is not None and found.alone_until > time.monotonic() else ""

    def _line_up(self, errand: Errand) -> None:
        found = self._hosts.setdefault(errand.host, _Host())
        if not found.waiting:
            self._order.append(errand.host)
        found.waiting.append(errand)

    def _work(self) -> None:
        while (errand := self._next()) is not None:
            try:
                try:
                    after = errand.turn()
                finally:
                    self._leave(errand.host)
                after()
            except Exception:  # a thread that dies would leave all other errands alone
                LOG.exception("an errand to %s failed by itself", errand.host)

    def _next(self) -> Errand | None:
        """Wait for the next errand; None: there is none, and the thread may go."""
        with self._changed:
            while True:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    self._line_up(heapq.heappop(self._later)[2])
                errand, soonest = self._first_that_may(now)
                if errand is not None:
                    return errand
                if not self._order and not self._later:
                    self._threads -= 1
                    return None
                self._changed.wait(None if soonest is None else max(0.0, soonest - now))

    def _first_that_may(self, now: float) -> tuple[Errand | None, float | None]:
        """Return the errand whose turn it is, and else when to look again; None: when something changes."""
        times = [self._later[0][0]] if self._later else []
        for _ in range(len(self._order)):
            name = self._order.popleft()
            host = self._hosts[name]
            errand = host.waiting[0]
            if host.active < errand.per_host and host.free_at <= now:
                host.waiting.popleft()
                host.active += 1
                host.free_at = now + max(errand.gap_s, host.gap_s)
                if host.waiting:
                    self._order.append(name)
                return errand, None
            if host.active < errand.per_host:
                times.append(host.free_at)
            self._order.append(name)
        return None, min(times, default=None)

    def _leave(self, name: str) -> None:
        with self._changed:
            host = self._hosts[name]
            host.active -= 1
            is_idle = not (host.active or host.waiting or host.misses or host.gap_s)
            if is_idle and len(self._hosts) > KEPT and max(host.alone_until, host.free_at) <= time.monotonic():
                del self._hosts[name]
            self._changed.notify_all()


HOSTS = Hosts()
"""Of this process."""
