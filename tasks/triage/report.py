"""What triage did to a batch, counted from the catalogue: the same numbers right after triage and a month later."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import Engine, Text, cast, func
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import TRIAGED, Audit, BatchItem, Bookmark, Outcome, Verdict, utc_now
from blocks.frozen import Frozen
from tasks.triage.reasons import why_of


class TriageReport(Frozen):
    """How many items and boxes of a batch went where, and why."""

    batch_id: str
    items_by_route: dict[str, int] = Field(description="sure, ask, audit: all three, 0 where none")
    boxes_by_outcome: dict[str, int] = Field(description="accept, ask, drop: all three, 0 where none")
    items_by_reason: dict[str, dict[str, int]] = Field(description="by route, then by kind of reason")
    boxes_by_reason: dict[str, dict[str, int]] = Field(description="by outcome, then by kind of reason")
    audits: dict[str, int] = Field(description="by why: random, held_out")
    lacking: tuple[str, ...] = Field(default=(), description="classes that the detector does not know")
    notes: tuple[str, ...] = Field(default=(), description="What could not be judged, and why")

    @property
    def items(self) -> int:
        """How many items were triaged."""
        return sum(self.items_by_route.values())

    @property
    def boxes(self) -> int:
        """How many proposals got a verdict."""
        return sum(self.boxes_by_outcome.values())


def triage_report(engine: Engine, batch_id: str) -> TriageReport:
    """Count what triage said of a batch. Items not triaged yet and items set aside are left out."""
    of_items = (
        select(BatchItem.route, cast(BatchItem.reasons, Text), func.count())
        .where(BatchItem.batch_id == batch_id, col(BatchItem.route).is_not(None), col(BatchItem.set_aside).is_(None))
        .group_by(col(BatchItem.route), cast(BatchItem.reasons, Text))
    )
    of_boxes = (
        select(Verdict.outcome, cast(Verdict.reasons, Text), func.count())
        .where(Verdict.batch_id == batch_id)
        .group_by(col(Verdict.outcome), cast(Verdict.reasons, Text))
    )
    of_audits = select(Audit.why, func.count()).where(Audit.batch_id == batch_id).group_by(Audit.why)
    with reading(engine) as session:
        items, boxes = session.exec(of_items).all(), session.exec(of_boxes).all()
        audits = dict(session.exec(of_audits).all())
        notes = session.get(Bookmark, notes_bookmark(batch_id))
    return TriageReport(
        batch_id=batch_id,
        items_by_route=_totals(items, [route.value for route in TRIAGED]),
        boxes_by_outcome=_totals(boxes, [outcome.value for outcome in Outcome]),
        items_by_reason=_by_reason(items),
        boxes_by_reason=_by_reason(boxes),
        audits=audits,
        notes=tuple(json.loads(notes.value)) if notes else (),
    )


def keep_notes(engine: Engine, batch_id: str, notes: Sequence[str]) -> None:
    """Write down what could not be judged of a batch, over what an interrupted triage wrote."""
    row = {"name": notes_bookmark(batch_id), "value": json.dumps(list(notes)), "updated_at": utc_now()}
    with writing(engine) as session:
        upsert(session, Bookmark, [row], update=("value", "updated_at"))


def notes_bookmark(batch_id: str) -> str:
    """Name the bookmark that holds what triage could not judge of a batch."""
    return f"triage of {batch_id} could not judge"


def _totals(rows: Any, names: list[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for name, _, count in rows:
        counts[name] += count
    return {name: counts[name] for name in names}


def _by_reason(rows: Any) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for name, reasons, count in rows:
        # An item with two reasons counts under both.
        for why in sorted({why_of(reason).value for reason in json.loads(reasons)}):
            counts.setdefault(name, Counter())[why] += count
    return {name: dict(found.most_common()) for name, found in sorted(counts.items())}
