"""Classes that people wrote down as missing: listed with their items, decided by the owner, and their items settled.

Nothing is lost and nothing is guessed: until it is decided an item has no label, and after that its answers mean what
was decided, those that come later as well. What no class is meant by is asked again (`labelline reopen`).
"""

import difflib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from pydantic import Field
from sqlalchemy import ColumnElement, Engine, String, cast
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.suggestion_tables import ClassDecision
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Item, Question, utc_now
from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.naming.emails import normal_email
from tasks.detect.settled_evidence import triaged_by
from tasks.review.questions.kinds.classes.decided import meanings_of
from tasks.review.questions.kinds.classes.missing import key_of_class
from tasks.review.receiving.answer_versions import OF_NOBODY
from tasks.settle.annotators.skipped import Skipped
from tasks.settle.labels import last_settled, settle_items

EXAMPLES = 3

REFUSED = "its class was written down as missing, and refused"


class MissingClass(Frozen):
    """A class that people wrote down as missing."""

    written: str = Field(description="As most wrote it")
    items: int = Field(description="Items of which somebody says that they show it")
    people: int = Field(description="Who say so")
    examples: tuple[str, ...] = Field(description="File names of some of the items")
    waiting: int = Field(description="Of the items, those that have no label")
    is_decided: bool = False
    class_name: str | None = Field(default=None, description="What it was decided to stand for; None: no class")
    is_new: bool = Field(default=False, description="Whether the collection has that class since")

    @property
    def fate(self) -> str:
        """What was decided, in words."""
        if not self.is_decided:
            return "not decided"
        if self.class_name is None:
            return "refused"
        return f"new class {self.class_name}" if self.is_new else f"is {self.class_name}"


def missing_classes(engine: Engine, collection: str) -> tuple[MissingClass, ...]:
    """Return what people wrote down in a collection, the undecided first, then what most items are said to show."""
    with reading(engine) as session:
        said = _said(session, collection)
        decided = _decided(session, collection)
        names = dict(
            session.exec(select(Item.id, Item.name).where(col(Item.id).in_({one.item_id for one in said}))).all()
        )
    by_key: dict[str, list[_Written]] = defaultdict(list)
    for one in said:
        by_key[key_of_class(one.written)].append(one)
    found = [_summed(some, decided.get(key), names) for key, some in by_key.items()]
    return tuple(sorted(found, key=lambda one: (one.is_decided, -one.items, one.written)))


def count_undecided(engine: Engine) -> dict[str, int]:
    """Return how many classes wait for a decision, by collection; those with none are not in it."""
    with reading(engine) as session:
        query = select(Batch.collection).join(Question, col(Question.batch_id) == col(Batch.id))
        query = query.join(Answer, col(Answer.question_id) == col(Question.id)).where(*_names_a_class()).distinct()
        collections = sorted(session.exec(query))
        keys = {
            name: {key_of_class(one.written) for one in _said(session, name)} - _decided(session, name).keys()
            for name in collections
        }
    return {name: len(some) for name, some in keys.items() if some}


