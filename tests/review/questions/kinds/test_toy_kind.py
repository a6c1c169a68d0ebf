"""The proof that a kind of question is one file and one line: one that Labelline does not have goes all the way."""

from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.people_tables import Decision
from blocks.database.tables import Answer, AnswerState, QuestionState
from blocks.errors import UnknownQuestionKind
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.desk import ensure_accounts, find_desks, open_questions, submit
from infra.annotators.people import People
from tasks.review.consensus.agreement import measure_agreement
from tasks.review.consensus.answer_groups import CONSENSUS, read_groups
from tasks.review.consensus.comparers.registry import statements_about
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.registry import KINDS
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import unsent_queues
from tasks.review.questions.staffing import OverlapRule
from tasks.review.receiving.poll import read_all_changes
from tests.review.builders import Speaker, item_id, make_batch, post_slots, questions, slots_of
from tests.review.questions.kinds.count import COUNT, CountPayload

PEOPLE = People(count=2)


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line in the registry."""
    monkeypatch.setitem(KINDS, COUNT.name, COUNT)


def counting_queue(**wanted: object) -> Queue:
    facts = {"name": "count-cars", "kind": "count", "title": "How many?", "instructions": "Count.", "classes": ("car",)}
    return Queue.model_validate({**facts, "overlap": OverlapRule(least=2, most=3), **wanted})


def ask_to_count(engine: Engine, queue: Queue, items: int, collection: str = "lot") -> None:
    make_batch(engine, items=items, collection=collection)
    payload = CountPayload(class_name="car").model_dump(mode="json")
    write_questions(engine, queue, [Draft("b1", item_id(number), payload) for number in range(items)])


def typed(number: object) -> list[dict[str, object]]:
    return [{"id": "n", "type": "number", "from_name": "number", "to_name": IMAGE, "value": {"number": number}}]


@pytest.mark.label_studio
@pytest.mark.timeout(120)
def test_a_kind_of_ones_own_goes_from_the_outbox_to_a_decision(engine: Engine, label_studio: AnnotationServer) -> None:
    collection, queue = f"counted {uuid4().hex[:8]}", counting_queue()
    team = PEOPLE.named(queue.name)
    ask_to_count(engine, queue, items=2, collection=collection)
    for slot in unsent_queues(engine, queue, "b1", 0):
        post_questions(engine, label_studio, slot, "b1")
    accounts = ensure_accounts(label_studio, team)
    desks = find_desks(label_studio, collection)
    assert {(desk.queue, desk.kind) for desk in desks} == {(queue.name, "count")}
    for desk in desks:
        for question in open_questions(label_studio, desk):
            number = 3 if question.item_id == item_id(0) else 4
            submit(label_studio, question, typed(number), accounts[team[desk.slot - 1].email], 2.0)
    read_all_changes(engine, label_studio)

    assert weigh_answers(engine, queue, "b1").courses == {"settled": 2}
    with reading(engine) as session:
        decided = {row.question_id: row.step for row in session.exec(select(Decision))}
        said = {row.question_id: row.raw for row in session.exec(select(Answer).where(Answer.heard_by == CONSENSUS))}
        groups = read_groups(session, queue.name, "b1")
    asked = {row.id: row for row in questions(engine) if row.asked_id is None}
    assert decided == dict.fromkeys(asked, "settled")
    assert {row.state for row in asked.values()} == {QuestionState.ANSWERED}
    outcome = {asked[id_].item_id: raw for id_, raw in said.items()}
    assert outcome[item_id(0)] == [{"kind": "3", "verdict": "kind"}]
    assert outcome[item_id(1)] == [{"kind": "4", "verdict": "kind"}]
    agreement = measure_agreement([one for group in groups for one in statements_about(group, group.counted)])
    assert agreement.alpha == 1.0


@pytest.mark.parametrize("result", [[], typed(99), typed(2.5), [*typed(1), *typed(2)]])
def test_what_its_parse_refuses_is_set_aside(engine: Engine, result: list[dict[str, object]]) -> None:
    queue = counting_queue(overlap=None)
    ask_to_count(engine, queue, items=1)
    post_slots(engine, queue)
    Speaker(engine).say("ada@example.org", slots_of(engine, item_id(0), queue)[""], result)
    with reading(engine) as session:
        (answer,) = session.exec(select(Answer)).all()
    assert answer.state == AnswerState.SET_ASIDE
    assert "expected one whole number from 0 to 9" in (answer.reason or "")


def test_without_its_line_in_the_registry_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(KINDS, COUNT.name)
    with pytest.raises(UnknownQuestionKind, match="'count' is no kind of question"):
        counting_queue()
