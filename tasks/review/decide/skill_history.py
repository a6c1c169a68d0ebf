"""What is known of a queue's people before their answers are weighed: from this batch, earlier ones, and gold."""

from sqlmodel import Session, col, select

from blocks.database.people_tables import Decision, Gold
from blocks.database.tables import Answer, AnswerState, Batch, Question
from blocks.naming.emails import normal_email
from tasks.review.consensus.answer_groups import Group, read_groups_of
from tasks.review.consensus.comparers.protocol import GoldSaid
from tasks.review.questions.bookmarks import wrong_gold_ids
from tasks.review.questions.slots import beside

REMEMBERED = 300
"""Questions of earlier batches that skills are learnt from, the latest: people change, and so do pictures."""


def read_history(session: Session, queue: str, batch_id: str) -> list[Group]:
    """Return the latest questions of earlier batches of the same collection that several people answered."""
    collection = session.get_one(Batch, batch_id).collection
    decided = (
        select(Decision.question_id, Decision.members)
        .join(Batch, col(Batch.id) == Decision.batch_id)
        .where(Decision.queue == queue, Decision.batch_id != batch_id, Batch.collection == collection)
        .order_by(col(Decision.decided_at).desc(), col(Decision.question_id))
        .limit(REMEMBERED)
    )
    return read_groups_of(session, [id_ for id_, members in session.exec(decided) if len(members) > 1])


def read_gold_said(session: Session, queue: str) -> list[GoldSaid]:
    """Return what people said to gold questions of a queue, the latest first; not to gold that is wrong."""
    wrong = wrong_gold_ids(session)
    given = (AnswerState.COUNTED.value, AnswerState.UNCOUNTED.value)
    query = (
        select(Answer, Gold)
        .join(Question, col(Question.id) == Answer.question_id)
        .join(Gold, col(Gold.id) == Question.gold_id)
        .where(beside(queue), col(Answer.state).in_(given))
        .order_by(col(Answer.answered_at).desc())
        .limit(REMEMBERED)
    )
    return [
        GoldSaid(answer.id, normal_email(answer.person), gold.truth, answer.raw)
        for answer, gold in session.exec(query)
        if gold.id not in wrong
    ]
