"""What `labelline status` tells: what runs, where, and what waits for people."""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import StackError
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.documents import open_saved_catalog, saved_server
from infra.stack.orchestration.going_on import GoingOn, read_going_on
from infra.stack.servers.health import is_well
from infra.stack.servers.processes import find_process
from infra.stack.servers.services import catalog_url, describe_service
from infra.stack.state import ServiceName, StackState, open_stack
from infra.stack.waiting import (
    QueueReport,
    RunsReport,
    SweepReportLine,
    count_questions,
    describe_sleepers,
    has_tables,
    read_last_sweep,
    report_runs,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One service: whether its process runs, whether it answers, where, and since when."""

    name: ServiceName
    running: bool
    well: bool
    url: str | None
    pid: int | None
    up_s: float | None
    memory_mb: int | None


@dataclass(frozen=True, slots=True)
class StackReport:
    """All of it.

    Attributes:
        state: The stack.
        services: Its servers.
        catalog: The address of the catalogue whose questions are counted, without a password.
        queues: Its questions, by collection and queue.
        skipped: Pictures that people skipped or let lie, by collection: `labelline reopen` asks again.
        sleepers: What runs sleep for, each in a line.
        sweep: How the last sweep ended; None where none has.
        runs: How the runs stand; None while Prefect, which knows them, is down.
    """

    state: StackState
    services: list[ServiceReport]
    catalog: str = ""
    queues: list[QueueReport] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    sleepers: list[str] = field(default_factory=list)
    sweep: SweepReportLine | None = None
    runs: RunsReport | None = None

    @property
    def is_well(self) -> bool:
        """Whether every service is well, nothing is switched off, and the last sweep could do all."""
        swept = self.sweep is None or not self.sweep.failed
        return all(service.well for service in self.services) and swept and not (self.runs and self.runs.obstacles)

    def as_json(self) -> str:
        """Return it as JSON: all but the state, which has secrets."""
        told = asdict(replace(self, state=None))  # type: ignore[arg-type]
        del told["state"]
        return json.dumps({**told, "is_well": self.is_well}, default=str, indent=1)


def report_stack(home: Path) -> StackReport:
    """Look at the stack of a state folder.

    The questions are those of the catalogue that the saved block names; while Prefect, which keeps the blocks, is down,
    those of the home's own catalogue.

    Raises:
        StackError: None was ever started there.
        CatalogUnavailable: The catalogue cannot be opened or read.
    """
    state = open_stack(home)
    services = [_look_at(name, state) for name in ServiceName]
    prefect_is_well = any(service.name is ServiceName.PREFECT and service.well for service in services)
    from tasks.settle.annotators.skipped import count_skipped

    engine, label_studio = _open_saved(state) if prefect_is_well else _open_own(state)
    report = StackReport(state, services, engine.url.render_as_string(hide_password=True))
    if not has_tables(engine):
        return report
    return replace(
        report,
        queues=count_questions(engine, label_studio),
        skipped=count_skipped(engine),
        sleepers=describe_sleepers(engine),
        sweep=read_last_sweep(engine),
        runs=_runs(state, engine) if prefect_is_well else None,
    )


def open_for_reading(state: StackState) -> "tuple[Engine, str]":
    """Return the catalogue of a stack and the address of its Label Studio, also while the stack is down.

    Raises:
        StackError: There is no catalogue yet.
        CatalogUnavailable: The catalogue cannot be opened or read.
    """
    prefect = _look_at(ServiceName.PREFECT, state)
    engine, label_studio = _open_saved(state) if prefect.well else _open_own(state)
    if not has_tables(engine):
        raise StackError(f"the catalogue of {state.home} is empty: `labelline up` makes it")
    return engine, label_studio


def going_on_in(state: StackState) -> dict[str, GoingOn]:
    """Return the run that goes on about each collection; none while Prefect is down, or slow."""
    return read_going_on(state) if _look_at(ServiceName.PREFECT, state).well else {}


def _open_saved(state: StackState) -> "tuple[Engine, str]":
    """Return the catalogue and the address of Label Studio that the saved blocks name, or else the home's own."""
    own = _open_own(state)
    with connected(state):
        server = saved_server()
        return open_saved_catalog() or own[0], server.url if server else own[1]


def _open_own(state: StackState) -> "tuple[Engine, str]":
    from blocks.database.engine import open_engine

    return open_engine(catalog_url(state.home)), state.urls.label_studio


def _look_at(name: ServiceName, state: StackState) -> ServiceReport:
    process = find_process(state.processes.get(name))
    port = state.ports.get(name)
    return ServiceReport(
        name=name,
        running=process is not None,
        well=process is not None and is_well(describe_service(name, state), state),
        url=f"http://127.0.0.1:{port}" if port else None,
        pid=process.pid if process else None,
        up_s=time.time() - process.create_time() if process else None,
        memory_mb=process.memory_info().rss >> 20 if process else None,
    )


def _runs(state: StackState, engine: "Engine") -> RunsReport:
    with connected(state) as client:
        return report_runs(client, engine)
