"""The doorbell: what a Label Studio webhook rings for is read back from there, and what it says then is written down.

A webhook comes once, late, twice or forged: whoever learns the doorbell's secret can write one. So it is believed for
nothing but the numbers of tasks and annotations to look at, and a burst of them becomes one look. What is lost on the
way, or cannot be read now, the sweep reads. Waking the sleeping run is the caller's next step
(`tasks.review.ask.wake_due`).
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Question
from blocks.errors import BadInput, LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.bookmarks import our_projects
from tasks.review.receiving.annotations import Id
from tasks.review.receiving.poll import is_annotation_gone, read_tasks, record_tasks
from tasks.review.receiving.record import RecordReport, record_deletions

HEARD_BY = "doorbell"
MAX_ENTRIES = 10_000
"""More annotations in one webhook than Label Studio ever sends: somebody is playing with the bell."""

LOOK_AT_MOST = 1_000
"""Tasks and annotations looked at for one burst of rings; the sweep reads what is left."""

IDS_AT_ONCE = 5_000
"""A database takes so many values in one question, and some not many more."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ring:
    """What one webhook rings for; nothing for other actions.

    Attributes:
        tasks: (project, task) of the annotations that it names as made or changed.
        deleted: Annotations that it names as gone.
    """

    action: str
    tasks: frozenset[tuple[int, int]] = frozenset()
    deleted: frozenset[int] = frozenset()


class _Annotation(BaseModel):
    id: Id
    task: Id
    project: Id


class _Gone(BaseModel):
    id: Id


class _One(BaseModel):
    action: Literal["ANNOTATION_CREATED", "ANNOTATION_UPDATED"]
    annotation: _Annotation


class _Many(BaseModel):
    action: Literal["ANNOTATIONS_CREATED"]
    annotation: list[_Annotation] = Field(max_length=MAX_ENTRIES)


class _Deleted(BaseModel):
    action: Literal["ANNOTATIONS_DELETED"]
    annotations: list[_Gone] = Field(max_length=MAX_ENTRIES)


class _Other(BaseModel):
    model_config = ConfigDict(extra="ignore")

    action: str = Field(max_length=100)


_Heard = TypeAdapter[_One | _Many | _Deleted](Annotated[_One | _Many | _Deleted, Field(discriminator="action")])
_ACTIONS = {"ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED", "ANNOTATIONS_DELETED"}


def read_ring(payload: object) -> Ring:
    """Return what a webhook's body rings for.

    Args:
        payload: Parsed JSON of any shape.

    Raises:
        BadInput: It is no Label Studio webhook, or one of a known action that lacks what it needs.
    """
    try:
        action = _Other.model_validate(payload).action
        if action not in _ACTIONS:
            return Ring(action)
        body = _Heard.validate_python(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadInput(f"this is no Label Studio webhook: {where}: {first['msg']}") from None
    if isinstance(body, _Deleted):
        return Ring(action, deleted=frozenset(entry.id for entry in body.annotations))
    named = [body.annotation] if isinstance(body, _One) else body.annotation
    return Ring(action, tasks=frozenset((annotation.project, annotation.task) for annotation in named))


def answer_rings(engine: Engine, server: AnnotationServer, rings: Iterable[Ring]) -> RecordReport:
    """Look at what rings are about, and write down what Label Studio says of it; doing so again changes nothing.

    Of a project that is not ours nothing is asked, nor of a deleted annotation that we never knew: what is not there
    yet cannot be deleted. Each task is read once, whoever rang for it.

    Args:
        engine: The catalogue.
        server: Label Studio.
        rings: Any number; nothing in them is believed.

    Raises:
        LabelStudioUnavailable: It does not answer: the sweep reads what rang.
        CatalogUnavailable: The catalogue cannot be read or written; as above.
    """
    rings = list(rings)
    tasks, known = _what_is_ours(engine, rings)
    total = RecordReport()
    seen: set[int] = set()
    for project_id, task_ids in _bounded(tasks).items():
        try:
            page = read_tasks(server, project_id, task_ids)
        except LabelStudioRefused as error:  # one project that is gone keeps none of the others waiting
            log.warning("what rang in project %d cannot be read: %s", project_id, error)
            continue
        seen.update(int(entry["id"]) for entry in page)
        recorded, _twins = record_tasks(engine, server, project_id, page, HEARD_BY)
        total += recorded
    # Where the task is there, its list has shown what is missing; where it is gone, each annotation is asked for.
    unseen = [annotation_id for annotation_id, task_id in known.items() if task_id not in seen][:LOOK_AT_MOST]
    gone = [annotation_id for annotation_id in unseen if is_annotation_gone(server, annotation_id)]
    return total + record_deletions(engine, gone) if gone else total


def _what_is_ours(engine: Engine, rings: Sequence[Ring]) -> tuple[dict[int, set[int]], dict[int, int | None]]:
    """Return the tasks to read by project, and the tasks of those deleted annotations that we know."""
    deleted = sorted({annotation_id for ring in rings for annotation_id in ring.deleted})
    tasks: dict[int, set[int]] = defaultdict(set)
    known: dict[int, int | None] = {}
    wanted = select(Answer.annotation_id, Question.project_id, Question.task_id).join(
        Question, col(Question.id) == col(Answer.question_id)
    )
    with reading(engine) as session:
        ours = our_projects(session)
        for ring in rings:
            for project_id, task_id in ring.tasks:
                if project_id in ours:
                    tasks[project_id].add(task_id)
        for start in range(0, len(deleted), IDS_AT_ONCE):
            some = deleted[start : start + IDS_AT_ONCE]
            there = wanted.where(col(Answer.annotation_id).in_(some), Answer.state != AnswerState.DELETED.value)
            for annotation_id, project_of_it, task_of_it in session.exec(there):
                known[annotation_id] = task_of_it
                if project_of_it is not None and task_of_it is not None:
                    tasks[project_of_it].add(task_of_it)
    return tasks, known


def _bounded(tasks: dict[int, set[int]]) -> dict[int, list[int]]:
    """Return as many of the tasks as are looked at for one burst."""
    left = LOOK_AT_MOST
    kept: dict[int, list[int]] = {}
    for project_id, ids in sorted(tasks.items()):
        kept[project_id] = sorted(ids)[:left]
        left -= len(kept[project_id])
    dropped = sum(len(ids) for ids in tasks.values()) - LOOK_AT_MOST
    if dropped > 0:
        log.warning(
            "%d tasks rang beyond the %d that are looked at at once: the sweep reads them", dropped, LOOK_AT_MOST
        )
    return {project_id: ids for project_id, ids in kept.items() if ids}
