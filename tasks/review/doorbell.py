"""The doorbell: what a Label Studio webhook says, checked strictly and written down. A hint, never the truth.

A webhook comes once, late, twice or forged (the gateway checks its secret header before it calls this); the sweep reads
what it missed. Waking the sleeping run is the caller's next step (`tasks.review.ask.wake_due`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import Engine

from blocks.errors import BadInput
from tasks.review.answers import RecordReport, record_annotations, record_deletions
from tasks.review.heard import HeardAnnotation, HeardTask, Id

HEARD_BY = "doorbell"
MAX_ENTRIES = 10_000
"""More annotations in one webhook than Label Studio ever sends: somebody is playing with the bell."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """What one webhook says: annotations of tasks, or annotations that are gone; neither for other actions."""

    action: str
    tasks: tuple[HeardTask, ...] = ()
    deleted: tuple[int, ...] = ()

    @property
    def people(self) -> set[int]:
        """Label Studio's numbers of the people whose answers it brings."""
        return {note.completed_by for task in self.tasks for note in task.annotations if note.completed_by}


@dataclass(frozen=True, slots=True)
class HeardReport:
    """What became of one webhook."""

    action: str
    recorded: RecordReport = field(default_factory=RecordReport)

    @property
    def changed_anything(self) -> bool:
        """Whether a run may have become due."""
        return bool(self.recorded.new or self.recorded.deleted)


class _Annotation(HeardAnnotation):
    task: Id
    project: Id


class _Task(BaseModel):
    id: Id
    data: dict[str, Any]


class _Gone(BaseModel):
    id: Id


class _One(BaseModel):
    action: Literal["ANNOTATION_CREATED", "ANNOTATION_UPDATED"]
    annotation: _Annotation
    task: _Task


class _Many(BaseModel):
    action: Literal["ANNOTATIONS_CREATED"]
    annotation: list[_Annotation] = Field(max_length=MAX_ENTRIES)
    task: list[_Task] = Field(max_length=MAX_ENTRIES)


class _Deleted(BaseModel):
    action: Literal["ANNOTATIONS_DELETED"]
    annotations: list[_Gone] = Field(max_length=MAX_ENTRIES)


class _Other(BaseModel):
    model_config = ConfigDict(extra="ignore")

    action: str = Field(max_length=100)


_Heard = TypeAdapter[_One | _Many | _Deleted](Annotated[_One | _Many | _Deleted, Field(discriminator="action")])
_ACTIONS = {"ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED", "ANNOTATIONS_DELETED"}


def annotations_in_webhook(payload: object) -> Webhook:
    """Parse a webhook's body.

    Args:
        payload: Parsed JSON of any shape.

    Raises:
        BadInput: It is no Label Studio webhook, or one of a known action that lacks what it needs.
    """
    try:
        action = _Other.model_validate(payload).action
        if action not in _ACTIONS:
            return Webhook(action)
        body = _Heard.validate_python(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadInput(f"this is no Label Studio webhook: {where}: {first['msg']}") from None
    if isinstance(body, _Deleted):
        return Webhook(action, deleted=tuple(entry.id for entry in body.annotations))
    if isinstance(body, _One):
        return Webhook(action, tasks=(_heard_task(body.annotation, {body.task.id: body.task}),))
    by_id = {task.id: task for task in body.task}
    return Webhook(action, tasks=tuple(_heard_task(annotation, by_id) for annotation in body.annotation))


def hear(engine: Engine, payload: object, learn: Callable[[set[int]], None] | None = None) -> HeardReport:
    """Write down what a webhook says; hearing it again changes nothing.

    Args:
        engine: The catalogue.
        payload: The webhook's body, parsed from JSON. Its secret has been checked by the caller.
        learn: Called first with the numbers of the people in it: a webhook does not say their names.

    Raises:
        BadInput: It is no Label Studio webhook.
        CatalogUnavailable: The catalogue cannot be written; the sweep will hear the answer again.
    """
    webhook = annotations_in_webhook(payload)
    if webhook.deleted:
        return HeardReport(webhook.action, record_deletions(engine, webhook.deleted))
    if webhook.tasks:
        if learn is not None:
            learn(webhook.people)
        return HeardReport(webhook.action, record_annotations(engine, webhook.tasks, HEARD_BY))
    return HeardReport(webhook.action)


def _heard_task(annotation: _Annotation, tasks: dict[int, _Task]) -> HeardTask:
    task = tasks.get(annotation.task)
    if task is None:
        raise BadInput(
            f"this is no Label Studio webhook: annotation {annotation.id} is of task {annotation.task}, "
            f"which is not in it (tasks: {sorted(tasks)[:5]})"
        )
    return HeardTask(id=task.id, project_id=annotation.project, data=task.data, annotations=(annotation,))
