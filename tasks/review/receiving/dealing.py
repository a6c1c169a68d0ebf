"""What one annotation says to each of the questions in its task: an answer to a strip is dealt out to its stills.

Each still gets what was drawn on its own image, each frame of a film what its tracks come to there. Skipping a strip
skips all of it. A still of which nothing can be used is set aside alone.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import ValidationError

from blocks.database.tables import Question
from blocks.errors import UnknownQuestionKind
from tasks.review.questions.kinds.boxes.strip import Strip, stills_in
from tasks.review.questions.kinds.registry import kind_named, read_payload
from tasks.review.questions.payload import Payload
from tasks.review.questions.queue import Queue
from tasks.review.receiving.annotations import HeardAnnotation, HeardTask
from tasks.review.receiving.reading import AnnotationReading, read_annotation

log = logging.getLogger(__name__)


def question_ids(task: HeardTask) -> tuple[str, ...]:
    """Return the questions that a task carries, in the order of its stills; one, or none, where it is no strip."""
    stills = stills_in(task.data)
    if task.question_id is None or (stills and task.question_id not in stills):
        return ()
    return stills or (task.question_id,)


def deal(
    task: HeardTask, annotation: HeardAnnotation, questions: Mapping[str, Question], queue: Queue
) -> Iterator[tuple[Question, HeardAnnotation, AnnotationReading]]:
    """Yield what an annotation of a task says to each of its questions.

    Args:
        task: Whose annotation it is.
        annotation: As it was heard.
        questions: By id; one that is not known, or of another project, is passed over.
        queue: Of the task's project.

    Yields:
        The question, the annotation with what of its result is the question's, and what that says.
    """
    ids = question_ids(task)
    if not stills_in(task.data):
        alone = questions[ids[0]]
        yield alone, annotation, read_annotation(alone, annotation, queue)
        return
    result, way = annotation.result, kind_named(queue.kind).together or Strip()
    is_dealt = isinstance(result, list) and not annotation.was_cancelled
    payloads = [_payload_of(questions.get(id_)) for id_ in ids]
    dealt = way.deal(payloads, result, queue.classes) if is_dealt else [[]] * len(ids)
    for id_, entries in zip(ids, dealt, strict=True):
        question = questions.get(id_)
        if question is None or question.project_id != task.project_id:
            log.warning("task %d names %r as one of its stills, which is no question of its project", task.id, id_)
            continue
        own = annotation.model_copy(update={"result": [entry for _, entry in entries]}) if is_dealt else annotation
        read = read_annotation(question, own, queue)
        # A part's position is that in what Label Studio sent.
        parts = tuple(replace(part, position=entries[part.position][0]) for part in read.parts)
        yield question, own, replace(read, parts=parts)


def _payload_of(question: Question | None) -> Payload | None:
    """Return what a question holds; None: it is not known, or cannot be read, which its own reading says."""
    try:
        return None if question is None else read_payload(question.payload)
    except (UnknownQuestionKind, ValidationError):
        return None
