"""The harness's own book of what people did, and its comparison with the catalogue; knows nothing of our own rules.

Every act carries a mark: the id of the one region it draws. So each version of each answer is known again wherever it
turns up, and what should count is read from Label Studio itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Question, QuestionState
from blocks.servers.annotation_server import AnnotationServer
from tests.chaos.tally import surplus


@dataclass(frozen=True, slots=True)
class Shown:
    """An annotation that Label Studio shows at the end."""

    question_id: str
    mark: str
    updated_at: datetime
    is_skip: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A version of an answer that the catalogue has."""

    question_id: str
    mark: str
    state: str


@dataclass(frozen=True, slots=True)
class Books:
    """What three parties say of the same acts.

    Attributes:
        acknowledged: Marks of the acts that Label Studio confirmed and nobody took back, by edit or deletion, later.
        heard: Marks that were there when a sweep had run, or when the gateway had worked off what was delivered to it.
        drafts: Marks of drafts that were never submitted.
        shown: What Label Studio shows.
        kept: What the catalogue has.
        answered: The questions that the catalogue calls answered.
    """

    acknowledged: frozenset[str]
    heard: frozenset[str]
    drafts: frozenset[str]
    shown: Sequence[Shown]
    kept: Sequence[Kept]
    answered: frozenset[str]


def compare(books: Books) -> tuple[int, int]:
    """Return how many acts are lost, and how many count or are kept more than once or without right.

    Lost is an act that Label Studio confirmed or shows, or that we were told of, and the catalogue does not have; and a
    question whose last answer is not the one that counts. Doubled is a version that is there twice, a second answer
    that counts for one question, one that counts although it is gone, and a draft taken for an answer.
    """
    kept_marks = [one.mark for one in books.kept]
    must_be_kept = books.acknowledged | books.heard | {one.mark for one in books.shown}
    lost = len(must_be_kept - set(kept_marks))
    doubled = surplus(kept_marks) + len(books.drafts & set(kept_marks))
    lost += len(books.acknowledged - {one.mark for one in books.shown})  # Label Studio itself has lost it
    last = _last_answers(books.shown)
    counted: dict[str, list[str]] = defaultdict(list)
    for one in books.kept:
        if one.state == AnswerState.COUNTED.value:
            counted[one.question_id].append(one.mark)
    lost += sum(mark not in counted[question] for question, mark in last.items())
    lost += len(last.keys() - books.answered)
    doubled += sum(mark != last.get(question) for question, marks in counted.items() for mark in marks)
    doubled += len(books.answered - last.keys())
    return lost, doubled


def _last_answers(shown: Iterable[Shown]) -> dict[str, str]:
    answers = sorted((one for one in shown if not one.is_skip), key=lambda one: one.updated_at)
    return {one.question_id: one.mark for one in answers}


def read_shown(server: AnnotationServer, questions: Collection[Question]) -> list[Shown]:
    """Ask Label Studio, task by task, what annotations it has; its list of annotations would hide skips."""
    return [
        Shown(
            question_id=question.id,
            mark=mark_in(annotation["result"]),
            updated_at=datetime.fromisoformat(annotation["updated_at"]),
            is_skip=annotation["was_cancelled"],
        )
        for question in questions
        for annotation in server.call("GET", f"api/tasks/{question.task_id}/")["annotations"]
    ]


def read_kept(engine: Engine, batch_id: str) -> tuple[list[Kept], frozenset[str]]:
    """Return the versions that the catalogue has of a batch's answers, and the questions it calls answered."""
    versions = select(Answer).join(Question, col(Question.id) == col(Answer.question_id))
    mine = Question.batch_id == batch_id
    done = select(Question.id).where(mine, Question.state == QuestionState.ANSWERED.value)
    with reading(engine) as session:
        kept = [Kept(row.question_id, mark_in(row.raw), row.state) for row in session.exec(versions.where(mine))]
        return kept, frozenset(session.exec(done))


def mark_in(result: Sequence[dict[str, Any]]) -> str:
    """Return the mark of a result, which has one region."""
    return str(result[0]["id"]) if result else ""
