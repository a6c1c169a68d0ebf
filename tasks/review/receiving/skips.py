"""Skips: a question that one person skips goes to another; one that two skip needs rework, not a third opinion.

Label Studio itself offers a skipped task to everybody else and never again to who skipped it (a project's
`skip_queue` is REQUEUE_FOR_OTHERS), so the question needs no slot for this. Where only one person may answer there is
nobody to pass it to, and the first skip is the last.
"""

from collections import defaultdict
from collections.abc import Collection

from sqlmodel import Session, col, select

from blocks.database.tables import Answer, AnswerState
from blocks.naming.emails import normal_email
from tasks.review.questions.asked import queues_of_questions
from tasks.review.questions.bookmarks import count_users

SKIPS_TO_REWORK = 2
"""So many people cannot answer it: the third will not either, or will guess."""


def skipped_for_good(session: Session, question_ids: Collection[str]) -> set[str]:
    """Return those of some unanswered questions that nobody should be asked again."""
    mine = col(Answer.question_id).in_(list(question_ids)), Answer.state == AnswerState.SKIPPED.value
    people: dict[str, set[str]] = defaultdict(set)
    for question_id, person in session.exec(select(Answer.question_id, Answer.person).where(*mine)):
        people[question_id].add(normal_email(person))
    if not people:
        return set()
    queues = queues_of_questions(session, people)
    everybody = count_users(session)
    needed = {
        question: min(SKIPS_TO_REWORK, len({*queue.annotators, *queue.referees}) or everybody or SKIPS_TO_REWORK)
        for question, queue in queues.items()
    }
    return {question for question, names in people.items() if len(names) >= needed.get(question, SKIPS_TO_REWORK)}
