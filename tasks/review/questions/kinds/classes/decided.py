"""What a class means that people wrote down as missing, once the owner of the line has decided it.

Answers are never rewritten: whoever reads them to settle or to weigh asks here what they mean now.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from blocks.database.suggestion_tables import ClassDecision
from blocks.database.tables import Batch
from tasks.review.questions.kinds.choose import AnsweredKind
from tasks.review.questions.kinds.classes.missing import key_of_class

Meanings = Mapping[str, str | None]
"""By `key_of_class` of what people wrote: the class that it stands for; None: none does."""


def says_missing(raw: Sequence[Any]) -> bool:
    """Say whether an answer, in our own form, names a class that is missing."""
    return any(isinstance(one, Mapping) and one.get("verdict") == "missing_class" for one in raw)


def as_decided(raw: list[dict[str, Any]], meanings: Meanings) -> list[dict[str, Any]]:
    """Return an answer as the owner's decisions have it; one that nobody has decided, or none is meant by, stays."""
    if not says_missing(raw):
        return raw
    meant = [meanings.get(key_of_class(str(one.get("missing", "")))) for one in raw]
    return [
        one if name is None else AnsweredKind(kind=name, verdict="kind").said
        for one, name in zip(raw, meant, strict=True)
    ]


def meanings_of(session: Session, collection: str) -> dict[str, str | None]:
    """Return what was decided in a collection."""
    mine = select(ClassDecision.key, ClassDecision.class_name).where(ClassDecision.collection == collection)
    return dict(session.exec(mine).all())


def meanings_of_batch(session: Session, batch_id: str) -> dict[str, str | None]:
    """Return the same for the collection of a batch."""
    query = (
        select(ClassDecision.key, ClassDecision.class_name)
        .join(Batch, col(Batch.collection) == col(ClassDecision.collection))
        .where(Batch.id == batch_id)
    )
    return dict(session.exec(query).all())
