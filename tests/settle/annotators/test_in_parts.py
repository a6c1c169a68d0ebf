"""An audited picture in parts, each answered by two people: weighed part by part, and measured as one picture."""

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Audit, Label, Outcome, Question, QuestionState, Route
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.questions.kinds.boxes.regions import ShownBox, to_regions
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.audited_people import audited_people
from tasks.settle.labels import settle
from tests.review.builders import QUEUE, Edges, ProposedBox, Speaker, item_id, make_batch, post_slots, questions

TWO = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))
PLACES: list[Edges] = [(x, y, x + 60, y + 40) for x in (100.0, 700.0, 1300.0, 1800.0) for y in (100.0, 600.0, 1100.0)]


def objects_in(question: Question) -> list[Edges]:
    frame = CorrectPayload.model_validate(question.payload).part
    assert frame is not None
    x_min, y_min, x_max, y_max = frame.frame
    return [e for e in PLACES if x_min <= (e[0] + e[2]) / 2 < x_max and y_min <= (e[1] + e[3]) / 2 < y_max]


def answer(speaker: Speaker, person: str, question: Question, leave_out: frozenset[Edges]) -> None:
    payload = CorrectPayload.model_validate(question.payload)
    assert payload.part is not None
    boxes = [
        ShownBox(id=f"{person[0]}{n}", class_name="car", score=0, x_min=e[0], y_min=e[1], x_max=e[2], y_max=e[3])
        for n, e in enumerate(objects_in(question))
        if e not in leave_out
    ]
    speaker.say(person, question, to_regions(payload.part.shown(boxes), *payload.part.size_wh))


def test_parts_are_weighed_by_themselves_and_settle_as_one_item(engine: Engine) -> None:
    boxes: list[ProposedBox] = [("car", 0.9, Outcome.ACCEPT, edges) for edges in PLACES]
    make_batch(engine, items=1, boxes=boxes, routes={0: Route.AUDIT})
    with writing(engine) as session:
        upsert(session, Audit, [{"batch_id": "b1", "item_id": item_id(0), "why": "random", "seed": 0}])
    write_once(engine, TWO, "b1", 0, draft_missed(engine, TWO, "b1", parts=PartOptions()))
    post_slots(engine, TWO)
    asked = [one for one in questions(engine) if one.asked_id is None]
    assert len(asked) > 2 and all(not one.payload["boxes"] for one in asked)
    speaker = Speaker(engine)
    missed = frozenset({PLACES[5]})
    for question in questions(engine):
        if question.asked_id is not None:
            ada = question.queue.endswith("~1")
            person = "ada@example.org" if ada else "ben@example.org"
            answer(speaker, person, question, frozenset() if ada else missed)
    weigh_answers(engine, TWO, "b1", is_last=True)
    report = settle(engine, "b1", "d1", "r1")
    assert (report.items_settled, report.labels) == (1, len(PLACES))
    with reading(engine) as session:
        labels = session.exec(select(Label)).all()
        states = {one.state for one in session.exec(select(Question)) if one.asked_id is None}
    assert states == {QuestionState.ANSWERED}
    assert len({label.answer_id for label in labels}) == sum(bool(objects_in(one)) for one in asked)
    people = {one.person[:3]: one for one in audited_people(engine, "b1").people}
    assert (people["ada"].items, people["ben"].items) == (1, 1), "it is one picture, however it was asked"
    assert people["ben"].found == people["ben"].objects - 1
