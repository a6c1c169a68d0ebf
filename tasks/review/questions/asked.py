"""What a batch was asked with: its queue as the line's options were then, kept for each batch and round.

A project of Label Studio is shared by the batches of a collection, and so is its queue's name. But who may answer, how
many see a question and what gold demands are options of a run: those of a later batch say nothing about an earlier one.
So the queue is written down when a batch's questions are, and whoever reads, weighs or settles answers asks here. Where
a batch is asked once more with other people, those who were asked first stay: whoever was asked, counts.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Question, QuestionState
from tasks.review.questions.bookmarks import queues_by_project, read_bookmarks, write_bookmarks
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import asked_queue, beside

Asking = tuple[str, str, int]
"""Name of a queue (not of a slot), batch and round."""

_OPEN = (QuestionState.WRITTEN.value, QuestionState.POSTED.value)


def note_asked(session: Session, queue: Queue, batch_id: str, round_: int) -> Queue:
    """Write down with what a batch's round is asked; returns it, joined with what it was asked with before."""
    name = asked_queue(queue.name)
    bookmark = _bookmark(name, batch_id, round_)
    before = read_bookmarks(session, [bookmark]).get(bookmark)
    queue = queue.model_copy(update={"name": name})
    joined = queue.joined_with(Queue.model_validate_json(before)) if before else queue
    value = joined.model_dump_json()
    if value != before:
        write_bookmarks(session, {bookmark: value})
    return joined


def keep_asked(session: Session, project_id: int, queue: Queue) -> None:
    """Write down a project's queue for what was asked there before queues were kept by batch; the rest stays."""
    asked = _askings(session, Question.project_id == project_id)
    known = read_asked(session, asked)
    for name, batch_id, round_ in asked - known.keys():
        note_asked(session, queue.model_copy(update={"name": name}), batch_id, round_)


def read_asked(session: Session, askings: Collection[Asking]) -> dict[Asking, Queue]:
    """Return with what batches were asked; a round of which nothing is written is asked as the one before it.

    Returns:
        By queue, batch and round; without those of which nothing is known.
    """
    rounds = {one: [_bookmark(*one[:2], number) for number in range(one[2], -1, -1)] for one in askings}
    values = read_bookmarks(session, {name for names in rounds.values() for name in names})
    found = {one: next((values[name] for name in names if name in values), None) for one, names in rounds.items()}
    return {one: Queue.model_validate_json(value) for one, value in found.items() if value is not None}


def count_open(engine: Engine, collection: str) -> int:
    """Count the questions about a collection that people may answer, or that wait to be sent; slots are each one."""
    query = select(func.count()).select_from(Question).join(Batch, col(Batch.id) == col(Question.batch_id))
    with reading(engine) as session:
        return session.exec(query.where(Batch.collection == collection, col(Question.state).in_(_OPEN))).one()


def queue_as_asked(engine: Engine, queue: Queue, batch_id: str, round_: int) -> Queue:
    """Return a queue as a batch was asked with it: whom the batch was asked of before stays named."""
    asking = (asked_queue(queue.name), batch_id, round_)
    with reading(engine) as session:
        before = read_asked(session, [asking]).get(asking)
    return queue.joined_with(before) if before else queue


def queue_asked(engine: Engine, name: str, batch_id: str, round_: int) -> Queue | None:
    """Return the queue in which a batch was asked, as it was then; None where nothing was posted."""
    asking = (name, batch_id, round_)
    mine = (beside(name), Question.batch_id == batch_id, Question.round == round_)
    posted = select(Question.project_id).where(*mine, col(Question.project_id).is_not(None)).distinct()
    with reading(engine) as session:
        projects = [project for project in session.exec(posted) if project is not None]
        if not projects:
            return None
        known = read_asked(session, [asking]).get(asking)
        queues = [known] if known else list(queues_by_project(session, projects).values())
    return next((queue.model_copy(update={"name": name}) for queue in queues), None)


def queues_of_questions(session: Session, question_ids: Iterable[str]) -> dict[str, Queue]:
    """Return with what some questions were asked, by question id; without those of which nothing is known."""
    wanted = select(Question).where(col(Question.id).in_(list(question_ids)))
    rows = session.exec(wanted).all()
    known = read_asked(session, {_asking(row.queue, row.batch_id, row.round) for row in rows})
    projects = queues_by_project(session, {row.project_id for row in rows if row.project_id is not None})
    queues = {
        row.id: known.get(_asking(row.queue, row.batch_id, row.round)) or projects.get(row.project_id or 0)
        for row in rows
    }
    return {id_: queue for id_, queue in queues.items() if queue is not None}


def asks_otherwise(session: Session, project_id: int, queue: Queue) -> bool:
    """Say whether open questions of a project ask for something else, or somebody else, than a queue does.

    What people read there is about all of its questions. A queue that asks otherwise needs a project of its own, or
    people would mark what was not asked, or answer where their word does not count.
    """
    asked = _askings(session, Question.project_id == project_id, col(Question.state).in_(_OPEN))
    if not asked:
        return False
    known = read_asked(session, asked)
    of_project = queues_by_project(session, [project_id]).get(project_id)
    others = [known.get(one, of_project) for one in asked]
    return any(other is not None and other.wants != queue.wants for other in others)


def looks_alike(session: Session, project_id: int, queue: Queue) -> bool:
    """Say whether a project can go on with a queue: Label Studio takes no control away with which people answered."""
    before = queues_by_project(session, [project_id]).get(project_id)
    return before is None or kind_named(queue.kind).looks_as(queue.merged_with(before), before)


def _askings(session: Session, *which: object) -> set[Asking]:
    wanted = select(Question.queue, Question.batch_id, Question.round).where(*which).distinct()  # type: ignore[arg-type]
    return {_asking(*row) for row in session.exec(wanted)}


def _asking(queue: str, batch_id: str, round_: int) -> Asking:
    return asked_queue(queue), batch_id, round_


def _bookmark(name: str, batch_id: str, round_: int) -> str:
    return f"review asked {name} {batch_id} {round_}"
