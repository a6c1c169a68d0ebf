"""The gateway's back room: a process of its own that reads what rang, notes it and wakes runs.

To read an answer from Label Studio and note it takes milliseconds of Python and of the database. In the gateway's own
process each of them would hold the interpreter while annotators wait; here they cost them nothing, and the machine
gives way to whoever is ringing.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.errors import BadInput
from blocks.label_studio import LabelStudio
from blocks.servers.annotation_server import AnnotationServer
from infra.gateway.bell import Hearing
from infra.gateway.beside import settle_in
from infra.gateway.webhooks import parse_body
from tasks.review.decide.until import due
from tasks.review.receiving.webhooks import answer_rings

Said = TypeVar("Said")

POLITENESS = 5
"""What is added to the process's niceness."""


class BackRoom:
    """Hears and wakes in another process, one thing at a time; should that process die, the next ring starts another.

    Args:
        catalog: Where answers are noted.
        label_studio: Who is asked what became of the things that rang. Both are handed over in memory: no secret is in
            an argument.
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

    def hear(self, bodies: Sequence[bytes]) -> Hearing:
        """Note what Label Studio says of the things that some webhooks' bodies ring for.

        Raises:
            LabelStudioUnavailable: It does not answer: the sweep reads what rang.
            BrokenProcessPool: The other process died meanwhile; the answers may or may not be noted.
        """
        return self._ask(partial(_hear, list(bodies)))

    def wake(self) -> bool:
        """Wake the runs whose rule is met; return whether one is due that does not sleep yet.

        Raises:
            BrokenProcessPool: The other process died meanwhile.
        """
        return self._ask(_wake)

    def close(self) -> None:
        """Let it finish what is in hand, and end it."""
        self._process.shutdown(wait=True, cancel_futures=True)

    def _ask(self, job: Callable[[], Said]) -> Said:
        try:
            return self._process.submit(job).result()
        except BrokenProcessPool:
            self._process.shutdown(wait=False)
            self._process = self._open()
            raise


class _Occupant:
    """What the jobs in the other process work with."""

    engine: Engine
    server: AnnotationServer


_occupant = _Occupant()


def _move_in(catalog: Catalog, label_studio: LabelStudio) -> None:
    """Furnish the process."""
    settle_in(POLITENESS)
    _occupant.engine = catalog.open()
    _occupant.server = label_studio.open()


def _is_ready() -> bool:
    return True


def _hear(bodies: list[bytes]) -> Hearing:
    return hear_burst(_occupant.engine, _occupant.server, bodies)


def hear_burst(engine: Engine, server: AnnotationServer, bodies: Sequence[bytes]) -> Hearing:
    """Note what Label Studio says of the things that a burst of bodies rings for; what is no webhook stops no other.

    Raises:
        LabelStudioUnavailable: It does not answer.
    """
    rings, unreadable = [], []
    for body in bodies:
        try:
            rings.append(parse_body(body))
        except BadInput as error:
            unreadable.append(str(error))
    recorded = answer_rings(engine, server, rings)
    return Hearing(tuple(unreadable), may_be_due=bool(recorded.new or recorded.deleted))


def _wake() -> bool:
    from tasks.review.ask import wake_due  # Prefect's engine loads at the first wake, not before the first answer

    woken = wake_due(_occupant.engine)
    return any(sleeper.flow_run_id not in woken for sleeper in due(_occupant.engine))
