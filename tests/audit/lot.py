"""A batch of a parking lot for the tests of risk control: cars with scores, some wrong, and people who know which."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import Judgement, Said
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, Proposal, Question, QuestionState, utc_now
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.detect.refs import Scope
from tasks.review.drafts.box_checks import confirm_again_queue, confirm_box_queue, draft_confirms, draft_confirms_again
from tasks.review.drafts.items_and_kinds import write_once
from tasks.triage.options import TriageOptions
from tests.triage.rows import BATCH, DETECTOR, RECIPE, Box, add_batch, add_scan, car

SCOPE = Scope(BATCH, DETECTOR, RECIPE)
CLASSES = ("car", "truck")
TRIAGE = TriageOptions(image_outliers=False)
RISK_CONTROL = RiskControlOptions(boxes_per_class=300)
_numbers = count(1)

Judge = Callable[[str], Said | None]
"""What a person says of a proposal, by its id; None: nothing yet."""


@dataclass(frozen=True)
class Lot:
    """A batch in a catalogue, and the ids of its proposals, the first `wrong` of them wrong."""

    engine: Engine
    items: list[str]
    proposals: list[str]

    def all_right(self, _proposal_id: str) -> Said:
        return Said.RIGHT

    def except_first(self, wrong: int) -> Judge:
        bad = set(self.proposals[:wrong])
        return lambda proposal_id: Said.NOTHING if proposal_id in bad else Said.RIGHT


def make_lot(
    engine: Engine, items: int = 70, boxes: int = 10, special: Mapping[int, Sequence[Box]] | None = None
) -> Lot:
    """Write a batch of `items` times `boxes` cars whose scores spread over 0.5 to 1, best first in each item.

    Items named in `special` have these boxes instead.
    """
    spread = np.linspace(0.5, 0.99, boxes)[::-1]
    usual = [car(float(score), x=50.0 * place) for place, score in enumerate(spread)]
    ids = add_batch(engine, items)
    proposals = [
        proposal_id
        for number, item_id in enumerate(ids)
        for proposal_id in add_scan(engine, item_id, (special or {}).get(number, usual))
    ]
    return Lot(engine, ids, proposals)


def answer_all(engine: Engine, judge: Judge, again: Judge | None = None) -> None:
    """Write the confirm questions and let a person answer; what is not called right is looked at `again`."""
    first, second = confirm_box_queue(CLASSES), confirm_again_queue(CLASSES)
    write_once(engine, first, BATCH, 0, draft_confirms(engine, BATCH))
    answer_queue(engine, first.name, judge)
    write_once(engine, second, BATCH, 0, draft_confirms_again(engine, BATCH))
    answer_queue(engine, second.name, again or judge)


def answer_queue(engine: Engine, queue: str, judge: Judge, state: AnswerState = AnswerState.COUNTED) -> None:
    """Answer the open questions of a queue."""
    with reading(engine) as session:
        asked = session.exec(select(Question).where(Question.queue == queue)).all()
    said = [(question, judge(question.subject)) for question in asked]
    write_answers(engine, [(question, word) for question, word in said if word is not None], state)


def answer(engine: Engine, question: Question, said: Said, state: AnswerState = AnswerState.COUNTED) -> None:
    """Let a person answer one question."""
    write_answers(engine, [(question, said)], state)


def write_answers(engine: Engine, said: Sequence[tuple[Question, Said]], state: AnswerState) -> None:
    rows = [
        {
            "id": f"answer-{number}",
            "question_id": question.id,
            "annotation_id": number,
            "person": "ann@example.org",
            "seconds": 1.6,
            "state": state.value,
            "raw": [{"said": word.value}],
            "answered_at": utc_now(),
            "heard_by": "poll",
        }
        for (question, word), number in zip(said, _numbers, strict=False)
    ]
    with writing(engine) as session:
        upsert(session, Answer, rows)
        if state is AnswerState.COUNTED:
            for question, _ in said:
                session.get_one(Question, question.id).state = QuestionState.ANSWERED.value


def judgements(engine: Engine) -> list[Judgement]:
    with reading(engine) as session:
        return list(session.exec(select(Judgement).order_by(Judgement.class_name, Judgement.rank)))


def score_of(engine: Engine, proposal_id: str) -> float:
    with reading(engine) as session:
        return session.get_one(Proposal, proposal_id).score
