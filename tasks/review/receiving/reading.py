"""What one annotation says, in our own form: what counts of it, what does not, and why.

Split from `record.py`, which writes it down.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from blocks.database.tables import AnswerState, Question
from blocks.errors import BadInput, UnknownQuestionKind
from tasks.review.questions.kinds.registry import kind_named, read_payload
from tasks.review.questions.parts import SetAsidePart
from tasks.review.questions.queue import Queue
from tasks.review.questions.skip_reasons import reason_of
from tasks.review.receiving.annotations import HeardAnnotation
from tasks.review.receiving.copies import reason_if_nobodys


@dataclass(frozen=True, slots=True)
class AnnotationReading:
    """What an annotation is worth."""

    state: AnswerState
    reason: str | None
    raw: list[dict[str, Any]]
    """What it says in our own form where it counts, else as it came."""
    parts: tuple[SetAsidePart, ...] = ()
    """What of a counted answer does not count."""


def read_annotation(question: Question, annotation: HeardAnnotation, queue: Queue) -> AnnotationReading:
    """Return what an annotation says to a question of a queue; nothing of it is refused without being kept."""
    try:
        payload = read_payload(question.payload)
    except (UnknownQuestionKind, ValidationError) as error:
        told = f"the question's own payload cannot be read: {error}"
        return AnnotationReading(AnswerState.SET_ASIDE, told, annotation.raw)
    nobodys = reason_if_nobodys(annotation, payload)
    if nobodys is not None:
        return AnnotationReading(AnswerState.SET_ASIDE, nobodys, annotation.raw)
    if annotation.was_cancelled:
        return AnnotationReading(AnswerState.SKIPPED, reason_of(annotation.result), annotation.raw)
    if not isinstance(annotation.result, list):
        told = f"its result is no list (got {annotation.result!r:.80})"
        return AnnotationReading(AnswerState.SET_ASIDE, told, annotation.raw)
    try:
        said = kind_named(payload.type).parse(payload, annotation.result, queue)
    except BadInput as error:
        return AnnotationReading(AnswerState.SET_ASIDE, str(error), annotation.raw)
    return AnnotationReading(AnswerState.COUNTED, None, said.said, said.parts)
