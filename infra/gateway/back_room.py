"""The gateway's back room: a process of its own that notes what rang and wakes runs.

To note an answer takes milliseconds of Python and of the database. In the gateway's own process each of them would hold
the interpreter while annotators wait; here they cost them nothing, and the machine gives way to whoever is ringing.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.label_studio import LabelStudio
from infra.gateway.logs import log_to_stderr
from infra.gateway.webhooks import parse_payload
from tasks.review.doorbell import hear
from tasks.review.newcomers import Newcomers
from tasks.review.rules import due

POLITENESS = 5
"""What is added to the process's niceness."""


class BackRoom:
    """Hears and wakes in another process, one thing at a time; should that process die, the next ring starts another.

    Args:
        catalog: Where answers are noted.
        label_studio: Who knows the names of new people. Both are handed over in memory: no secret is in an argument.
    """

    def __init__(self, catalog: Catalog, label_studio: LabelStudio) -> None:
        self._open = partial(
            ProcessPoolExecutor,
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),  # threads run here: a fork would copy their locks
            initializer=_move_in,
            initargs=(catalog, label_studio),
        )
        self._process = self._open()
        self._process.submit(_is_ready)  # it starts now, not when somebody waits for it

    def hear(self, body: bytes) -> bool:
        """Note the answer of one webhook's body; return whether a run may be due now.

        Raises:
            BadInput: It is no webhook.
            BrokenProcessPool: The other process died meanwhile; the answer may or may not be noted.
        """
        return self._ask(partial(_hear, body))

    def wake(self) -> bool:
        """Wake the runs whose rule is met; return whether one is due that does not sleep yet.

        Raises:
            BrokenProcessPool: The other process died meanwhile.
        """
        return self._ask(_wake)

    def close(self) -> None:
        """Let it finish what is in hand, and end it."""
        self._process.shutdown(wait=True, cancel_futures=True)

    def _ask(self, job: Callable[[], bool]) -> bool:
        try:
            return self._process.submit(job).result()
        except BrokenProcessPool:
            self._process.shutdown(wait=False)
            self._process = self._open()
            raise


class _Occupant:
    """What the jobs in the other process work with."""

    engine: Engine
    newcomers: Newcomers


_occupant = _Occupant()


def _move_in(catalog: Catalog, label_studio: LabelStudio) -> None:
    """Furnish the process, and see to how it ends."""
    log_to_stderr()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the gateway, and that ends this in good order
    threading.Thread(target=_end_with_the_gateway, daemon=True).start()
    os.nice(POLITENESS)
    _occupant.engine = catalog.open()
    _occupant.newcomers = Newcomers(_occupant.engine, label_studio.open())


def _end_with_the_gateway() -> None:
    """Wait for the gateway's end: killed, it could not say so."""
    gateway = multiprocessing.parent_process()
    if gateway is not None:
        gateway.join()
        os._exit(1)


def _is_ready() -> bool:
    return True


def _hear(body: bytes) -> bool:
    return hear(_occupant.engine, parse_payload(body), _occupant.newcomers.learn).changed_anything


def _wake() -> bool:
    from tasks.review.ask import wake_due  # Prefect's engine loads at the first wake, not before the first answer

    woken = wake_due(_occupant.engine)
    return any(sleeper.flow_run_id not in woken for sleeper in due(_occupant.engine))
