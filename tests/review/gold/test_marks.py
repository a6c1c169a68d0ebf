"""What an operator says of gold: named as it is met, marked once, corrected, retired, and seen with its results."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.people_tables import Gold
from blocks.database.tables import Item, Question
from blocks.errors import BadOption
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.skill_history import read_gold_said
from tasks.review.gold.annotator_status import reinstate
from tasks.review.gold.marks import gold_meant, mark_gold, question_meant, retire_gold
from tasks.review.gold.results import gold_results, known_standings
from tasks.review.questions.queue import confirm_page_queue
from tasks.review.questions.staffing import AnnotatorPool, GoldRule
from tests.review.builders import (
    QUEUE,
    Edges,
    Speaker,
    answer_alike,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    write_missed,
)

HERE: Edges = (100.0, 100.0, 220.0, 180.0)
NOWHERE: Edges = (900.0, 700.0, 960.0, 740.0)
A, B, E = (f"{name}@example.org" for name in ("ada", "ben", "engineer"))
GOLDEN = QUEUE.with_pool(AnnotatorPool(gold=GoldRule(share=0.4, min_accuracy=0.5, trial=5, window=10)))


@pytest.fixture
def answered(engine: Engine) -> Speaker:
    """Six questions that somebody answered: a car is at `HERE` on each."""
    return answer_alike(engine, 6, E, HERE)


def of_item(engine: Engine, number: int) -> Question:
    return next(one for one in questions(engine) if one.item_id == item_id(number) and one.asked_id is None)


def gold(engine: Engine) -> dict[str, Gold]:
    with reading(engine) as session:
        return {row.id: row for row in session.exec(select(Gold))}


def asked_with_gold(engine: Engine) -> list[Question]:
    """Hide all gold in a batch of ten, and return the hidden questions."""
    make_batch(engine, items=10, first=100)
    write_missed(engine, queue=GOLDEN)
    post_slots(engine, GOLDEN)
    return [one for one in questions(engine) if one.gold_id]


def test_a_question_is_named_by_its_id_its_items_the_beginning_of_either_or_its_picture(
    engine: Engine, answered: Speaker
) -> None:
    one = of_item(engine, 3)
    for what in (one.id, one.id[:8], one.item_id, one.item_id[:8], f"{one.item_id[:6]}.jpg"):
        assert question_meant(engine, "mark-missed", what) == one.id
    assert question_meant(engine, "mark-missed", one.id, "lot") == one.id


def test_a_slot_stands_for_the_question_that_it_asks(engine: Engine, answered: Speaker) -> None:
    make_batch(engine, items=2, first=50, batch_id="b9")
    write_missed(engine, "b9", GOLDEN)
    slot = next(one for one in questions(engine) if one.queue == "mark-missed~1")
    assert question_meant(engine, "mark-missed~1", slot.id) == slot.asked_id


@pytest.mark.parametrize("what", ["", "x.jpg", "%", "______", "abc", "0" * 64])
def test_what_names_no_question_is_refused_with_what_was_expected(engine: Engine, answered: Speaker, what: str) -> None:
    with pytest.raises(BadOption, match="expected the id of a question or an item, 6 characters"):
        question_meant(engine, "mark-missed", what)
    with pytest.raises(BadOption, match="labelline gold"):
        gold_meant(engine, "mark-missed", what)


def test_a_queue_that_never_asked_is_refused_with_the_known_ones(engine: Engine, answered: Speaker) -> None:
    with pytest.raises(BadOption, match=r"known: mark-missed\)\. Did you mean 'mark-missed'"):
        question_meant(engine, "mark-mised", item_id(0))


def test_another_collection_is_not_searched(engine: Engine, answered: Speaker) -> None:
    with pytest.raises(BadOption, match="of collection 'other'"):
        question_meant(engine, "mark-missed", item_id(0), "other")


def test_of_several_pictures_with_one_name_none_is_taken_by_chance(engine: Engine, answered: Speaker) -> None:
    with writing(engine) as session:
        for number in (0, 1):
            session.get_one(Item, item_id(number)).name = "lot.jpg"
    with pytest.raises(BadOption, match=r"'lot\.jpg' may be 2 questions .*Give the id of one"):
        question_meant(engine, "mark-missed", "lot.jpg")


def test_of_an_item_asked_twice_the_question_with_an_answer_is_meant(engine: Engine, answered: Speaker) -> None:
    first = of_item(engine, 0)
    make_batch(engine, items=1, batch_id="b2")
    write_missed(engine, "b2")
    assert question_meant(engine, "mark-missed", item_id(0)) == first.id


def test_marking_twice_is_marking_once_and_takes_the_answer_of_today(engine: Engine, answered: Speaker) -> None:
    one = of_item(engine, 0)
    assert mark_gold(engine, one.id, "an engineer").truth[0]["x_min"] == pytest.approx(HERE[0])
    answered.say(E, one, [], annotation_id=int(one.id[:6], 16))  # corrected: nothing is there
    again = mark_gold(engine, one.id, "another engineer")
    assert (again.truth, again.why, list(gold(engine))) == ([], "marked by another engineer", [one.id])


def test_a_question_without_an_answer_cannot_be_gold(engine: Engine) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    with pytest.raises(BadOption, match="Let it be answered first"):
        mark_gold(engine, questions(engine)[0].id, "an engineer")


def test_a_kind_of_question_in_which_no_gold_is_hidden_cannot_be_gold(engine: Engine, answered: Speaker) -> None:
    one = of_item(engine, 0)
    with writing(engine) as session:
        session.get_one(Question, one.id).payload = {"type": confirm_page_queue(("car",)).kind, "crops": []}
    with pytest.raises(
        BadOption,
        match="'page', and gold is hidden among those of kinds boxes, kind, class, classes, tag, polygons and masks",
    ):
        mark_gold(engine, one.id, "an engineer")


def test_gold_is_named_also_by_the_hidden_question_that_label_studio_shows(engine: Engine, answered: Speaker) -> None:
    one = of_item(engine, 2)
    mark_gold(engine, one.id, E)
    (hidden,) = asked_with_gold(engine)
    for what in (hidden.id, one.id[:7], one.item_id, f"{one.item_id[:6]}.jpg"):
        assert gold_meant(engine, "mark-missed", what) == one.id


def test_retiring_twice_is_retiring_once_and_marking_brings_it_back(engine: Engine, answered: Speaker) -> None:
    one = of_item(engine, 0)
    mark_gold(engine, one.id, E)
    assert retire_gold(engine, one.id)
    retired_at = gold(engine)[one.id].retired_at
    assert not retire_gold(engine, one.id)
    assert gold(engine)[one.id].retired_at == retired_at
    mark_gold(engine, one.id, E)
    assert gold(engine)[one.id].retired_at is None


def test_what_is_no_gold_cannot_be_retired(engine: Engine, answered: Speaker) -> None:
    with pytest.raises(BadOption, match="there is no gold question"):
        retire_gold(engine, of_item(engine, 0).id)


def test_results_begin_with_what_few_passed_and_tell_how_often_it_was_asked(engine: Engine, answered: Speaker) -> None:
    for number in range(4):
        mark_gold(engine, of_item(engine, number).id, E)
    hidden = sorted(asked_with_gold(engine), key=lambda one: one.id)
    answered.say(A, hidden[0], [region("a", edges=HERE)])
    answered.say(B, hidden[1], [region("b", edges=NOWHERE)])
    weigh_answers(engine, GOLDEN, "b1")
    results = gold_results(engine, "mark-missed", "lot")
    assert [(one.asked, one.answered, one.passed) for one in results] == [(1, 1, 0), (1, 1, 1), (1, 0, 0), (1, 0, 0)]
    assert results[0].id == hidden[1].gold_id
    assert [(one.person, one.state) for one in known_standings(engine, "mark-missed")] == [
        (A, "on_trial"),
        (B, "on_trial"),
    ]
    assert gold_results(engine, "name-kind") == gold_results(engine, collection="other") == []


def test_retired_gold_is_shown_only_where_it_is_asked_for(engine: Engine, answered: Speaker) -> None:
    for number in range(2):
        mark_gold(engine, of_item(engine, number).id, E)
    retire_gold(engine, of_item(engine, 0).id, wrong_says=A)
    assert [one.is_wrong for one in gold_results(engine)] == [False]
    assert sorted(one.is_wrong for one in gold_results(engine, retired=True)) == [False, True]


def test_nobody_is_suspended_by_gold_that_was_wrong(engine: Engine, answered: Speaker) -> None:
    for number in range(6):
        mark_gold(engine, of_item(engine, number).id, E)
    hidden = asked_with_gold(engine)
    for one in hidden:
        answered.say(B, one, [region("b", edges=NOWHERE)])
    weigh_answers(engine, GOLDEN, "b1")
    assert [one.state for one in known_standings(engine)] == ["suspended"]
    for one in hidden:
        assert retire_gold(engine, one.gold_id or "", wrong_says=A)
        assert not retire_gold(engine, one.gold_id or "", wrong_says=A)
    weigh_answers(engine, GOLDEN, "b1")
    assert [(one.state, one.of) for one in known_standings(engine)] == [("on_trial", 0)]
    with reading(engine) as session:
        assert read_gold_said(session, "mark-missed") == []
    mark_gold(engine, hidden[0].gold_id or "", A)  # mended: it counts again
    weigh_answers(engine, GOLDEN, "b1")
    assert [one.of for one in known_standings(engine)] == [1]


def test_a_suspension_is_lifted_once(engine: Engine, answered: Speaker) -> None:
    for number in range(6):
        mark_gold(engine, of_item(engine, number).id, E)
    for one in asked_with_gold(engine):
        answered.say(B, one, [region("b", edges=NOWHERE)])
    weigh_answers(engine, GOLDEN, "b1")
    assert reinstate(engine, "mark-missed", B)
    (lifted,) = known_standings(engine)
    assert (lifted.state, lifted.of, lifted.suspended_since) == ("on_trial", 0, None)
    assert not reinstate(engine, "mark-missed", B)
    assert known_standings(engine)[0].reinstated_at == lifted.reinstated_at
    weigh_answers(engine, GOLDEN, "b1")
    assert known_standings(engine)[0].state == "on_trial"


@pytest.mark.parametrize(
    ("queue", "person", "says"),
    [
        ("mark-missed", "bem@example.org", "known are ben@example.org. Did you mean 'ben@example.org'"),
        ("name-kind", B, "queues with gold that was answered are mark-missed"),
    ],
)
def test_who_has_no_standing_is_told_who_has(
    engine: Engine, answered: Speaker, queue: str, person: str, says: str
) -> None:
    mark_gold(engine, of_item(engine, 0).id, E)
    answered.say(B, asked_with_gold(engine)[0], [region("b", edges=HERE)])
    weigh_answers(engine, GOLDEN, "b1")
    with pytest.raises(BadOption, match=says):
        reinstate(engine, queue, person)


def test_where_nobody_met_gold_nobody_is_suspended(engine: Engine) -> None:
    with pytest.raises(BadOption, match="nobody has met a gold question yet"):
        reinstate(engine, "mark-missed", A)
