"""What waits, and for whom: open questions by collection and queue, sleeping runs, batches without a run, the sweep."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.stack.obstacles import schedules_off, switched_off
from infra.stack.servers.services import WORK_POOL

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from sqlalchemy import Engine

RECENT = timedelta(days=1)
"""What failed earlier is no news: somebody has seen to it, or nobody needs it."""


@dataclass(frozen=True, slots=True)
class QueueReport:
    """The questions of one queue about one collection; a slot of a queue is a queue of its own.

    Attributes:
        open: Questions that people may answer, or that wait to be sent.
        answered: Questions that are answered.
        skipped: Questions that were skipped for good: somebody must look at the picture itself.
        urls: Where they stand in Label Studio: the projects that are there, mostly one.
    """

    collection: str
    queue: str
    open: int
    answered: int
    skipped: int
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SweepReportLine:
    """What the last sweep could not do, and what it mended; empty where it did all."""

    ended_at: datetime
    failed: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunsReport:
    """How the runs stand, and what keeps them from going on.

    Attributes:
        by_state: Runs that are running, asleep, due and not begun, and failed or crashed within a day.
        obstacles: What somebody has switched off, and what to do.
        left_behind: Batches whose run was deleted or failed, by id, with their collection: the next run takes them up.
    """

    by_state: dict[str, int] = field(default_factory=dict)
    obstacles: tuple[str, ...] = ()
    left_behind: dict[str, str] = field(default_factory=dict)


def has_tables(engine: "Engine") -> bool:
    """Say whether a catalogue has its tables."""
    from sqlalchemy import inspect

    from blocks.database.engine import usable

    with usable(engine):
        return inspect(engine).has_table("question")


def count_questions(engine: "Engine", label_studio: str) -> list[QueueReport]:
    """Count the questions of each queue of each collection.

    Args:
        engine: The catalogue, with its tables.
        label_studio: Address of the Label Studio in which they stand.
    """
    from sqlalchemy import case, func
    from sqlmodel import col, select

    from blocks.database.engine import reading
    from blocks.database.tables import Batch, Question, QuestionState
    from tasks.review.questions.bookmarks import gone_projects

    def count(*states: QuestionState) -> Any:
        return func.sum(case((col(Question.state).in_([state.value for state in states]), 1), else_=0))

    query = (
        select(  # type: ignore[call-overload]
            Batch.collection,
            Question.queue,
            Question.project_id,
            count(QuestionState.WRITTEN, QuestionState.POSTED),
            count(QuestionState.ANSWERED),
            count(QuestionState.REWORK),
        )
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .group_by(Batch.collection, Question.queue, Question.project_id)
    )
    with reading(engine) as session:
        rows, gone = session.exec(query).all(), gone_projects(session)
    found: dict[tuple[str, str], QueueReport] = {}
    for collection, queue, project, open_, answered, skipped in sorted(rows, key=_by_place):
        before = found.get((collection, queue)) or QueueReport(collection, queue, 0, 0, 0, ())
        url = (f"{label_studio}/projects/{project}/",) if project and project not in gone else ()
        found[collection, queue] = QueueReport(
            collection,
            queue,
            before.open + int(open_),
            before.answered + int(answered),
            before.skipped + int(skipped),
            before.urls + url,
        )
    return list(found.values())


def _by_place(row: Sequence[Any]) -> tuple[str, str, int]:
    return row[0], row[1], row[2] or 0


def read_last_sweep(engine: "Engine") -> SweepReportLine | None:
    """Return what the last sweep could not do; None where none has ended yet."""
    from blocks.apart import by_reason
    from tasks.review.receiving.sweeping import last_sweep

    swept = last_sweep(engine)
    if swept is None:
        return None
    failed = tuple(f"{', '.join(what)}: {reason}" for what, reason in by_reason(swept.failures))
    return SweepReportLine(swept.ended_at, failed, swept.mended)


def describe_sleepers(engine: "Engine") -> list[str]:
    """Return what runs sleep for, each in a line, the longest asleep first."""
    from tasks.review.decide.until import progress, sleepers

    asleep = sleepers(engine)
    return [
        f"{one.queue} of batch {one.batch_id}: {progress(engine, one.queue, one.batch_id, one.round)}" for one in asleep
    ]


def report_runs(client: "SyncPrefectClient", engine: "Engine") -> RunsReport:
    """Look at the runs in Prefect."""
    return RunsReport(
        by_state=_count_runs(client),
        obstacles=(*switched_off(client), *schedules_off(client)),
        left_behind=_left_behind(engine),
    )


def _count_runs(client: "SyncPrefectClient") -> dict[str, int]:
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter

    now = datetime.now(UTC)
    wanted = {
        "running": {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}},
        "asleep": {"state": {"type": {"any_": ["PAUSED"]}}},
        "due": {"state": {"type": {"any_": ["SCHEDULED"]}}, "next_scheduled_start_time": {"before_": now.isoformat()}},
        "failed": {
            "state": {"type": {"any_": ["FAILED", "CRASHED"]}},
            "end_time": {"after_": (now - RECENT).isoformat()},
        },
    }
    pool = WorkPoolFilter.model_validate({"name": {"any_": [WORK_POOL]}})
    return {
        name: client.count_flow_runs(flow_run_filter=FlowRunFilter.model_validate(states), work_pool_filter=pool)
        for name, states in wanted.items()
    }


def _left_behind(engine: "Engine") -> dict[str, str]:
    """Return the batches that no run goes on with; inside `connected`."""
    from sqlmodel import col, select

    from blocks.database.engine import reading
    from blocks.database.tables import Batch
    from tasks.intake.steps import left_behind

    open_batches = select(Batch.collection).where(col(Batch.settled_at).is_(None)).distinct()
    with reading(engine) as session:
        collections = sorted(session.exec(open_batches).all())
    return {
        batch.id: collection
        for collection in collections
        for batch in left_behind(engine, collection)
        if not batch.completed
    }
