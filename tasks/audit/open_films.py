"""Which items stand in a film that somebody may still submit: nobody is asked about them otherwise meanwhile."""

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Question, QuestionState
from tasks.review.questions.queues.films import WATCH_TRACKS

OPEN = (QuestionState.WRITTEN.value, QuestionState.POSTED.value)


def watched_items(engine: Engine, collection: str) -> frozenset[str]:
    """Return the items of a collection that stand in an open film: what it mends there would not be seen elsewhere."""
    standing = (
        select(Question.item_id)
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Batch.collection == collection, Question.queue == WATCH_TRACKS, col(Question.state).in_(OPEN))
    )
    with reading(engine) as session:
        return frozenset(session.exec(standing))
