"""Read from the catalogue what people answered with suggestions and without, and write down which classes are quiet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.suggestion_tables import QuietClass
from blocks.database.tables import Answer, AnswerState, Audit, Batch, BatchItem, Label, Proposal, Question, utc_now
from blocks.naming.emails import normal_email
from tasks.monitor.cost.spent import is_measured
from tasks.monitor.lift.compare import Lift, SuggestedAnswer
from tasks.review.questions.kinds.choose import AnsweredKind
from tasks.review.questions.kinds.classify import CLASSIFY
from tasks.review.questions.slots import of_kinds
from tasks.settle.in_force import labels_in_force
from tasks.triage.audit import CONTROL, RANDOM
from tasks.triage.boxes import in_shards


@dataclass(frozen=True, slots=True)
class Turned:
    """Which classes have gone quiet, and which are suggested again."""

    gone: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def read_suggested_answers(engine: Engine, collection: str) -> list[SuggestedAnswer]:
    """Return the answers of a collection about classes of whole items that have a label and had a suggestion.

    Blind are those of the samples drawn by lot: the control group, drawn from what is asked, and the audit, drawn from
    all, sure items included, which are easier: so it rather flatters people without suggestions. Held-out items, and
    answers whose suggestion should have been shown and was not, are no lot and do not count.
    """
    rows = _answers(engine, collection)
    labels: dict[str, Sequence[Label]] = {}
    for part in in_shards(sorted({question.item_id for question, _, _ in rows})):
        labels |= labels_in_force(engine, part, collection)
    settled = {item_id: some[0].class_name for item_id, some in labels.items() if some}
    hidden = _would_have_suggested(engine, [(q.batch_id, q.item_id) for q, _, why in rows if why in (RANDOM, CONTROL)])
    found = (
        _suggested(question, answer, why, settled[question.item_id], hidden.get((question.batch_id, question.item_id)))
        for question, answer, why in rows
        if question.item_id in settled
    )
    return [one for one in found if one is not None]


def quiet_since(engine: Engine, collection: str) -> dict[str, datetime]:
    """Return since when each class that was ever quiet was so: answers from before say nothing of it as it is now."""
    query = select(QuietClass.class_name, QuietClass.since).where(col(QuietClass.collection) == collection)
    with reading(engine) as session:
        return dict(session.exec(query).all())


def keep_quiet(engine: Engine, collection: str, lifts: Sequence[Lift]) -> Turned:
    """Write down the classes of which no lift is shown, and those that were quiet and of which one is shown now.

    Args:
        engine: The catalogue.
        collection: Of the classes.
        lifts: By class; of one that was ever quiet what was answered since. Of a quiet one a lot goes on showing
            suggestions to a few (`tasks/suggest/shown.py`), and these answers are what brings it back.
    """
    with writing(engine) as session:
        known = {
            row.class_name: row for row in session.exec(select(QuietClass).where(QuietClass.collection == collection))
        }
        quiet = {name for name, row in known.items() if row.back_since is None}
        gone = [lift for lift in lifts if lift.is_without_lift and lift.of not in quiet]
        back = [lift for lift in lifts if lift.is_help and lift.of in quiet]
        now, mine = utc_now(), {"collection": collection}
        rows = [
            {**mine, "class_name": one.of, "reason": in_words(one), "since": now, "back_since": None} for one in gone
        ]
        rows += [{**known[one.of].model_dump(), "reason": in_words(one), "back_since": now} for one in back]
        upsert(session, QuietClass, rows, update=["reason", "since", "back_since"])
    return Turned(tuple(lift.of for lift in gone), tuple(lift.of for lift in back))


def in_words(lift: Lift) -> str:
    """Say in words why suggestions of a class are hidden."""
    seconds = f"seconds an answer {lift.seconds_ratio} of those without" if lift.seconds_ratio else "seconds unmeasured"
    errors = f"share of wrong answers changed by {lift.error_change}" if lift.error_change else "errors unknown"
    return f"{lift.shown} answers with suggestions, {lift.blind} without: {seconds}, {errors}"


def _answers(engine: Engine, collection: str) -> list[tuple[Question, Answer, str | None]]:
    query = (
        select(Question, Answer, Audit.why)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .outerjoin(Audit, (col(Audit.batch_id) == Question.batch_id) & (col(Audit.item_id) == Question.item_id))
        .where(Batch.collection == collection, of_kinds([CLASSIFY.name]), col(Question.gold_id).is_(None))
        .where(Answer.state == AnswerState.COUNTED.value, Answer.annotation_id != 0)
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    with reading(engine) as session:
        return [(question, answer, why) for question, answer, why in session.exec(query)]


def _would_have_suggested(engine: Engine, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return by batch and item what its detector proposed, the best first."""
    found: dict[tuple[str, str], str] = {}
    for part in in_shards(sorted({item_id for _, item_id in places})):
        query = (
            select(BatchItem.batch_id, Proposal.item_id, Proposal.class_name)
            .join(BatchItem, col(BatchItem.item_id) == col(Proposal.item_id))
            .join(Batch, (col(Batch.id) == col(BatchItem.batch_id)) & (col(Batch.detector) == col(Proposal.detector)))
            .where(col(Proposal.item_id).in_(part))
            .order_by(col(Proposal.score))
        )
        with reading(engine) as session:
            found |= {(batch_id, item_id): name for batch_id, item_id, name in session.exec(query)}
    return found


def _suggested(
    question: Question, answer: Answer, why: str | None, class_name: str, hidden: str | None
) -> SuggestedAnswer | None:
    answered = next(_kinds(answer.raw), AnsweredKind(kind=None, verdict="cannot_tell"))
    said = answered.kind
    seconds = answer.seconds if is_measured(answer.seconds) else None
    person = normal_email(answer.person)
    if why in (RANDOM, CONTROL) and hidden:
        return SuggestedAnswer(person, class_name, hidden, True, said, seconds, answer.answered_at)
    seen = _shown(question, answered)
    if why or seen is None or answer.saw_proposals is False:
        return None
    return SuggestedAnswer(person, class_name, seen, False, said, seconds, answer.answered_at)


def _shown(question: Question, answered: AnsweredKind) -> str | None:
    """Return the class that a question began with: as it was opened, else as posted; None: none, or it is unknown."""
    if answered.as_suggested is not None:
        return answered.suggested or (answered.kind if answered.as_suggested else None)
    return (question.payload.get("proposed") or {}).get("class_name")


def _kinds(raw: Sequence[Any]) -> Iterator[AnsweredKind]:
    return (AnsweredKind.model_validate(one) for one in raw)
