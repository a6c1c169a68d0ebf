"""Where the wall time of a run went: by phase, from Prefect's own record of every task run and from the catalogue."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Engine, func
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, Question

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PHASES = (
    "setup", "draw", "intake", "detect", "triage", "post", "people", "settle", "snapshot", "train", "evaluate",
    "promote", "other",
)  # fmt: skip

WORK = frozenset({"setup", "draw", "detect", "people", "train", "evaluate"})
"""Phases in which somebody works or is waited for; the rest is what a line costs beside its work."""

PHASE_OF_TASK = {
    "find_shards": "intake",
    "take_in_shard": "intake",
    "merge_reports": "intake",
    "split_sequences": "intake",
    "find_near_duplicates": "intake",
    "publish_intake": "intake",
    "open_batch": "intake",
    "list_shards": "intake",
    "choose_detector": "detect",
    "detect_shard": "detect",
    "triage_batch": "triage",
    "write_questions": "post",
    "post_questions": "post",
    "close_questions": "post",
    "settle_batch": "settle",
    "show_effort": "settle",
    "show_pictures": "settle",
    "announce_labels": "settle",
    "take_snapshot": "snapshot",
    "resolve_detector": "snapshot",
    "finetune": "train",
    "compare": "evaluate",
    "promote": "promote",
}
"""The phase of each step, by its name; a step that is not here counts as `other`."""

Span = tuple[datetime, datetime]


def covered_seconds(spans: Iterable[Span]) -> float:
    """Return how many seconds at least one of the spans covers: shards that run side by side count once."""
    total, end = 0.0, None
    for start, stop in sorted(spans):
        if end is None or start > end:
            total += (stop - start).total_seconds()
            end = stop
        elif stop > end:
            total += (stop - end).total_seconds()
            end = stop
    return total


def wall_seconds(spans: Mapping[str, Iterable[Span]], known: Mapping[str, float], total: float) -> dict[str, float]:
    """Return seconds by phase and in all; `other` is what no phase accounts for.

    Args:
        spans: When each phase was at work, from task runs.
        known: Seconds of phases that were measured directly.
        total: Wall seconds of everything.
    """
    seconds = dict.fromkeys(PHASES, 0.0)
    seconds.update({phase: covered_seconds(phase_spans) for phase, phase_spans in spans.items()})
    seconds.update(known)
    seconds["other"] = max(0.0, total - sum(value for phase, value in seconds.items() if phase != "other"))
    return {phase: round(value, 1) for phase, value in seconds.items()} | {"total": round(total, 1)}


def overhead_share(seconds: Mapping[str, float]) -> float:
    """Return the share of the wall time that went neither into work nor into waiting for people, 0 to 1.

    Args:
        seconds: By phase, and `total`, as `wall_seconds` returns them. May be empty.
    """
    total = seconds.get("total", 0.0)
    beside = sum(value for phase, value in seconds.items() if phase not in WORK and phase != "total")
    return round(beside / total, 4) if total else 0.0


def task_spans(client: "SyncPrefectClient", run_ids: Iterable[UUID]) -> dict[str, list[Span]]:
    """Return when the steps of some flow runs were at work, by phase."""
    from prefect.client.schemas.filters import FlowRunFilter

    spans: dict[str, list[Span]] = defaultdict(list)
    only = FlowRunFilter.model_validate({"id": {"any_": [str(run_id) for run_id in run_ids]}})
    offset = 0
    while page := client.read_task_runs(flow_run_filter=only, limit=200, offset=offset):
        for run in page:
            phase = PHASE_OF_TASK.get(run.name.rpartition("-")[0] or run.name)
            if phase and run.start_time and run.end_time:
                spans[phase].append((run.start_time, run.end_time))
        offset += len(page)
    return dict(spans)


def people_spans(engine: Engine, batch_id: str) -> list[Span]:
    """Return, for each queue of a batch, from when its questions were there until the last one was answered."""
    query = (
        select(func.min(Question.posted_at), func.max(Answer.answered_at))
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .where(Question.batch_id == batch_id)
        .group_by(col(Question.queue))
    )
    with reading(engine) as session:
        return [(start, stop) for start, stop in session.exec(query) if start and stop and stop > start]
