"""A line on which people have spent time: items, proposals, questions and answers with their seconds."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import upsert, writing
from blocks.database.tables import Answer, AnswerState, Audit, Question, Route
from tests.settle.world import Region, ask, give_route, say
from tests.triage.rows import BATCH

EARLY, LATE = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)


def answered(
    engine: Engine,
    item_id: str,
    boxes: Sequence[Region],
    seconds: float,
    why: str | None = None,
    batch_id: str = BATCH,
    state: AnswerState = AnswerState.COUNTED,
    prefill: Sequence[str] = (),
    saw_proposals: bool | None = None,
) -> str:
    """Ask about a whole item and answer; with `why` it is audited, blind."""
    give_route(engine, item_id, (Route.AUDIT if why else Route.ASK).value, batch_id)
    if why:
        with writing(engine) as session:
            upsert(session, Audit, [{"batch_id": batch_id, "item_id": item_id, "why": why, "seed": 0}])
    question = ask(engine, item_id, prefill, batch_id=batch_id)
    return say(engine, question, boxes, seconds, state=state, saw_proposals=saw_proposals)


def received(engine: Engine, answer_id: str, at: datetime) -> None:
    with writing(engine) as session:
        row = session.get(Answer, answer_id)
        assert row is not None
        row.received_at = at
        session.add(row)


def shown_boxes(engine: Engine, item_id: str, named: dict[str, str]) -> None:
    """Note in an item's question which boxes it showed: class by id."""
    with writing(engine) as session:
        question = session.exec(select(Question).where(Question.item_id == item_id)).one()
        question.payload = {**question.payload, "boxes": [{"id": i, "class_name": n} for i, n in named.items()]}
        session.add(question)
