"""What a data engineer says of gold: this question's answer is surely right, that one is to be asked no more, or wrong.

A question is named as it is met: by its id (also that of a slot, as Label Studio shows it), by its item's, by the
beginning of either, or by the name of the picture.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select, update

from blocks.database.engine import reading, upsert, writing
from blocks.database.people_tables import Gold
from blocks.database.tables import Answer, AnswerState, Batch, Item, Question, QuestionState, utc_now
from blocks.errors import BadOption
from tasks.review.gold.pool import gold_row
from tasks.review.questions.bookmarks import forget_bookmarks, write_bookmarks, wrong_gold, wrong_gold_ids
from tasks.review.questions.kinds.boxes.part import SUBJECT, is_part
from tasks.review.questions.kinds.registry import kind_named, weighed_in_words
from tasks.review.questions.slots import asked_queue

SHORTEST = 6
"""With fewer characters the beginning of an id names too many."""

LISTED = 5

EXPECTED = f"the id of a question or an item, {SHORTEST} characters of it or more, or the name of a picture"


@dataclass(frozen=True, slots=True)
class Meant:
    """A question that somebody may mean."""

    id: str
    collection: str
    item_id: str
    picture: str
    subject: str
    is_answered: bool

    def __str__(self) -> str:
        """Say it in a line, for the choice between several."""
        return f"{self.id[:12]} ({self.picture} of {self.collection}{self._which})"

    @property
    def _which(self) -> str:
        if is_part(self.subject):
            return f", the part {self.subject.removeprefix(SUBJECT)} of it"
        return ", a box of it" if self.subject else ""


def require_queue(engine: Engine, queue: str) -> None:
    """Refuse a name under which nothing was ever asked.

    Raises:
        BadOption: With the known ones.
    """
    with reading(engine) as session:
        known = sorted(set(map(asked_queue, session.exec(select(Question.queue).distinct()))))
    if asked_queue(queue) not in known:
        close = difflib.get_close_matches(queue, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise BadOption(f"nothing was ever asked in queue {queue!r} (known: {', '.join(known) or 'none'}).{hint}")


def question_meant(engine: Engine, queue: str, what: str, collection: str = "") -> str:
    """Return the id of the question that somebody means; of several about the same, the last with an answer.

    Args:
        engine: The catalogue.
        queue: Name of the queue, or of a slot of it.
        what: An id, the beginning of one, or the name of a picture.
        collection: Only in this one; empty: in all.

    Raises:
        BadOption: None is meant, or it could be several.
    """
    require_queue(engine, queue)
    with reading(engine) as session:
        found = _matching(session, asked_queue(queue), what, collection)
    latest = {(one.collection, one.item_id, one.subject): one for one in sorted(found, key=lambda one: one.is_answered)}
    if not latest:
        where = f" of collection {collection!r}" if collection else ""
        raise BadOption(f"no question of queue {queue!r}{where} is {what!r} (expected {EXPECTED})")
    if len(latest) > 1:
        raise BadOption(
            f"{what!r} may be {len(latest)} questions of queue {queue!r}: {_some(list(latest.values()))}. Give the id "
            "of one, or the collection."
        )
    return next(iter(latest.values())).id


def mark_gold(engine: Engine, question_id: str, marked_by: str) -> Gold:
    """Take a question as gold, with the answer that counts now as its truth: somebody who knows has looked at it.

    Marked again it takes the answer that counts by then, which is how a wrong truth is corrected.

    Args:
        engine: The catalogue.
        question_id: Of a question, not of a slot.
        marked_by: Who says so.

    Raises:
        BadOption: There is no such question, it is a slot, no gold is asked in its queue, or nothing counts as its
            answer.
    """
    with writing(engine) as session:
        question = session.get(Question, question_id)
        counted = select(Answer).where(Answer.question_id == question_id, Answer.state == AnswerState.COUNTED.value)
        answer = session.exec(counted.order_by(col(Answer.answered_at).desc())).first()
        if question is None or question.asked_id is not None or question.gold_id is not None or answer is None:
            raise BadOption(
                f"question {question_id!r} cannot be gold: expected a question with an answer that counts, and no slot "
                "or gold itself. Let it be answered first."
            )
        if not kind_named(question.payload["type"]).is_weighed:
            raise BadOption(
                f"question {question_id!r} of queue {question.queue!r} cannot be gold: it is of kind "
                f"{question.payload['type']!r}, and gold is hidden among those of kinds {weighed_in_words()} only"
            )
        collection = session.get_one(Batch, question.batch_id).collection
        row = gold_row(question, answer.raw, collection, f"marked by {marked_by}")
        upsert(session, Gold, [row], update=["truth", "why", "retired_at"])
        forget_bookmarks(session, [wrong_gold(question_id)])
        gold = session.get_one(Gold, question_id)
        session.refresh(gold)
        return gold


def gold_meant(engine: Engine, queue: str, what: str, collection: str = "") -> str:
    """Return the id of the gold question that somebody means, retired or not.

    Raises:
        BadOption: None is meant, or it could be several.
    """
    require_queue(engine, queue)
    with reading(engine) as session:
        hidden = session.exec(select(Question.gold_id).where(Question.id == what, col(Question.gold_id).is_not(None)))
        meant = hidden.first() or what
        wanted = select(Gold, Item.name).join(Item, col(Item.id) == Gold.item_id).order_by(col(Gold.id))
        wanted = wanted.where(Gold.queue == asked_queue(queue), _is_meant(meant, col(Gold.id), col(Gold.item_id)))
        rows = session.exec(wanted.where(Gold.collection == collection) if collection else wanted).all()
    found = [Meant(gold.id, gold.collection, gold.item_id, name, gold.subject, True) for gold, name in rows]
    if not found:
        raise BadOption(f"no gold of queue {queue!r} is {what!r} (expected {EXPECTED}): `labelline gold` lists it")
    if len(found) > 1:
        raise BadOption(f"{what!r} may be {len(found)} gold questions of queue {queue!r}: {_some(found)}. Give one id.")
    return found[0].id


def retire_gold(engine: Engine, gold_id: str, *, wrong_says: str = "") -> bool:
    """Ask a gold question no more. Answers given to it count on, unless somebody says that its truth is wrong.

    Args:
        engine: The catalogue.
        gold_id: Which.
        wrong_says: Who says that its truth is wrong: nobody passes or fails by it any more. Empty: it is right.

    Returns:
        Whether that is news: a second call changes nothing.

    Raises:
        BadOption: There is no such gold.
    """
    with writing(engine) as session:
        gold = session.get(Gold, gold_id)
        if gold is None:
            raise BadOption(f"there is no gold question {gold_id!r}: `labelline gold` lists what there is")
        is_news = gold.retired_at is None
        if is_news:
            session.exec(update(Gold).where(col(Gold.id) == gold_id).values(retired_at=utc_now()))
        if wrong_says and gold_id not in wrong_gold_ids(session):
            write_bookmarks(session, {wrong_gold(gold_id): wrong_says})
            is_news = True
    return is_news


def _matching(session: Session, queue: str, what: str, collection: str) -> list[Meant]:
    """Return the questions of a queue, no slots and no gold, that a text may mean, the oldest first."""
    slot = session.get(Question, what)
    meant = slot.asked_id if slot is not None and slot.asked_id is not None else what
    wanted = (
        select(Question, Batch.collection, Item.name)
        .join(Item, col(Item.id) == Question.item_id)
        .join(Batch, col(Batch.id) == Question.batch_id)
        .where(Question.queue == queue, col(Question.gold_id).is_(None), col(Question.asked_id).is_(None))
        .where(_is_meant(meant, col(Question.id), col(Question.item_id)))
        .order_by(col(Question.created_at), col(Question.id))
    )
    return [
        Meant(one.id, place, one.item_id, name, one.subject, one.state == QuestionState.ANSWERED.value)
        for one, place, name in session.exec(wanted.where(Batch.collection == collection) if collection else wanted)
    ]


def _is_meant(what: str, id_: Mapped[str], item_id: Mapped[str]) -> ColumnElement[bool]:
    named = col(Item.name) == what
    if len(what) < SHORTEST:
        return named
    return named | id_.startswith(what, autoescape=True) | item_id.startswith(what, autoescape=True)


def _some(found: Sequence[Meant]) -> str:
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return ", ".join(map(str, found[:LISTED])) + more
