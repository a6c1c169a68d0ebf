"""The doorbell's line: what rang is worked off in bursts, so no annotator waits for it.

Ringing only puts the bytes down; even whether they are a webhook is found out afterwards. A ring that is lost (too many
wait, a crash) is no loss: the sweep reads the same answers from Label Studio.
"""

import hashlib
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock, Timer

logger = logging.getLogger(__name__)

WAITING_LIMIT = 10_000
WAITING_BYTES = 200_000_000
"""What may wait: as many usual webhooks as the limit, or a hundred of the largest."""

BURST_LIMIT = 500
BURST_BYTES = 8_000_000
"""What is worked off together: the tasks of so many rings are read from Label Studio in one request or a few."""

REMEMBERED = 20_000
"""Fingerprints of rings that are known as doubles."""

AGAIN_S = 1.0
AGAIN_AT_MOST = 30
"""How often a run that is due but does not sleep yet is tried, before it is left to the sweep."""

GATHER_S = 0.2
"""From the first ring to the begin of work, in which Label Studio is asked: those who press "submit" together are all
answered before it takes a core of this machine."""


@dataclass(slots=True)
class RingCounts:
    """What became of the rings since the start."""

    rung: int = 0
    doubled: int = 0
    overflowed: int = 0
    heard: int = 0
    unreadable: int = 0
    failed: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Hearing:
    """What became of one burst.

    Attributes:
        unreadable: Why some of its bodies are no webhooks, one reason each.
        may_be_due: Whether anything changed, so that a run may be due now.
    """

    unreadable: tuple[str, ...] = ()
    may_be_due: bool = False


class Bell:
    """A bounded line of webhook bodies and the one thread that works them off, burst by burst, in their order.

    Args:
        hear: Notes what Label Studio says of the things that some bodies ring for.
        wake: Wakes the runs whose rule is met; called once for a burst of answers, after them. Says whether one is due
            that was only about to fall asleep, and then is called again.
        waiting_limit: Bodies that may wait; one more is left to the sweep.
    """

    def __init__(
        self,
        hear: Callable[[Sequence[bytes]], Hearing],
        wake: Callable[[], bool],
        waiting_limit: int = WAITING_LIMIT,
    ) -> None:
        self.counts = RingCounts()
        self._hear = hear
        self._wake = wake
        self._waiting_limit = waiting_limit
        self._line: deque[bytes] = deque()
        self._line_bytes = 0
        self._is_taking_in = False
        self._wake_is_due = False
        self._tries_left = 0
        self._timer: Timer | None = None
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()
        # An executor keeps its thread when a job fails, and its queue is first in, first out.
        self._room = ThreadPoolExecutor(max_workers=1, thread_name_prefix="doorbell")

    def ring(self, body: bytes) -> None:
        """Put a body down and return at once; one too many is dropped."""
        with self._lock:
            counts = self.counts
            counts.rung += 1
            if counts.waiting >= self._waiting_limit or self._line_bytes + len(body) > WAITING_BYTES:
                counts.overflowed += 1
                return
            counts.waiting += 1
            self._line_bytes += len(body)
            self._line.append(body)
            if self._is_taking_in:
                return
            self._is_taking_in = True
        self._room.submit(self._take_in)

    def stop(self) -> None:
        """Finish what is in hand and end; what still waits is left to the sweep."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
        self._room.shutdown(wait=True, cancel_futures=True)

    def _take_in(self) -> None:
        """Make one job of the bodies that wait; doubles of earlier ones are dropped."""
        time.sleep(GATHER_S)
        bodies: list[bytes] = []
        size = 0
        with self._lock:
            while self._line and len(bodies) < BURST_LIMIT and (not bodies or size + len(self._line[0]) <= BURST_BYTES):
                bodies.append(self._line.popleft())
                size += len(bodies[-1])
            self._is_taking_in = more = bool(self._line)
        burst = self._without_doubles(bodies)
        if burst:
            job = self._room.submit(self._hear, list(burst.values()))
            job.add_done_callback(partial(self._note_heard, burst))
        if more:
            self._room.submit(self._take_in)

    def _without_doubles(self, bodies: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return bodies that have not rung before, by their fingerprints."""
        burst: dict[bytes, bytes] = {}
        for body in bodies:
            fingerprint = hashlib.blake2b(body, digest_size=16).digest()  # without the lock: who rings waits for it
            if fingerprint in self._seen:
                with self._lock:
                    self.counts.doubled += 1
                    self._leave(body)
                continue
            self._seen[fingerprint] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            burst[fingerprint] = body
        return burst

    def _leave(self, body: bytes) -> None:
        self.counts.waiting -= 1
        self._line_bytes -= len(body)

    def _note_heard(self, burst: dict[bytes, bytes], job: "Future[Hearing]") -> None:
        if job.cancelled():
            return
        error = job.exception()
        hearing = Hearing() if error else job.result()
        with self._lock:
            for fingerprint, body in burst.items():
                self._leave(body)
                if error:
                    self._seen.pop(fingerprint, None)  # the same ring may be tried again
            if error:
                self.counts.failed += len(burst)
            else:
                self.counts.unreadable += len(hearing.unreadable)
                self.counts.heard += len(burst) - len(hearing.unreadable)
            wake = hearing.may_be_due and not self._wake_is_due
            if wake:
                self._wake_is_due = True
                self._tries_left = AGAIN_AT_MOST
        if error is not None:
            logger.warning("%d rings were not heard, the sweep will: %s", len(burst), error, exc_info=error)
        if hearing.unreadable:
            logger.warning("%d rings were no webhooks, such as: %s", len(hearing.unreadable), hearing.unreadable[0])
        if wake:
            self._submit_wake()

    def _submit_wake(self) -> None:
        try:
            self._room.submit(self._wake_once).add_done_callback(self._note_woken)
        except RuntimeError:
            logger.info("the gateway ends: the sweep wakes what is due")

    def _wake_once(self) -> bool:
        with self._lock:
            self._wake_is_due = False
        return self._wake()

    def _note_woken(self, job: "Future[bool]") -> None:
        if job.cancelled():
            return
        if (error := job.exception()) is not None:
            logger.warning("could not wake runs, the sweep will: %s", error, exc_info=error)
            return
        with self._lock:
            again = job.result() and not self._wake_is_due and self._tries_left > 0
            if again:
                self._wake_is_due = True
                self._tries_left -= 1
                self._timer = Timer(AGAIN_S, self._submit_wake)
                self._timer.daemon = True
                self._timer.start()
