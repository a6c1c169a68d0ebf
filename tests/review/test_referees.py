"""Simulated people who disagree, and a simulated referee who decides, all through a real Label Studio."""

from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.people_tables import Decision
from blocks.database.tables import Answer, AnswerState, Question, QuestionState
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import AnnotatorBox, KnownWorld, TruePicture
from tasks.review.consensus.answer_groups import CONSENSUS
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.queue import MARK_MISSED, Queue
from tasks.review.questions.slots import is_for_referees, unsent_queues
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.receiving.poll import read_all_changes
from tests.review.builders import CLASSES, HEIGHT, QUEUE, WIDTH, item_id, make_batch, questions, write_missed

pytestmark = pytest.mark.label_studio

ITEMS = 6
CARS = tuple(AnnotatorBox("car", (100.0 + 300 * n, 200.0, 260.0 + 300 * n, 300.0)) for n in range(4))
PEOPLE = People(count=2, skill=0.6, referees=1, referee_skill=1.0, seed=3)


def mails(referees: bool) -> tuple[str, ...]:
    people = PEOPLE.referees_of(MARK_MISSED) if referees else PEOPLE.named(MARK_MISSED)
    return tuple(person.email for person in people)


QUEUE_OF_TWO = QUEUE.with_pool(
    AnnotatorPool(annotators=mails(referees=False), referees=mails(referees=True), overlap=OverlapRule(least=2, most=2))
)


def work(engine: Engine, server: AnnotationServer, people: People, collection: str, queue: Queue) -> None:
    """Post, answer and weigh until nobody is asked any more."""
    pictures = {item_id(n): TruePicture(f"{n}.jpg", (WIDTH, HEIGHT), CARS) for n in range(ITEMS)}
    world = KnownWorld(pictures, CLASSES)
    while True:
        for part in unsent_queues(engine, queue, "b1", 0):
            post_questions(engine, server, part, "b1")
        Simulation(server, world, collection, people).run(lambda: True, poll_s=0.1)
        read_all_changes(engine, server)
        if not weigh_answers(engine, queue, "b1").opened:
            return


def asked(engine: Engine, collection: str) -> None:
    make_batch(engine, items=ITEMS, collection=collection)
    write_missed(engine, queue=QUEUE_OF_TWO)


def slots_for_referees(engine: Engine) -> dict[str, Question]:
    return {row.asked_id or "": row for row in questions(engine) if is_for_referees(row.queue)}


@pytest.mark.timeout(120)
def test_a_disagreement_goes_to_a_referee_whose_word_settles_it(engine: Engine, label_studio: AnnotationServer) -> None:
    collection = f"referees {uuid4().hex[:8]}"
    asked(engine, collection)
    work(engine, label_studio, PEOPLE, collection, QUEUE_OF_TWO)
    disputed = slots_for_referees(engine)
    assert 0 < len(disputed) <= ITEMS
    assert {row.state for row in questions(engine) if row.asked_id is None} == {QuestionState.ANSWERED}
    with reading(engine) as session:
        counted = session.exec(select(Answer).where(Answer.state == AnswerState.COUNTED.value)).all()
        decided = {row.question_id: row for row in session.exec(select(Decision))}
        outcomes = {row.question_id: row for row in counted if row.heard_by == CONSENSUS}
    by_people = [row for row in counted if row.heard_by != CONSENSUS]
    by_referees = {row.question_id for row in by_people if row.person in mails(referees=True)}
    assert by_referees == {slot.id for slot in disputed.values()}
    for question_id, slot in disputed.items():
        assert (decided[question_id].step, decided[question_id].people) == ("settled", list(mails(referees=True)))
        assert {box["id"] for box in slot.payload["boxes"]}, "the referee saw what the others had said"
        said = [AnsweredBox.model_validate(box) for box in outcomes[question_id].raw]
        assert [box.class_name for box in said] == ["car"] * len(CARS)
    assert len([row for row in by_people if row.person in mails(referees=False)]) == 2 * ITEMS, "what they said is kept"


@pytest.mark.timeout(120)
def test_without_a_referee_the_disputed_stay_open(engine: Engine, label_studio: AnnotationServer) -> None:
    collection = f"referees {uuid4().hex[:8]}"
    asked(engine, collection)
    work(engine, label_studio, PEOPLE.model_copy(update={"referees": 0}), collection, QUEUE_OF_TWO)
    disputed = slots_for_referees(engine)
    assert disputed
    assert {slot.state for slot in disputed.values()} == {QuestionState.POSTED}
    with reading(engine) as session:
        states = session.exec(select(Question.state).where(col(Question.id).in_(disputed))).all()
    assert set(states) == {QuestionState.SHARED}


def test_referees_are_other_people_with_a_skill_of_their_own() -> None:
    assert not set(mails(referees=False)) & set(mails(referees=True))
    assert {person.habits.skill for person in PEOPLE.referees_of(MARK_MISSED)} == {1.0}
    assert {person.habits.skill for person in PEOPLE.named(MARK_MISSED)} == {0.6}
    assert People().referees_of(MARK_MISSED) == ()
