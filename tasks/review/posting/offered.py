"""A class that is new to a collection is offered in the questions that stand open, beside the others."""

import logging

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, Question
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.bookmarks import gone_projects, queue_of_project, queues_by_project, write_bookmarks
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import CHOOSE_CLASS, Queue
from tasks.review.questions.slots import beside
from tasks.review.questions.task import label_config

log = logging.getLogger(__name__)


def offer_class(engine: Engine, server: AnnotationServer, collection: str, class_name: str) -> int:
    """Offer a class in the projects in which a collection's items are classified; again, it changes nothing.

    Where so many are offered then that they would have to be searched, people go on writing it down, and mean it.

    Returns:
        In how many projects it is offered now.

    Raises:
        LabelStudioUnavailable: Label Studio does not answer: those that were done stay so.
    """
    with reading(engine) as session:
        queues = _queues(session, collection)
    offered = 0
    for project_id, queue in sorted(queues.items()):
        wider = queue.model_copy(update={"classes": (*queue.classes, class_name)})
        if class_name in queue.classes:
            offered += 1
        elif kind_named(queue.kind).looks_as(queue, wider):
            offered += _widen(engine, server, project_id, wider)
    return offered


def offered_classes(engine: Engine, collection: str) -> tuple[str, ...]:
    """Return what people can choose in a collection's questions about whole items, in the order of the questions."""
    with reading(engine) as session:
        queues = _queues(session, collection)
    return tuple(dict.fromkeys(name for _, queue in sorted(queues.items()) for name in queue.classes))


def _queues(session: Session, collection: str) -> dict[int, Queue]:
    """Return the queues by project in which a collection's items are classified."""
    query = select(Question.project_id).join(Batch, col(Batch.id) == col(Question.batch_id))
    query = query.where(Batch.collection == collection, beside(CHOOSE_CLASS), col(Question.project_id).is_not(None))
    ours = {int(project or 0) for project in session.exec(query.distinct())}
    return queues_by_project(session, ours - gone_projects(session))


def _widen(engine: Engine, server: AnnotationServer, project_id: int, queue: Queue) -> bool:
    body = {"label_config": label_config(queue)}
    if server.call("PATCH", f"api/projects/{project_id}/", body=body, absent_ok=True) is None:
        return False
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(project_id): queue.model_dump_json()})
    log.info("project %d offers %r from now on", project_id, queue.classes[-1])
    return True