def decide_class(engine: Engine, collection: str, written: str, class_name: str | None, *, is_new: bool = False) -> int:
    """Write down what a class stands for that people wrote, and settle the items that waited for it.

    Args:
        engine: The catalogue.
        collection: Whose.
        written: As somebody wrote it; capitals and blanks say nothing.
        class_name: The class that it stands for; None: none does.
        is_new: Whether that is a class that the collection did not have.

    Returns:
        How many labels were added, corrected or retracted.

    Raises:
        BadOption: Nobody wrote that.
    """
    key, mine = key_of_class(written), missing_classes(engine, collection)
    meant = next((one for one in mine if key_of_class(one.written) == key), None)
    if meant is None:
        known = [one.written for one in mine]
        close = difflib.get_close_matches(written, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        told = f"(known: {', '.join(known[:9]) or 'none'}).{hint}"
        raise BadOption(f"nobody wrote down {written!r} as missing in {collection!r} {told}")
    row = {"collection": collection, "key": key, "written": meant.written, "class_name": class_name, "is_new": is_new}
    with writing(engine) as session:
        upsert(
            session, ClassDecision, [{**row, "decided_at": utc_now()}], update=["class_name", "is_new", "decided_at"]
        )
    return _settle(engine, collection, key)


def refused_of(engine: Engine, collection: str) -> tuple[Skipped, ...]:
    """Return the questions whose last word is a class that was refused: people can be asked again."""
    last = aliased(Question)
    key = ("queue", "batch_id", "item_id", "subject")
    later = select(last.id).where(
        *(getattr(last, name) == getattr(Question, name) for name in key), last.round > Question.round
    )
    query = (
        select(Question, Item.name, Answer.raw)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .join(Item, col(Item.id) == col(Question.item_id))
        .join(
            BatchItem,
            (col(BatchItem.batch_id) == col(Question.batch_id)) & (col(BatchItem.item_id) == col(Question.item_id)),
        )
        .where(Batch.collection == collection, Answer.state == AnswerState.COUNTED.value, _is_named())
        .where(col(Question.asked_id).is_(None), col(Question.gold_id).is_(None), ~later.exists())
        .where(col(BatchItem.settled_at).is_(None))
        .order_by(col(Question.queue), col(Item.name), col(Question.id))
    )
    with reading(engine) as session:
        refused = {key for key, name in meanings_of(session, collection).items() if name is None}
        rows = session.exec(query).all() if refused else []
    return tuple(
        Skipped(
            question_id=question.id,
            queue=question.queue,
            batch_id=question.batch_id,
            item_id=question.item_id,
            name=name,
            reason=f"{REFUSED}: {raw[0]['missing']}",
        )
        for question, name, raw in rows
        if key_of_class(raw[0]["missing"]) in refused
    )


def _settle(engine: Engine, collection: str, key: str) -> int:
    """Settle the items of settled batches again; of the others a run takes care."""
    with reading(engine) as session:
        items: dict[str, set[str]] = defaultdict(set)
        for one in _said(session, collection):
            if key_of_class(one.written) == key:
                items[one.batch_id].add(one.item_id)
        over = [batch_id for batch_id in sorted(items) if last_settled(session, batch_id) is not None]
    reports = [settle_items(engine, batch_id, *triaged_by(engine, batch_id), items[batch_id]) for batch_id in over]
    return sum(report.revisions_written for report in reports)


class _Written(Frozen):
    item_id: str
    batch_id: str
    person: str
    written: str
    is_settled: bool


def _names_a_class() -> tuple[ColumnElement[bool], ...]:
    return col(Answer.state) == AnswerState.COUNTED.value, col(Answer.annotation_id) != OF_NOBODY, _is_named()


def _is_named() -> ColumnElement[bool]:
    return cast(col(Answer.raw), String).like('%"missing_class"%')


def _said(session: Session, collection: str) -> list[_Written]:
    query = (
        select(Answer, Question.item_id, Question.batch_id, BatchItem.settled_at)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .join(
            BatchItem,
            (col(BatchItem.batch_id) == col(Question.batch_id)) & (col(BatchItem.item_id) == col(Question.item_id)),
        )
        .where(Batch.collection == collection, *_names_a_class())
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    return [
        _Written(
            item_id=item,
            batch_id=batch,
            person=normal_email(answer.person),
            written=one["missing"],
            is_settled=settled_at is not None,
        )
        for answer, item, batch, settled_at in session.exec(query)
        for one in answer.raw
        if one.get("verdict") == "missing_class"
    ]


def _decided(session: Session, collection: str) -> dict[str, ClassDecision]:
    rows = session.exec(select(ClassDecision).where(ClassDecision.collection == collection)).all()
    return {row.key: row for row in rows}


def _summed(some: Sequence[_Written], decision: ClassDecision | None, names: Mapping[str, str]) -> MissingClass:
    items = dict.fromkeys(one.item_id for one in some)
    return MissingClass(
        written=Counter(one.written for one in some).most_common(1)[0][0],
        items=len(items),
        people=len({one.person for one in some}),
        examples=tuple(names.get(item_id, item_id[:12]) for item_id in list(items)[:EXAMPLES]),
        waiting=len({one.item_id for one in some if not one.is_settled}),
        is_decided=decision is not None,
        class_name=decision.class_name if decision else None,
        is_new=decision.is_new if decision else False,
    )
