"""A small world for settling: routes, verdicts, questions and answers, written straight into the catalogue."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, BatchItem, Label, Question, QuestionState, Source, Verdict
from tasks.intake.label_kinds import note_label_kind
from tasks.review.questions.queue import CHOOSE_CLASS, MARK_MISSED, NAME_KIND
from tasks.review.questions.queues.films import WATCH_TRACKS
from tasks.settle.labels import settle
from tasks.settle.report import SettleReport
from tests.triage.rows import BATCH, DETECTOR, RECIPE

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_numbers: Iterator[int] = count(1)

Region = dict[str, Any]

KINDS_BY_QUEUE = {MARK_MISSED: "boxes", NAME_KIND: "kind", CHOOSE_CLASS: "class", WATCH_TRACKS: "watch"}


def give_route(engine: Engine, item_id: str, route: str, batch_id: str = BATCH) -> None:
    with writing(engine) as session:
        place = session.get(BatchItem, (batch_id, item_id))
        assert place is not None
        place.route = route
        session.add(place)


def give_verdicts(engine: Engine, outcomes: Mapping[str, str], batch_id: str = BATCH) -> None:
    rows = [{"batch_id": batch_id, "proposal_id": p, "outcome": o, "reasons": []} for p, o in outcomes.items()]
    with writing(engine) as session:
        upsert(session, Verdict, rows, update=("outcome",))


def ask(
    engine: Engine,
    item_id: str,
    prefill: Sequence[str] = (),
    queue: str = MARK_MISSED,
    subject: str = "",
    round_: int = 0,
    batch_id: str = BATCH,
    state: QuestionState = QuestionState.POSTED,
    **payload: Any,
) -> str:
    question_id = hashlib.sha256(f"{queue}|{batch_id}|{item_id}|{subject}|{round_}".encode()).hexdigest()
    row = {
        "id": question_id,
        "queue": queue,
        "batch_id": batch_id,
        "item_id": item_id,
        "subject": subject,
        "round": round_,
        "payload": {"type": KINDS_BY_QUEUE[queue], "prefill": list(prefill), **payload},
        "state": state.value,
    }
    with writing(engine) as session:
        upsert(session, Question, [row], update=("state",))
    return question_id


def say(
    engine: Engine,
    question_id: str,
    raw: Sequence[dict[str, Any]],
    seconds: float = 30,
    person: str = "ann@example.org",
    annotation_id: int | None = None,
    state: AnswerState = AnswerState.COUNTED,
    saw_proposals: bool | None = None,
) -> str:
    """Answer a question; a second answer with the same annotation id is an edit and supersedes the first."""
    number = next(_numbers)
    answer_id = hashlib.sha256(f"answer {number}".encode()).hexdigest()
    with writing(engine) as session:
        if annotation_id is not None:
            for old in session.exec(select(Answer).where(Answer.annotation_id == annotation_id)):
                old.state = AnswerState.SUPERSEDED.value
                session.add(old)
        row = {
            "id": answer_id,
            "question_id": question_id,
            "annotation_id": annotation_id or 100_000 + number,
            "person": person,
            "seconds": seconds,
            "state": state.value,
            "raw": list(raw),
            "answered_at": NOON + timedelta(seconds=number),
            "heard_by": "poll",
            "saw_proposals": saw_proposals,
        }
        upsert(session, Answer, [row])
        if state is AnswerState.COUNTED:
            question = session.get(Question, question_id)
            assert question is not None
            question.state = QuestionState.ANSWERED.value
            session.add(question)
    return answer_id


def make_film(engine: Engine, item_ids: Sequence[str], collection: str = "lot") -> None:
    """Make items the frames of what is labelled with tracks."""
    rows = [{"collection": collection, "uri": id_, "item_id": id_, "state": "taken"} for id_ in item_ids]
    with writing(engine) as session:
        upsert(session, Source, rows)
    note_label_kind(engine, collection, "tracks")


def delete_answers(engine: Engine, question_id: str) -> None:
    with writing(engine) as session:
        for answer in session.exec(select(Answer).where(Answer.question_id == question_id)):
            answer.state = AnswerState.DELETED.value
            session.add(answer)
        question = session.get(Question, question_id)
        assert question is not None
        question.state = QuestionState.POSTED.value
        session.add(question)


def region(
    id_: str, x: float = 100, y: float = 100, w: float = 40, h: float = 20, name: str = "car", untouched: bool = False
) -> Region:
    corners = {"x_min": x, "y_min": y, "x_max": x + w, "y_max": y + h}
    return {"id": id_, "class_name": name, **corners, "untouched": untouched}


def name_kind(
    engine: Engine, item_id: str, subject: str, kind: str | None, verdict: str = "kind", round_: int = 0
) -> str:
    question_id = ask(engine, item_id, queue=NAME_KIND, subject=subject, round_=round_)
    return say(engine, question_id, [{"kind": kind, "verdict": verdict}], seconds=4, person="ben@example.org")


def settle_batch(engine: Engine, batch_id: str = BATCH) -> SettleReport:
    return settle(engine, batch_id, DETECTOR, RECIPE)


def all_labels(engine: Engine) -> list[Label]:
    with reading(engine) as session:
        return list(session.exec(select(Label).order_by(Label.item_id, Label.region, Label.revision)).all())
