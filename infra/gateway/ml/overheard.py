"""An answer as the doorbell hears it, before it is in the catalogue: known at once, and believed for seconds only.

Label Studio rings inside the request in which somebody submits, and the next question is opened right after it. What
rings is written down a moment later, and only what then stands in the catalogue goes on being known.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import AnswerState, Batch, Question
from infra.gateway.ml.told import Voice, taught_by
from tasks.review.questions.bookmarks import queues_by_project
from tasks.review.receiving.annotations import HeardAnnotation, Id
from tasks.review.receiving.reading import read_annotation
from tasks.review.receiving.record import answer_id

CHANGED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")
GONE = "ANNOTATIONS_DELETED"


@dataclass(frozen=True, slots=True)
class Overheard:
    """What a webhook says of one annotation.

    Attributes:
        annotation_id: Of which.
        task: Project and task; None: it is gone, and nothing says where it was.
        annotation: What it says now; None: it is gone.
    """

    annotation_id: int
    task: tuple[int, int] | None = None
    annotation: HeardAnnotation | None = None


class _NamedAnnotation(BaseModel):
    id: Id
    task: Id
    project: Id


class _GoneAnnotation(BaseModel):
    id: Id


def overheard_in(body: bytes) -> list[Overheard]:
    """Return what a webhook says of single annotations; nothing of whatever else it is."""
    try:
        payload = from_json(body)
        if not isinstance(payload, dict):
            return []
        if payload.get("action") == GONE:
            return [Overheard(_GoneAnnotation.model_validate(one).id) for one in payload.get("annotations") or ()]
        if payload.get("action") not in CHANGED:
            return []
        place = _NamedAnnotation.model_validate(payload.get("annotation"))
        said = HeardAnnotation.model_validate(payload["annotation"])
    except (ValueError, TypeError, ValidationError):
        return []
    return [Overheard(place.id, (place.project, place.task), said)]


@dataclass(frozen=True, slots=True)
class HeardVoice:
    """What was overheard of an item; no voice: it says nothing that counts."""

    collection: str
    item_id: str
    question_id: str
    voice: Voice | None


def place_heard(engine: Engine, heard: Overheard) -> HeardVoice | None:
    """Return whose answer it is, and what it says; None: it is to no open question of ours about a whole item."""
    if heard.task is None or heard.annotation is None:
        return None
    project_id, task_id = heard.task
    query = select(Question, Batch.collection).join(Batch, col(Batch.id) == Question.batch_id)
    with reading(engine) as session:
        found = session.exec(query.where(Question.task_id == task_id, Question.project_id == project_id)).first()
        queue = queues_by_project(session, [project_id]).get(project_id)
    if found is None or queue is None or found[0].gold_id is not None:
        return None
    question, collection = found
    read = read_annotation(question, heard.annotation, queue)
    voice = None
    if read.state is AnswerState.COUNTED:
        recency = question.round, heard.annotation.updated_at
        taught = taught_by(question.payload, read.raw)
        is_slot = question.asked_id is not None
        voice = Voice(answer_id(heard.annotation), heard.annotation_id, question.id, is_slot, recency, taught)
    return HeardVoice(collection, question.item_id, question.id, voice)
