"""Plays the stories of `deletions.py`, and counts after each what stands open and what is answered.

First every question is looked for: what had been answered is answered still, and what is open stands in Label Studio
once, where the catalogue says. Then people answer what is open, and after one more sweep every question has exactly one
answer that counts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Question, QuestionState
from blocks.errors import LabellingError, LabelStudioLacks
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import Sleeper, Until, forget_sleeper, note_sleeper
from tasks.review.posting.duplicates import find_tasks
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.annotations import EARLIEST
from tests.chaos.deletions import Scene, make_older, stories
from tests.chaos.ground import QUEUE, Ground, lay_ground
from tests.chaos.tally import Tally, count_questions, surplus


def try_deletion(
    server: AnnotationServer, scene_of: Callable[[Ground], Scene], url: str, questions: int, name: str
) -> Tally:
    """Play one story, with questions of its own.

    Args:
        server: A running Label Studio.
        scene_of: Makes the scene of a trial.
        url: The catalogue.
        questions: How many the trial has.
        name: Of the story.

    Raises:
        LabellingError: The sweep after the story could not do all, or the story itself found what must not be.
    """
    with _asleep(url, questions, server) as ground:
        scene = scene_of(ground)
        stories()[name](scene)
        if (failures := scene.sweep()).found:
            raise LabellingError(f"a sweep after {name!r} could not do all: {failures.found[0]}")
        lost, doubled = _count(scene)
        _answer_the_rest(scene)
        unanswered, twice = _count_answers(scene)
        return Tally(name, max(scene.crowd.acts, questions), lost + unanswered, doubled + twice)


@contextmanager
def _asleep(url: str, questions: int, server: AnnotationServer) -> Iterator[Ground]:
    """Lay the ground of a trial: questions posted an hour ago, which a run sleeps for."""
    ground = lay_ground(url, questions)
    post_questions(ground.engine, server, QUEUE, ground.batch_id)
    make_older(ground)
    note_sleeper(ground.engine, Sleeper(ground.batch_id, QUEUE.name, ground.batch_id, 0, Until()))
    try:
        yield ground
    finally:
        forget_sleeper(ground.engine, ground.batch_id)


def _count(scene: Scene) -> tuple[int, int]:
    """Return how many open questions are not in Label Studio, or not where we think, and how many are there twice."""
    done = QuestionState.ANSWERED.value
    standing = [one for one in scene.ground.questions if one.state != done]
    found: dict[str, list[int]] = {}
    for project_id in {one.project_id for one in scene.ground.questions if one.project_id}:
        with suppress(LabelStudioLacks):
            for question, tasks in find_tasks(scene.server, project_id, EARLIEST).items():
                found.setdefault(question, []).extend(task.task_id for task in tasks)
    ids = {one.id for one in standing}
    lost, doubled = count_questions(
        {one.id: one.task_id for one in standing}, {id_: tasks for id_, tasks in found.items() if id_ in ids}
    )
    again = sum(len(tasks) > 1 for id_, tasks in found.items() if id_ not in ids)
    return lost, doubled + again


def _answer_the_rest(scene: Scene) -> None:
    for question in scene.ground.questions:
        if question.state == QuestionState.POSTED:
            scene.crowd.answer(question)
    scene.sweep()


def _count_answers(scene: Scene) -> tuple[int, int]:
    """Return how many questions have no answer that counts, and how many answers count beside another one."""
    counted = select(Answer.question_id).join(Question, col(Question.id) == col(Answer.question_id))
    counted = counted.where(Question.batch_id == scene.ground.batch_id, Answer.state == AnswerState.COUNTED.value)
    with reading(scene.ground.engine) as session:
        answered = list(session.exec(counted))
    done = {one.id for one in scene.ground.questions if one.state == QuestionState.ANSWERED}
    return len({one.id for one in scene.ground.questions} - (done & set(answered))), surplus(answered)
