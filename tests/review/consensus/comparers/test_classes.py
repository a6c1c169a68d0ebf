"""Sets of classes as answers: what several people's come to, class by class, and what passes gold."""

from typing import Any

import pytest

from tasks.review.consensus.agreement import measure_agreement
from tasks.review.consensus.comparers.classes import SETS_OF_CLASSES
from tasks.review.consensus.overlap_rule import Slots, Step
from tasks.review.questions.kinds.choose_several import ClassesPayload
from tasks.review.questions.kinds.classify import ShownClass
from tasks.review.questions.queues.classes import choose_classes_queue
from tasks.review.questions.staffing import GoldRule, OverlapRule
from tests.review.consensus.comparers.groups import group_of

NAMES = ("crowd", "night", "wet")
QUEUE = choose_classes_queue(NAMES)
ASKED = ClassesPayload(options=list(NAMES)).showing([ShownClass(id="p1", class_name="wet", score=0.9)])
CANNOT_TELL = [{"class_name": None, "untouched": False}]


def ticked(*names: str) -> list[dict[str, Any]]:
    return [{"class_name": name, "untouched": False} for name in names]


def test_each_class_is_agreed_on_by_itself_and_what_was_ticked_already_is_untouched() -> None:
    group = group_of(ASKED, ada=ticked("wet", "night"), ben=ticked("wet"), cy=ticked("wet"))
    opinion = SETS_OF_CLASSES.agree(QUEUE, [group], [], [])[group.id]
    assert SETS_OF_CLASSES.outcome(group, opinion) == ({"class_name": "wet", "untouched": True},)
    assert opinion.candidates[0].exists < 0.5 < opinion.candidates[1].exists


def test_two_who_agree_settle_and_two_who_do_not_ask_a_third_and_then_a_referee() -> None:
    rule = OverlapRule(least=2, most=3, tolerated=0.1)
    same, other = (group_of(ASKED, ada=ticked("wet"), ben=ticked(*names)) for names in (("wet",), ("night",)))
    agreed, not_agreed = (SETS_OF_CLASSES.agree(QUEUE, [one], [], [])[one.id] for one in (same, other))
    assert SETS_OF_CLASSES.next_step(agreed, Slots(2), rule).step is Step.SETTLED
    more = SETS_OF_CLASSES.next_step(not_agreed, Slots(2), rule)
    assert (more.step, more.more) == (Step.ASK_MORE, 1)
    assert any("night: is it one?" in reason and "ticked by 1 of 2" in reason for reason in more.reasons)
    assert SETS_OF_CLASSES.next_step(not_agreed, Slots(3), rule).step is Step.REFEREE


def test_nobody_ticked_anything_is_an_answer_and_nobody_could_tell_is_none() -> None:
    nothing, nobody = group_of(ASKED, ada=[], ben=[]), group_of(ASKED, ada=CANNOT_TELL, ben=CANNOT_TELL)
    first, second = (SETS_OF_CLASSES.agree(QUEUE, [one], [], [])[one.id] for one in (nothing, nobody))
    assert SETS_OF_CLASSES.outcome(nothing, first) == ()
    assert list(SETS_OF_CLASSES.outcome(nobody, second)) == CANNOT_TELL
    rule = OverlapRule(least=2, most=2)
    assert SETS_OF_CLASSES.next_step(first, Slots(2), rule).step is Step.SETTLED
    assert SETS_OF_CLASSES.next_step(second, Slots(2), rule).reasons == ("nobody could tell",)


def test_whoever_cannot_tell_is_no_vote_against_what_others_see() -> None:
    group = group_of(ASKED, ada=ticked("night"), ben=ticked("night"), cy=CANNOT_TELL)
    opinion = SETS_OF_CLASSES.agree(QUEUE, [group], [], [])[group.id]
    assert opinion.people == ("ada", "ben")
    assert [one["class_name"] for one in SETS_OF_CLASSES.outcome(group, opinion)] == ["night"]


def test_people_agree_on_classes_that_somebody_ticked() -> None:
    group = group_of(ASKED, ada=ticked("wet", "night"), ben=ticked("wet"))
    found = measure_agreement(SETS_OF_CLASSES.statements(group.id, group.counted))
    assert (found.units, found.pairs[0].share) == (2, 0.5)


@pytest.mark.parametrize(
    ("said", "passes"),
    [(ticked("wet", "night"), True), (ticked("wet"), False), ([], False), (CANNOT_TELL, False)],
    ids=["the same", "one is missing", "nothing", "cannot tell"],
)
def test_gold_is_passed_by_enough_right_classes(said: list[dict[str, Any]], passes: bool) -> None:
    assert SETS_OF_CLASSES.passes(ticked("night", "wet"), said, GoldRule()) is passes
    assert SETS_OF_CLASSES.passes([], [], GoldRule())


def test_an_answer_in_words() -> None:
    words = [SETS_OF_CLASSES.in_words(one) for one in (ticked("wet", "night"), [], CANNOT_TELL)]
    assert words == ["night, wet", "none of the classes", "cannot tell"]
