"""Simulated people at work beside a running line, in a thread of their own."""

import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.people import People
from infra.annotators.simulate import Simulation, SimulationReport
from infra.annotators.truth import KnownWorld
from infra.stack.orchestration.deployments import deployed_as
from tasks.review.decide.until import due

OVERSLEPT_S = 10.0
"""A run that people have answered and that still sleeps after this is swept: the doorbell may have come too early."""


class SimulatedAnnotators:
    """People who answer a collection's questions for as long as the `with` block lasts."""

    def __init__(
        self, server: AnnotationServer, world: KnownWorld, collection: str, people: People, engine: Engine
    ) -> None:
        self._simulation = Simulation(server, world, collection, people)
        self._engine = engine
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._due_since: float | None = None
        self._thread = threading.Thread(target=self._work, name="annotators", daemon=True)

    @property
    def report(self) -> SimulationReport:
        """What they have done so far."""
        return self._simulation.report

    def check(self, asleep: bool) -> None:
        """Raise what stopped the people, if something did, and sweep for a run that sleeps although they are done."""
        if self._error is not None:
            raise self._error
        if not asleep or not due(self._engine):
            self._due_since = None
            return
        self._due_since = self._due_since or time.monotonic()
        if time.monotonic() - self._due_since > OVERSLEPT_S:
            from prefect.deployments import run_deployment

            run_deployment(deployed_as("sweep"), timeout=0, as_subflow=False)
            self._due_since = time.monotonic() + OVERSLEPT_S  # a sweep takes a while to start

    def _work(self) -> None:
        try:
            self._simulation.run(self._ended.is_set)
        except Exception as error:  # noqa: BLE001  # handed to the thread that waits, which raises it
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=30)
