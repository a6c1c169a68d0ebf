"""What `labelline status` tells: what runs, where, and what waits for people."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from infra.stack.connection import connected
from infra.stack.documents import open_saved_catalog, saved_server
from infra.stack.health import is_well
from infra.stack.processes import find_process
from infra.stack.services import WORK_POOL, catalog_url, describe_service
from infra.stack.state import ServiceName, StackState, open_stack

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
class QueueReport:
    """The open questions of one queue."""

    queue: str
    open: int
    answered: int
    url: str | None


@dataclass(frozen=True, slots=True)
class StackReport:
    """All of it.

    Attributes:
        state: The stack.
        services: Its servers.
        catalog: The address of the catalogue whose questions are counted, without a password.
        queues: Its open questions.
        runs_by_state: How many runs there are, by Prefect's words for their states.
    """

    state: StackState
    services: list[ServiceReport]
    catalog: str = ""
    queues: list[QueueReport] = field(default_factory=list)
    runs_by_state: dict[str, int] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether every service is well."""
        return all(service.well for service in self.services)


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
    engine, label_studio = _open_saved(state) if prefect_is_well else _open_own(state)
    return StackReport(
        state=state,
        services=services,
        catalog=engine.url.render_as_string(hide_password=True),
        queues=_queues(engine, label_studio),
        runs_by_state=_runs(state) if prefect_is_well else {},
    )


def _open_saved(state: StackState) -> "tuple[Engine, str]":
    """Return the catalogue and the address of Label Studio that the saved blocks name, or else the home's own."""
    own = _open_own(state)
    with connected(state):
        server = saved_server()
        return open_saved_catalog() or own[0], server.url if server else own[1]


def _open_own(state: StackState) -> "tuple[Engine, str]":
    from blocks.database import open_engine

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


def _queues(engine: "Engine", label_studio: str) -> list[QueueReport]:
    from sqlalchemy import case, func, inspect
    from sqlmodel import col, select

    from blocks.database import reading, usable
    from blocks.tables import Question, QuestionState

    with usable(engine):
        if not inspect(engine).has_table("question"):
            return []
    is_open = col(Question.state).in_([QuestionState.WRITTEN.value, QuestionState.POSTED.value])
    is_answered = col(Question.state) == QuestionState.ANSWERED.value
    query = select(
        Question.queue,
        func.sum(case((is_open, 1), else_=0)),
        func.sum(case((is_answered, 1), else_=0)),
        func.max(Question.project_id),
    ).group_by(Question.queue)
    with reading(engine) as session:
        rows = session.exec(query).all()
    return [
        QueueReport(queue, int(open_), int(answered), f"{label_studio}/projects/{project}/" if project else None)
        for queue, open_, answered, project in rows
    ]


def _runs(state: StackState) -> dict[str, int]:
    body: dict[str, Any] = {"work_pools": {"name": {"any_": [WORK_POOL]}}}
    counts = {}
    for name in ("RUNNING", "PAUSED", "SCHEDULED", "FAILED"):
        body["flow_runs"] = {"state": {"type": {"any_": [name]}}}
        answer = httpx.post(f"{state.urls.prefect_api}/flow_runs/count", json=body, timeout=5)
        counts[name.lower()] = int(answer.json()) if answer.status_code == 200 else 0
    return counts
