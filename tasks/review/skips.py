"""Skips: a question that one person skips goes to another; one that two skip needs rework, not a third opinion.

Label Studio itself offers a skipped task to everybody else and never again to who skipped it (a project's
`skip_queue` is REQUEUE_FOR_OTHERS), so the question needs no seat for this. Where only one person may answer there is
nobody to pass it to, and the first skip is the last.
"""

from collections.abc import Collection

from sqlmodel import Session, col, func, select

from blocks.tables import Answer, AnswerState, Question
from tasks.review.bookmarks import count_users, queues_by_project

SKIPS_TO_REWORK = 2
"""So many people cannot answer it: the third will not either, or will guess."""


def skipped_for_good(session: Session, question_ids: Collection[str]) -> set[str]:
    """Return those of some unanswered questions that nobody should be asked again."""
    people = func.count(col(Answer.person).distinct())
    counts = session.exec(
        select(Answer.question_id, Question.project_id, people)
        .join(Question, col(Question.id) == Answer.question_id)
        .where(col(Answer.question_id).in_(list(question_ids)), Answer.state == AnswerState.SKIPPED.value)
        .group_by(col(Answer.question_id), col(Question.project_id))
    ).all()
    if not counts:
        return set()
    queues = queues_by_project(session, {project for _, project, _ in counts if project is not None})
    everybody = count_users(session)
    needed = {
        project: min(SKIPS_TO_REWORK, len({*queue.annotators, *queue.referees}) or everybody or SKIPS_TO_REWORK)
        for project, queue in queues.items()
    }
    return {question for question, project, skips in counts if skips >= needed.get(project or 0, SKIPS_TO_REWORK)}
