"""Read what people said to the questions that settle items, in two statements however many items there are."""

from collections import defaultdict
from collections.abc import Sequence

from sqlmodel import Session, col, select

from blocks.database.tables import Answer, AnswerState, Question
from tasks.review.questions.kinds.classes.decided import as_decided, meanings_of_batch, says_missing
from tasks.review.questions.kinds.registry import KINDS, kinds_that_settle
from tasks.review.questions.said import Counted, QuestionSoFar
from tasks.review.questions.slots import of_kinds


def read_said(session: Session, batch_id: str, item_ids: Sequence[str]) -> dict[str, dict[str, list[QuestionSoFar]]]:
    """Return what was said, by item id and what it settles: see `QuestionKind.settles`."""
    query = select(Question).where(
        Question.batch_id == batch_id,
        col(Question.item_id).in_(item_ids),
        of_kinds(kinds_that_settle("items") + kinds_that_settle("kinds")),
    )
    questions = session.exec(query).all()
    counted, skipped = _read_answers(session, batch_id, item_ids)
    found: dict[str, dict[str, list[QuestionSoFar]]] = defaultdict(lambda: defaultdict(list))
    for question in questions:
        settles = KINDS[question.payload["type"]].settles or ""
        found[question.item_id][settles].append(
            QuestionSoFar(
                round=question.round,
                state=question.state,
                subject=question.subject,
                payload=question.payload,
                counted=counted.get(question.id),
                is_skipped=question.id in skipped,
            )
        )
    return found


def _read_answers(session: Session, batch_id: str, item_ids: Sequence[str]) -> tuple[dict[str, Counted], set[str]]:
    query = (
        select(  # type: ignore[call-overload]
            Answer.question_id, Answer.id, Answer.state, Answer.answered_at, Answer.raw, Answer.saw_proposals
        )
        .join(Question, col(Question.id) == Answer.question_id)
        .where(Question.batch_id == batch_id, col(Question.item_id).in_(item_ids))
        .where(of_kinds(kinds_that_settle("items") + kinds_that_settle("kinds")))
        .where(col(Answer.state).in_([AnswerState.COUNTED.value, AnswerState.SKIPPED.value]))
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    counted: dict[str, Counted] = {}
    skipped: set[str] = set()
    rows = session.exec(query).all()
    meanings = meanings_of_batch(session, batch_id) if any(says_missing(row[4]) for row in rows) else {}
    for question_id, answer_id, state, answered_at, raw, saw in rows:
        if state == AnswerState.SKIPPED.value:
            skipped.add(question_id)
        else:
            counted[question_id] = Counted(answered_at, answer_id, as_decided(raw, meanings), saw)
    return counted, skipped
