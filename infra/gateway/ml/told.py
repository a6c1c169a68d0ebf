"""What people have said of the items of a collection, by the catalogue: settled labels, and answers not settled yet."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine, or_
from sqlalchemy import select as select_columns
from sqlmodel import col

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Question
from blocks.errors import LabellingError
from tasks.review.questions.kinds.classes.decided import Meanings, as_decided, meanings_of, says_missing
from tasks.review.questions.kinds.registry import KINDS, kind_named
from tasks.train.teaching import labels_that_teach

AT_ONCE = 500

SUGGESTED = [kind.name for kind in KINDS.values() if kind.takes_suggestions]
WITHOUT_VECTORS = [name for name in SUGGESTED if not KINDS[name].needs_vectors]
"""Kinds of question that open with what was learnt, and those of them that learn from texts themselves."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What somebody said to one question about a whole item.

    Attributes:
        answer_id: Of this version of the answer.
        annotation_id: Label Studio's; 0: a consensus.
        question_id: To which.
        is_slot: Whether others are asked the same, so that it counts only as far as they agree.
        recency: Round and time: the later one counts.
        teaches: What it teaches (`QuestionKind.teaches`), such as a class; None: nothing, as of who could not tell.
    """

    answer_id: str
    annotation_id: int
    question_id: str
    is_slot: bool
    recency: tuple[int, datetime]
    teaches: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a collection's items.

    Attributes:
        labels: Settled classes that teach, by item.
        voices: Answers that no such label has come of yet, by item and question.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    voices: Mapping[str, Mapping[str, Voice]] = field(default_factory=dict)


def what_is_told(label: str | None, voices: Iterable[Voice]) -> str | None:
    """Return what is said of an item, such as its class; None: nobody says anything, or people disagree.

    Args:
        label: The settled one.
        voices: Answers since then, one a question at most.
    """
    said = list(voices)
    decided = [voice for voice in said if not voice.is_slot]
    if decided:
        return max(decided, key=lambda voice: voice.recency).teaches
    if said:
        named = {voice.teaches for voice in said} - {None}
        return named.pop() if len(named) == 1 else None
    return label


def read_told(engine: Engine, collection: str, read_before: dict[str, str | None]) -> Told:
    """Return what people have said of a collection's items.

    Args:
        engine: The catalogue.
        collection: Whose items.
        read_before: What each version of an answer says, by its id; an answer is read once, and added here.
    """
    query = (
        select_columns(
            col(Answer.id), col(Answer.annotation_id), col(Answer.question_id), col(Answer.answered_at),
            col(Question.item_id), col(Question.asked_id), col(Question.round),
        )
        .join(Question, col(Question.id) == col(Answer.question_id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .join(
            BatchItem,
            (col(BatchItem.batch_id) == col(Question.batch_id)) & (col(BatchItem.item_id) == col(Question.item_id)),
        )
        .where(col(Batch.collection) == collection, col(Answer.state) == AnswerState.COUNTED.value)
        .where(col(Question.gold_id).is_(None), _is_of(SUGGESTED))
        .where(
            or_(
                col(BatchItem.settled_at).is_(None),
                col(Answer.received_at) > col(BatchItem.settled_at),
                _is_of(WITHOUT_VECTORS),  # of these no label teaches
            )
        )
        .order_by(col(Answer.answered_at), col(Answer.id))
    )  # fmt: skip
    with reading(engine) as session:
        rows = session.connection().execute(query).all()
        meanings = meanings_of(session, collection)
    undecided = _read_new(engine, [row[0] for row in rows if row[0] not in read_before], read_before, meanings)
    voices: dict[str, dict[str, Voice]] = {}
    for answer_id, annotation_id, question_id, answered_at, item_id, asked_id, round_ in rows:
        voice = Voice(
            answer_id, annotation_id, question_id, asked_id is not None, (round_, answered_at), read_before[answer_id]
        )
        voices.setdefault(item_id, {})[question_id] = voice
    for answer_id in undecided:
        del read_before[answer_id]  # the line's owner may decide otherwise: it is read again
    return Told(labels_that_teach(engine, collection), voices)


def taught_by(payload: Mapping[str, Any], said: list[dict[str, Any]]) -> str | None:
    """Return what an answer teaches (`QuestionKind.teaches`); None: nothing, or it cannot be read.

    Args:
        payload: As it stands in the question's row.
        said: The answer in our own form.
    """
    try:
        return kind_named(payload.get("type")).teaches(payload, said)
    except (ValidationError, LabellingError):
        return None


def _is_of(kinds: Collection[str]) -> Any:
    return col(Question.payload)["type"].as_string().in_(kinds)


def _read_new(
    engine: Engine, answer_ids: list[str], read_before: dict[str, str | None], meanings: Meanings
) -> list[str]:
    """Read what answers say, each once; return those that name a class that is missing."""
    of_missing: list[str] = []
    for start in range(0, len(answer_ids), AT_ONCE):
        query = (
            select_columns(col(Answer.id), col(Answer.raw), col(Question.payload))
            .join(Question, col(Question.id) == col(Answer.question_id))
            .where(col(Answer.id).in_(answer_ids[start : start + AT_ONCE]))
        )
        with reading(engine) as session:
            rows = session.connection().execute(query).all()
        of_missing += [answer_id for answer_id, raw, _ in rows if says_missing(raw)]
        said = {answer_id: taught_by(payload, as_decided(raw, meanings)) for answer_id, raw, payload in rows}
        read_before.update(said)
        read_before.update({answer_id: read_before.get(answer_id) for answer_id in answer_ids[start : start + AT_ONCE]})
    return of_missing
