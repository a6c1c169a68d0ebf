"""Gold in the running line: hidden among the others, never a question of the batch, and the end of careless work."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select, update

from blocks.database.engine import reading, writing
from blocks.database.people_tables import Gold, Standing
from blocks.database.tables import AnswerState, Batch, Question, utc_now
from blocks.errors import BadOption
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.until import Until, close_rest, is_met, progress
from tasks.review.gold.annotator_status import reinstate, standing_of_people
from tasks.review.gold.marks import mark_gold, retire_gold
from tasks.review.gold.pool import hide_gold
from tasks.review.questions.staffing import AnnotatorPool, GoldRule, OverlapRule
from tests.review.builders import (
    QUEUE,
    Edges,
    Speaker,
    answer_alike,
    answers,
    make_batch,
    post_slots,
    questions,
    region,
    write_missed,
)

HERE: Edges = (100.0, 100.0, 220.0, 180.0)
NOWHERE: Edges = (900.0, 700.0, 960.0, 740.0)
A, B, E = (f"{name}@example.org" for name in ("ada", "ben", "engineer"))
RULE = GoldRule(share=0.4, min_accuracy=0.5, trial=5, window=10)
GOLDEN = QUEUE.with_pool(AnnotatorPool(gold=RULE))
KNOWN, ASKED = 10, 12


@pytest.fixture
def people(engine: Engine) -> Speaker:
    """Ten questions of an earlier, settled batch, marked as gold: a car is at `HERE` on each. Twelve new ones."""
    speaker = answer_alike(engine, KNOWN, E, HERE)
    for question in questions(engine):
        mark_gold(engine, question.id, "an engineer")
    settle_now(engine, "b0")
    make_batch(engine, items=ASKED, first=100)
    return speaker


def settle_now(engine: Engine, batch_id: str) -> None:
    with writing(engine) as session:
        session.exec(update(Batch).where(col(Batch.id) == batch_id).values(settled_at=utc_now()))


def start(engine: Engine, queue: object = GOLDEN) -> None:
    write_missed(engine, queue=queue)  # type: ignore[arg-type]
    post_slots(engine, queue)  # type: ignore[arg-type]


def of_slot(engine: Engine, slot: int) -> list[Question]:
    return [one for one in questions(engine) if one.queue == f"mark-missed~{slot}"]


def standing(engine: Engine, person: str) -> Standing | None:
    with reading(engine) as session:
        return session.get(Standing, ("mark-missed", person))


def test_gold_is_hidden_at_its_share_and_is_no_question_of_the_batch(engine: Engine, people: Speaker) -> None:
    start(engine)
    slot = of_slot(engine, 1)
    gold = [one for one in slot if one.gold_id]
    assert (len(gold), len(slot)) == (8, 20)
    assert (progress(engine, "mark-missed", "b1").asked, ASKED) == (12, 12)
    plain = next(one for one in slot if not one.gold_id)
    assert gold[0].payload.keys() == plain.payload.keys()
    assert {one.batch_id for one in gold} == {"b1"}


def test_a_line_waits_for_its_gold_since_that_tells_whose_answers_count(engine: Engine, people: Speaker) -> None:
    start(engine)
    for one in of_slot(engine, 1):
        if not one.gold_id:
            people.say(A, one, [region("a", edges=HERE)])
    weigh_answers(engine, GOLDEN, "b1")
    now = progress(engine, "mark-missed", "b1")
    assert (now.answered, now.gold_open) == (ASKED, 8)
    assert (is_met(now, Until()), is_met(now, Until(share=0.9))) == (False, True)
    for one in of_slot(engine, 1):
        if one.gold_id:
            people.say(A, one, [region("a", edges=HERE)])
    assert is_met(progress(engine, "mark-missed", "b1"), Until())


def test_gold_that_nobody_answered_in_time_is_closed(engine: Engine, people: Speaker) -> None:
    start(engine)
    weigh_answers(engine, GOLDEN, "b1", is_last=True)
    assert close_rest(engine, "mark-missed", "b1", 0, "pass_on") == ASKED
    assert {one.state for one in questions(engine) if one.batch_id == "b1"} == {"closed"}


def test_gold_lies_between_the_others_and_not_at_one_end(engine: Engine, people: Speaker) -> None:
    start(engine)
    for number, one in enumerate(sorted(of_slot(engine, 1), key=lambda one: one.id)):
        assert 0 <= one.priority <= 1, number
    gold = [one.priority for one in of_slot(engine, 1) if one.gold_id]
    plain = [one.priority for one in of_slot(engine, 1) if not one.gold_id]
    assert min(plain) <= min(gold) <= max(gold) <= max(plain)


def test_hiding_it_again_hides_no_more(engine: Engine, people: Speaker) -> None:
    start(engine)
    before = questions(engine)
    assert hide_gold(engine, GOLDEN, "b1") == 8
    assert questions(engine) == before


def test_an_empty_pool_hides_nothing(engine: Engine) -> None:
    make_batch(engine, items=3)
    start(engine)
    assert [one for one in questions(engine) if one.gold_id] == []


def test_retired_gold_and_gold_of_other_collections_is_not_asked(engine: Engine, people: Speaker) -> None:
    with reading(engine) as session:
        ids = [gold.id for gold in session.exec(select(Gold).order_by(Gold.id))]
    for id_ in ids[2:]:
        retire_gold(engine, id_)
    start(engine)
    assert sorted(one.gold_id or "" for one in of_slot(engine, 1) if one.gold_id) == ids[:2]
    make_batch(engine, items=5, first=200, batch_id="b2", collection="another")
    write_missed(engine, "b2", GOLDEN)
    assert [one for one in questions(engine) if one.batch_id == "b2" and one.gold_id] == []


def test_what_two_agreed_on_in_a_settled_batch_becomes_gold(engine: Engine) -> None:
    two = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))
    make_batch(engine, items=2, batch_id="b0")
    write_missed(engine, "b0", two)
    post_slots(engine, two)
    speaker = Speaker(engine)
    for one in of_slot(engine, 1) + of_slot(engine, 2):
        speaker.say(A if one.queue.endswith("1") else B, one, [region("r", edges=HERE)])
    weigh_answers(engine, two, "b0")
    make_batch(engine, items=4, first=100)
    settle_now(engine, "b0")
    start(engine)
    with reading(engine) as session:
        pool = session.exec(select(Gold)).all()
    assert {gold.why for gold in pool} == {f"agreed on by {A}, {B}"}
    assert len([one for one in questions(engine) if one.gold_id]) == 2


def test_a_careless_person_is_stopped_and_what_they_said_is_asked_again(engine: Engine, people: Speaker) -> None:
    start(engine)
    for one in of_slot(engine, 1):
        people.say(B, one, [region("b", edges=NOWHERE)])
    weighed = weigh_answers(engine, GOLDEN, "b1")
    assert (weighed.uncounted, weighed.opened, weighed.courses) == (ASKED, ASKED, {"ask_more": ASKED})
    stopped = standing(engine, B)
    assert stopped is not None and (stopped.state, stopped.passed) == ("suspended", 0)
    assert "are asked again" in stopped.reason

    post_slots(engine, GOLDEN)
    first, *others = of_slot(engine, 2)
    assert not any(one.gold_id for one in (first, *others))
    people.say(B, first, [region("b", edges=HERE)])  # they go on all the same: it does not count
    for one in others:
        people.say(A, one, [region("a", edges=HERE)])
    assert weigh_answers(engine, GOLDEN, "b1").courses == {"ask_more": 1, "settled": ASKED - 1}
    post_slots(engine, GOLDEN)
    (again,) = of_slot(engine, 3)
    people.say(A, again, [region("a", edges=HERE)])
    weigh_answers(engine, GOLDEN, "b1")
    assert progress(engine, "mark-missed", "b1").answered == ASKED
    with reading(engine) as session:
        assert len(session.exec(select(Question).where(col(Question.gold_id).is_not(None))).all()) == 8


def test_who_passes_gold_is_left_alone(engine: Engine, people: Speaker) -> None:
    start(engine)
    for one in of_slot(engine, 1):
        people.say(A, one, [region("a", edges=HERE)])
    weighed = weigh_answers(engine, GOLDEN, "b1")
    assert (weighed.uncounted, weighed.courses) == (0, {"settled": ASKED})
    well = standing(engine, A)
    assert well is not None and (well.state, well.passed, well.of) == ("good", 8, 8)


def test_a_suspension_that_is_lifted_gives_the_answers_back(engine: Engine, people: Speaker) -> None:
    start(engine)
    for one in of_slot(engine, 1):
        people.say(B, one, [region("b", edges=NOWHERE)])
    weigh_answers(engine, GOLDEN, "b1")
    reinstate(engine, "mark-missed", B)
    weigh_answers(engine, GOLDEN, "b1")
    assert AnswerState.UNCOUNTED not in {row.state for row in answers(engine)}
    lifted = standing(engine, B)
    assert lifted is not None and (lifted.state, lifted.suspended_since) == ("on_trial", None)
    with pytest.raises(BadOption, match="has no standing"):
        reinstate(engine, "mark-missed", "nobody@example.org")


def test_labels_of_settled_batches_are_not_taken_back(engine: Engine, people: Speaker) -> None:
    start(engine)
    plain = [one for one in of_slot(engine, 1) if not one.gold_id]
    for one in plain:
        people.say(B, one, [region("b", edges=NOWHERE)])
    weigh_answers(engine, GOLDEN, "b1")
    settle_now(engine, "b1")
    for one in of_slot(engine, 1):
        if one.gold_id:
            people.say(B, one, [region("b", edges=NOWHERE)])
    (found,) = standing_of_people(engine, GOLDEN).values()
    assert (found.state, found.ask_again) == ("suspended", ())


def test_what_nothing_is_known_of_cannot_be_gold(engine: Engine, people: Speaker) -> None:
    start(engine)
    slot = of_slot(engine, 1)[0].id
    for id_ in ("no such question", slot):
        with pytest.raises(BadOption, match="cannot be gold"):
            mark_gold(engine, id_, "an engineer")


def test_gold_answers_are_judged_in_the_order_in_which_they_were_given(engine: Engine, people: Speaker) -> None:
    start(engine)
    gold = [one for one in of_slot(engine, 1) if one.gold_id]
    for one in gold:
        people.say(B, one, [region("b", edges=HERE)])
    before = standing_of_people(engine, GOLDEN)[B]
    assert before.good_until is not None
    assert before.good_until - answers(engine)[0].answered_at > timedelta(minutes=5)
