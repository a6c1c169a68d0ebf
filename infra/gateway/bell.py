"""The doorbell's line: what rang is worked off one by one, so no annotator waits for it.

Ringing only puts the bytes down; even whether they are a webhook is found out afterwards. A ring that is lost (too many
wait, a crash) is no loss: the sweep reads the same answers from Label Studio.
"""

import hashlib
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock, Timer

from blocks.errors import BadInput

logger = logging.getLogger(__name__)

WAITING_LIMIT = 10_000
WAITING_BYTES = 200_000_000
"""What may wait: as many usual webhooks as the limit, or a hundred of the largest."""

REMEMBERED = 20_000
"""Fingerprints of rings that are known as doubles."""

AGAIN_S = 1.0
AGAIN_AT_MOST = 30
"""How often a run that is due but does not sleep yet is tried, before it is left to the sweep."""

GATHER_S = 0.05
"""From the first ring to the begin of work: those who press "submit" together are all answered first."""


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


class Bell:
    """A bounded line of webhook bodies and the one thread that works them off, in their order.

    Args:
        hear: Notes the answer of one body in the catalogue; says whether a run may be due now. Raises BadInput for what
            is no webhook.
        wake: Wakes the runs whose rule is met; called once for a burst of answers, after them. Says whether one is due
            that was only about to fall asleep, and then is called again.
        waiting_limit: Bodies that may wait; one more is left to the sweep.
    """

    def __init__(
        self, hear: Callable[[bytes], bool], wake: Callable[[], bool], waiting_limit: int = WAITING_LIMIT
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
        """Make a job of every body that waits; doubles of earlier ones are dropped."""
        time.sleep(GATHER_S)
        while True:
            with self._lock:
                if not self._line:
                    self._is_taking_in = False
                    return
                body = self._line.popleft()
            fingerprint = hashlib.blake2b(body, digest_size=16).digest()
            if fingerprint in self._seen:
                with self._lock:
                    self.counts.doubled += 1
                    self._leave(body)
                continue
            self._seen[fingerprint] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            job = self._room.submit(self._hear, body)
            job.add_done_callback(partial(self._note_heard, body, fingerprint))

    def _leave(self, body: bytes) -> None:
        self.counts.waiting -= 1
        self._line_bytes -= len(body)

    def _note_heard(self, body: bytes, fingerprint: bytes, job: "Future[bool]") -> None:
        if job.cancelled():
            return
        error = job.exception()
        with self._lock:
            self._leave(body)
            if error is None:
                self.counts.heard += 1
            elif isinstance(error, BadInput):
                self.counts.unreadable += 1
            else:
                self.counts.failed += 1
                self._seen.pop(fingerprint, None)  # the same ring may be tried again
            wake = error is None and job.result() and not self._wake_is_due
            if wake:
                self._wake_is_due = True
                self._tries_left = AGAIN_AT_MOST
        if isinstance(error, BadInput):
            logger.warning("a ring was no webhook: %s", error)
        elif error is not None:
            logger.warning("a ring was not heard, the sweep will: %s", error, exc_info=error)
        if wake:
            # Queued behind every ring that waits by now, so a burst wakes once.
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
