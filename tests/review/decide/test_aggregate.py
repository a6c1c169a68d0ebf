"""Several people's answers to one question: weighed together, asked on while in doubt, and one answer in the end.

All on a real catalogue, with answers that come in through the doorbell; only Label Studio's own part is pretended.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.people_tables import Decision
from blocks.database.tables import Answer, AnswerState, Outcome, Question, QuestionState
from tasks.review.consensus.answer_groups import CONSENSUS
from tasks.review.decide import aggregate as weighing
from tasks.review.decide.aggregate import Weighed, weigh_again, weigh_answers
from tasks.review.decide.until import Until, close_rest, is_met, progress
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.kinds.choose import ChoosePayload
from tasks.review.questions.queue import Queue, name_kind_queue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tests.review.builders import (
    HEIGHT,
    QUEUE,
    WIDTH,
    Edges,
    Speaker,
    answers,
    deletion,
    hear,
    item_id,
    make_batch,
    post_slots,
    proposal_id,
    questions,
    region,
    slots_of,
    write_missed,
)

HERE: Edges = (100.0, 100.0, 220.0, 180.0)
THERE: Edges = (800.0, 600.0, 900.0, 680.0)
THREE = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=3, most=4)))
TWO = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=3)))
A, B, C, D, R = (f"{name}@example.org" for name in ("ada", "ben", "chi", "dina", "ref"))


def ask_people(engine: Engine, queue: Queue, items: int = 1, boxes: object = ()) -> None:
    make_batch(engine, items=items, boxes=boxes)  # type: ignore[arg-type]
    write_missed(engine, queue=queue)
    post_slots(engine, queue)


def disagree_about_the_first(engine: Engine) -> Speaker:
    """Let two people answer two questions: they draw elsewhere in the first, and the same in the second."""
    people = Speaker(engine)
    for number, edges in ((0, THERE), (1, HERE)):
        slots = slots_of(engine, item_id(number), TWO)
        people.say(A, slots["~1"], [region("a", edges=HERE)])
        people.say(B, slots["~2"], [region("b", edges=edges)])
    return people


def weigh(engine: Engine, queue: Queue, *, is_last: bool = False) -> Weighed:
    weighed = weigh_answers(engine, queue, "b1", is_last=is_last)
    post_slots(engine, queue)
    return weighed


def outcome(engine: Engine, question: Question) -> list[dict[str, object]]:
    with reading(engine) as session:
        mine = select(Answer).where(Answer.question_id == question.id, Answer.state == AnswerState.COUNTED.value)
        (answer,) = session.exec(mine.where(Answer.heard_by == CONSENSUS)).all()
    return answer.raw


def decision(engine: Engine, question: Question) -> Decision:
    with reading(engine) as session:
        return session.get_one(Decision, question.id)


def test_a_question_of_three_is_posted_in_three_slots_and_not_itself(engine: Engine) -> None:
    ask_people(engine, THREE, items=2)
    assert Counter((one.queue, one.state) for one in questions(engine)) == {
        ("mark-missed", "shared"): 2,
        ("mark-missed~1", "posted"): 2,
        ("mark-missed~2", "posted"): 2,
        ("mark-missed~3", "posted"): 2,
    }
    assert len({one.project_id for one in questions(engine) if one.project_id}) == 3
    assert progress(engine, "mark-missed", "b1").asked == 2


def test_three_who_agree_settle_it_and_it_counts_once(engine: Engine) -> None:
    ask_people(engine, THREE)
    slots, people = slots_of(engine, item_id(0), THREE), Speaker(engine)
    for person, slot in zip((A, B, C), ("~1", "~2", "~3"), strict=True):
        assert not is_met(progress(engine, "mark-missed", "b1"), Until())
        people.say(person, slots[slot], [region(f"r-{person}", edges=HERE)])
    before = progress(engine, "mark-missed", "b1")
    assert (before.answered, before.is_stuck, is_met(before, Until())) == (0, True, True)

    assert weigh(engine, THREE).courses == {"settled": 1}
    after = progress(engine, "mark-missed", "b1")
    assert (after.asked, after.answered, after.people, after.seconds) == (1, 1, 3, 13.5)
    (box,) = outcome(engine, slots[""])
    assert (box["class_name"], box["x_min"]) == ("car", pytest.approx(HERE[0], abs=0.01))
    assert decision(engine, slots[""]).people == [A, B, C]
    assert decision(engine, slots[""]).expected_wrong < 0.05


def test_weighing_twice_changes_nothing(engine: Engine) -> None:
    ask_people(engine, TWO)
    slots, people = slots_of(engine, item_id(0), TWO), Speaker(engine)
    people.say(A, slots["~1"], [region(edges=HERE)])
    people.say(B, slots["~2"], [region(edges=THERE)])
    weigh(engine, TWO)
    before = [(row.id, row.state, row.answered_at) for row in answers(engine)], questions(engine)
    weigh(engine, TWO)
    assert ([(row.id, row.state, row.answered_at) for row in answers(engine)], questions(engine)) == before


def test_who_disagree_are_joined_by_one_more_person_and_no_other_question_is(engine: Engine) -> None:
    ask_people(engine, TWO, items=2)
    people = disagree_about_the_first(engine)
    weighed = weigh(engine, TWO)
    assert (weighed.opened, weighed.courses) == (1, {"ask_more": 1, "settled": 1})
    assert sorted(slots_of(engine, item_id(0), TWO)) == ["", "~1", "~2", "~3"]
    assert sorted(slots_of(engine, item_id(1), TWO)) == ["", "~1", "~2"]
    assert not is_met(progress(engine, "mark-missed", "b1"), Until())

    people.say(C, slots_of(engine, item_id(0), TWO)["~3"], [region("c", edges=HERE)])
    weigh(engine, TWO)
    boxes = outcome(engine, slots_of(engine, item_id(0), TWO)[""])
    assert [round(float(str(box["x_min"]))) for box in boxes] == [100]
    assert progress(engine, "mark-missed", "b1").answered == 2


def test_where_most_have_spoken_a_referee_sees_what_they_said_and_decides(engine: Engine) -> None:
    queue = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2), referees=(R,)))
    ask_people(engine, queue)
    slots, people = slots_of(engine, item_id(0), queue), Speaker(engine)
    people.say(A, slots["~1"], [region("a", edges=HERE)])
    people.say(B, slots["~2"], [region("b", edges=THERE)])
    assert weigh(engine, queue).courses == {"referee": 1}
    referee = slots_of(engine, item_id(0), queue)["~referee1"]
    assert sorted(box["id"] for box in referee.payload["boxes"]) == ["a", "b"]

    people.say(D, referee, [region("d", edges=HERE)])  # somebody who is no referee looks in
    assert weigh(engine, queue).courses == {"referee": 1}
    assert (answers(engine)[-1].state, "referees" in str(answers(engine)[-1].reason)) == ("uncounted", True)
    people.say(R, slots_of(engine, item_id(0), queue)["~referee2"], [region("a", edges=HERE)])
    assert weigh(engine, queue).courses == {"settled": 1}


def test_what_a_referee_says_stands_whatever_others_said(engine: Engine) -> None:
    queue = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2), referees=(R,)))
    ask_people(engine, queue)
    slots, people = slots_of(engine, item_id(0), queue), Speaker(engine)
    people.say(A, slots["~1"], [region("a", edges=HERE)])
    people.say(B, slots["~2"], [region("b", edges=THERE)])
    weigh(engine, queue)
    people.say(R, slots_of(engine, item_id(0), queue)["~referee1"], [region("b", edges=THERE)])
    assert weigh(engine, queue).courses == {"settled": 1}
    assert [box["id"] for box in outcome(engine, slots[""])] == ["b"]
    assert decision(engine, slots[""]).people == [R]


def test_without_a_referee_the_consensus_stands_and_says_that_it_is_in_doubt(engine: Engine) -> None:
    queue = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))
    ask_people(engine, queue)
    slots, people = slots_of(engine, item_id(0), queue), Speaker(engine)
    people.say(A, slots["~1"], [region("a", edges=HERE)])
    people.say(B, slots["~2"], [region("b", edges=THERE)])
    assert weigh(engine, queue).courses == {"best_known": 1}
    assert any("is it there?" in reason for reason in decision(engine, slots[""]).reasons)


def test_a_shown_box_that_most_left_alone_stays_exactly_as_it_was_shown(engine: Engine) -> None:
    ask_people(engine, THREE, boxes=[("car", 0.5, Outcome.ASK, HERE)])
    slots, people = slots_of(engine, item_id(0), THREE), Speaker(engine)
    shown = proposal_id(item_id(0), 0)
    moved = (104.0, 103.0, 223.0, 182.0)
    for person, slot, edges in ((A, "~1", HERE), (B, "~2", HERE), (C, "~3", moved)):
        people.say(person, slots[slot], [region(shown, edges=edges)])
    weigh(engine, THREE)
    (box,) = outcome(engine, slots[""])
    assert (box["id"], box["untouched"], box["x_min"], box["y_max"]) == (shown, True, 100.0, 180.0)


def test_an_edit_after_the_decision_is_weighed_anew(engine: Engine) -> None:
    ask_people(engine, TWO)
    slots, people = slots_of(engine, item_id(0), TWO), Speaker(engine)
    number = people.say(A, slots["~1"], [region("a", edges=HERE)])
    people.say(B, slots["~2"], [region("b", edges=HERE)])
    weigh(engine, TWO)
    people.say(A, slots["~1"], [region("a", edges=THERE)], annotation_id=number)
    assert weigh(engine, TWO).courses == {"ask_more": 1}
    assert slots_of(engine, item_id(0), TWO)[""].state == QuestionState.SHARED
    states = Counter(row.state for row in answers(engine) if row.heard_by == CONSENSUS)
    assert states == {AnswerState.UNCOUNTED.value: 1}


def test_a_deleted_answer_reopens_the_question_and_the_rest_is_kept(engine: Engine) -> None:
    ask_people(engine, TWO)
    slots, people = slots_of(engine, item_id(0), TWO), Speaker(engine)
    number = people.say(A, slots["~1"], [region("a", edges=HERE)])
    people.say(B, slots["~2"], [region("b", edges=HERE)])
    weigh(engine, TWO)
    hear(engine, deletion(number))
    assert weigh(engine, TWO).courses == {"wait": 1}  # its slot is open again
    people.say(C, slots["~1"], [region("c", edges=HERE)])
    assert weigh(engine, TWO).courses == {"settled": 1}
    assert decision(engine, slots[""]).people == [B, C]


def test_when_time_is_up_what_is_known_counts_and_the_rest_is_closed(engine: Engine) -> None:
    ask_people(engine, THREE, items=2)
    slots = slots_of(engine, item_id(0), THREE)
    Speaker(engine).say(A, slots["~1"], [region("a", edges=HERE)])
    assert weigh(engine, THREE, is_last=True).courses == {"best_known": 1, "unanswered": 1}
    assert close_rest(engine, "mark-missed", "b1", 0, "pass_on") == 1
    now = progress(engine, "mark-missed", "b1")
    assert (now.answered, now.closed, now.done) == (1, 1, 2)
    assert QuestionState.POSTED not in {one.state for one in questions(engine)}


def test_an_answer_that_comes_after_the_close_still_counts(engine: Engine) -> None:
    ask_people(engine, TWO)
    weigh(engine, TWO, is_last=True)
    close_rest(engine, "mark-missed", "b1", 0, "pass_on")
    slots = slots_of(engine, item_id(0), TWO)
    Speaker(engine).say(A, slots["~1"], [region("a", edges=HERE)])
    assert weigh(engine, TWO).courses == {"best_known": 1}
    assert [box["id"] for box in outcome(engine, slots[""])] == ["a"]


def test_nobody_asked_is_nothing_to_weigh(engine: Engine) -> None:
    make_batch(engine, items=0)
    assert weigh(engine, TWO).courses == {}
    assert weigh(engine, QUEUE).courses == {}


def test_a_queue_made_plain_while_people_answer_loses_nothing_of_what_they_said(engine: Engine) -> None:
    ask_people(engine, TWO)
    slots = slots_of(engine, item_id(0), TWO)
    Speaker(engine).say(A, slots["~1"], [region("a", edges=HERE)])
    assert weigh(engine, QUEUE).courses == {"settled": 1}
    assert [box["id"] for box in outcome(engine, slots[""])] == ["a"]


def test_a_queue_that_asks_more_people_than_it_names_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"3 people shall see each question.*only 2 may"):
        AnnotatorPool(annotators=(A, B), overlap=OverlapRule(least=3))
    with pytest.raises(ValidationError, match="must be different e-mails"):
        AnnotatorPool(annotators=("ada",))


KINDS = name_kind_queue({"truck": ("tanker", "tipper")}).with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=3)))


def ask_kind(engine: Engine) -> dict[str, Question]:
    make_batch(engine, items=1)
    payload = ChoosePayload(width=WIDTH, height=HEIGHT, crop=(0, 0, 50, 50), class_name="truck")
    payload = payload.model_copy(update={"kinds": ["tanker", "tipper"]})
    write_questions(engine, KINDS, [Draft("b1", item_id(0), payload.model_dump(mode="json"), subject="r1")])
    post_slots(engine, KINDS)
    return slots_of(engine, item_id(0), KINDS)


def choose(choice: str) -> list[dict[str, object]]:
    return [{"id": "k", "type": "choices", "from_name": "kind", "to_name": "image", "value": {"choices": [choice]}}]


def weigh_kinds(engine: Engine) -> Weighed:
    weighed = weigh_answers(engine, KINDS, "b1")
    post_slots(engine, KINDS)
    return weighed


def test_a_kind_that_two_name_is_settled_and_one_they_dispute_goes_to_a_third(engine: Engine) -> None:
    slots, people = ask_kind(engine), Speaker(engine)
    people.say(A, slots["~1"], choose("tanker"))
    people.say(B, slots["~2"], choose("tipper"))
    assert weigh_kinds(engine).opened == 1
    people.say(C, slots_of(engine, item_id(0), KINDS)["~3"], choose("tanker"))
    weigh_kinds(engine)
    assert outcome(engine, slots[""]) == [{"kind": "tanker", "verdict": "kind"}]


def test_two_who_call_it_no_object_settle_that(engine: Engine) -> None:
    slots, people = ask_kind(engine), Speaker(engine)
    for person, slot in ((A, "~1"), (B, "~2")):
        people.say(person, slots[slot], choose("not a truck"))
    assert weigh_kinds(engine).courses == {"settled": 1}
    assert outcome(engine, slots[""]) == [{"kind": None, "verdict": "not_an_object"}]


def test_where_nobody_can_tell_that_is_the_outcome_after_the_last_of_them(engine: Engine) -> None:
    slots, people = ask_kind(engine), Speaker(engine)
    for person, slot in ((A, "~1"), (B, "~2")):
        people.say(person, slots[slot], choose("cannot tell"))
    assert weigh_kinds(engine).opened == 1
    people.say(C, slots_of(engine, item_id(0), KINDS)["~3"], choose("cannot tell"))
    assert weigh_kinds(engine).courses == {"best_known": 1}
    assert outcome(engine, slots[""]) == [{"kind": None, "verdict": "cannot_tell"}]


@pytest.mark.parametrize(
    "boundary", ["apply_rulings", "read_groups", "write_slots", "settle_states", "_move", "write_decisions"]
)
def test_a_weighing_that_is_killed_anywhere_is_made_good_by_the_next(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    ask_people(engine, TWO, items=2)
    disagree_about_the_first(engine)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(weighing, boundary, die)
        weigh_answers(engine, TWO, "b1")
    assert weigh(engine, TWO).courses == {"ask_more": 1, "settled": 1}
    assert Counter(one.queue for one in questions(engine)) == {
        "mark-missed": 2,
        "mark-missed~1": 2,
        "mark-missed~2": 2,
        "mark-missed~3": 1,
    }
    assert sum(one.heard_by == CONSENSUS for one in answers(engine)) == 1
    assert sum(one.state == AnswerState.COUNTED for one in answers(engine) if one.annotation_id) == 4


def test_two_who_weigh_at_once_open_one_slot_and_write_one_outcome(engine: Engine) -> None:
    ask_people(engine, TWO, items=2)
    disagree_about_the_first(engine)
    with ThreadPoolExecutor(4) as room:
        list(room.map(lambda _: weigh_answers(engine, TWO, "b1"), range(4)))
    assert Counter(one.queue for one in questions(engine))["mark-missed~3"] == 1
    counted = [one for one in answers(engine) if one.heard_by == CONSENSUS and one.state == AnswerState.COUNTED]
    assert len(counted) == 1


def test_a_late_edit_is_weighed_when_the_batch_is_settled_again(engine: Engine) -> None:
    ask_people(engine, TWO)
    slots, people = slots_of(engine, item_id(0), TWO), Speaker(engine)
    numbers = [people.say(who, slots[slot], [region(who, edges=HERE)]) for who, slot in ((A, "~1"), (B, "~2"))]
    weigh(engine, TWO)
    for who, slot, number in ((A, "~1", numbers[0]), (B, "~2", numbers[1])):
        people.say(who, slots[slot], [region(who, edges=THERE)], annotation_id=number)
    weigh_again(engine, "b1")
    (box,) = outcome(engine, slots[""])
    assert box["x_min"] == pytest.approx(THERE[0], abs=0.01)
