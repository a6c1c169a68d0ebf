"""Which gold there is, how often it was asked and passed, and how people stand: what an operator looks at.

What few pass who pass the rest is often wrong itself, so that comes first.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.people_tables import Gold, Standing
from blocks.database.tables import Item, Question
from tasks.review.gold.annotator_status import read_gold_answers
from tasks.review.gold.pool import times_asked
from tasks.review.questions.asked import queues_of_questions
from tasks.review.questions.bookmarks import wrong_gold_ids
from tasks.review.questions.slots import asked_queue, beside
from tasks.review.questions.staffing import GoldRule


@dataclass(frozen=True, slots=True)
class GoldResult:
    """One gold question, and what came of it."""

    id: str
    queue: str
    collection: str
    picture: str
    why: str
    retired_at: datetime | None
    is_wrong: bool
    asked: int
    """In how many slots it was hidden."""
    answered: int
    """By how many people; 0 where its truth is wrong."""
    passed: int

    @property
    def pass_share(self) -> float:
        """Share of the people who passed it, 0 to 1; 1 where nobody has answered."""
        return self.passed / self.answered if self.answered else 1.0


def gold_results(engine: Engine, queue: str = "", collection: str = "", *, retired: bool = False) -> list[GoldResult]:
    """Return gold with its results, queue by queue, what the smallest share of people passed first.

    Args:
        engine: The catalogue.
        queue: Only of this queue; empty: of all.
        collection: Only of this collection; empty: of all.
        retired: Also what is asked no more.
    """
    wanted = select(Gold, Item.name).join(Item, col(Item.id) == Gold.item_id).order_by(col(Gold.id))
    if queue:
        wanted = wanted.where(Gold.queue == asked_queue(queue))
    if collection:
        wanted = wanted.where(Gold.collection == collection)
    if not retired:
        wanted = wanted.where(col(Gold.retired_at).is_(None))
    with reading(engine) as session:
        rows = session.exec(wanted).all()
        asked, wrong = times_asked(session), wrong_gold_ids(session)
        answered, passed = _tally(session, sorted({gold.queue for gold, _ in rows}))
    results = [
        GoldResult(
            id=gold.id,
            queue=gold.queue,
            collection=gold.collection,
            picture=name,
            why=gold.why,
            retired_at=gold.retired_at,
            is_wrong=gold.id in wrong,
            asked=asked.get(gold.id, 0),
            answered=answered[gold.id],
            passed=passed[gold.id],
        )
        for gold, name in rows
    ]
    return sorted(results, key=lambda one: (one.queue, one.pass_share, -one.answered, one.picture, one.id))


def known_standings(engine: Engine, queue: str = "") -> list[Standing]:
    """Return how people stood when their answers were weighed last, queue by queue."""
    wanted = select(Standing).order_by(col(Standing.queue), col(Standing.person))
    with reading(engine) as session:
        return list(session.exec(wanted.where(Standing.queue == asked_queue(queue)) if queue else wanted))


def _tally(session: Session, queues: list[str]) -> tuple[Counter[str], Counter[str]]:
    """Return by how many people each gold question was answered, and by how many it was passed."""
    answered: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for queue in queues:
        for given in read_gold_answers(session, queue, _rule_of(session, queue)).values():
            answered.update(one.question_id for one in given)
            passed.update(one.question_id for one in given if one.passed)
    return answered, passed


def _rule_of(session: Session, queue: str) -> GoldRule:
    """Return the rule by which a queue hid gold last."""
    posted = select(Question.id).where(
        beside(queue), col(Question.gold_id).is_not(None), col(Question.project_id).is_not(None)
    )
    last = session.exec(posted.order_by(col(Question.posted_at).desc()).limit(1)).first()
    known = queues_of_questions(session, [last]) if last is not None else {}
    return next((one.gold for one in known.values() if one.gold is not None), GoldRule())
