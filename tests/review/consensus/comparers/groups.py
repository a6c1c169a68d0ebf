"""Questions with what people said to them, without a catalogue."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from blocks.database.tables import AnswerState, QuestionState
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.questions.payload import Payload
from tests.review.builders import NOON


def group_of(payload: Payload, id_: str = "q", **said: Sequence[dict[str, Any]]) -> Group:
    """Return a question that people answered in slots, in the order given; by person what counts."""
    answers = tuple(
        SlotAnswer(
            answer_id=f"{id_} {person}",
            slot=f"queue~{number}",
            person=person,
            annotation_id=number,
            answered_at=NOON + timedelta(minutes=number),
            state=AnswerState.COUNTED,
            raw=list(raw),
        )
        for number, (person, raw) in enumerate(said.items(), start=1)
    )
    slots = {one.slot: QuestionState.ANSWERED for one in answers}
    return Group(id_, "item", "", payload, 0.0, QuestionState.SHARED, slots, answers, None, None)
