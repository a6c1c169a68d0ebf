"""Boxes as answers: what passes gold, and what one person's word or a referee's view of many is made of."""

from tasks.review.consensus.comparers.boxes import BOXES, passes_boxes
from tasks.review.consensus.overlap_rule import Slots, Step
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.staffing import GoldRule, OverlapRule
from tests.review.consensus.comparers.groups import group_of
from tests.review.people import HERE, THERE, box, moved

RULE = GoldRule()
QUEUE = mark_missed_queue(("car", "van"))
SHOWN = ShownBox(
    id="p0", class_name="car", score=0.6, sure=False, x_min=100.0, y_min=100.0, x_max=200.0, y_max=180.0
)  # at HERE
ASKED = CorrectPayload(width=640, height=480, boxes=[SHOWN], prefill=["p0"])


def test_boxes_pass_by_the_share_that_is_right() -> None:
    truth = [box(HERE), box(THERE)]
    assert passes_boxes(truth, [box(moved(HERE, 5)), box(moved(THERE, -4))], RULE)
    assert not passes_boxes(truth, [box(HERE)], RULE)
    assert not passes_boxes(truth, [box(HERE), box(THERE, "van")], RULE)
    assert not passes_boxes(truth, [box(HERE), box(moved(THERE, 60))], RULE)
    assert passes_boxes(truth, [box(HERE)], GoldRule(pass_share=0.5))


def test_nothing_where_nothing_is_passes_and_something_does_not() -> None:
    assert passes_boxes([], [], RULE)
    assert not passes_boxes([], [box(HERE)], RULE)
    assert not passes_boxes([box(HERE)], [], RULE)


def test_one_persons_boxes_stand_as_they_were_drawn_and_say_what_the_question_itself_showed() -> None:
    raw = [box(HERE, name="p0").model_dump(), box(THERE).model_dump()]
    kept, drawn = BOXES.verbatim(group_of(ASKED, ada=raw), raw)
    assert (kept["untouched"], drawn["untouched"]) == (True, False)
    assert {**drawn, "untouched": False} == raw[1]


def test_a_referee_begins_with_every_box_that_anybody_drew() -> None:
    group = group_of(ASKED, ada=[box(HERE, name="p0").model_dump()], ben=[box(THERE, name="b1").model_dump()])
    opinion = BOXES.agree(QUEUE, [group], [], [])[group.id]
    assert BOXES.next_step(opinion, Slots(answered=2), OverlapRule(least=2, most=2)).step is Step.REFEREE
    seen = CorrectPayload.model_validate(BOXES.for_referee(group, opinion).model_dump())
    assert {one.id for one in seen.boxes} == set(seen.prefill) == {"p0", "b1"}
    assert not any(one.sure for one in seen.boxes)
    assert seen.model_copy(update={"boxes": ASKED.boxes, "prefill": ASKED.prefill}) == ASKED


def test_two_who_draw_nothing_agree_on_nothing_and_leave_a_referee_the_question_as_it_was() -> None:
    group = group_of(ASKED, ada=[], ben=[])
    opinion = BOXES.agree(QUEUE, [group], [], [])[group.id]
    assert BOXES.outcome(group, opinion) == ()
    assert BOXES.for_referee(group, opinion) == ASKED
    assert BOXES.statements(group.id, group.counted) == []


def test_boxes_are_counted_in_words() -> None:
    boxes = [box(HERE), box(THERE), box(moved(HERE, 300), "van")]
    assert BOXES.in_words([one.model_dump() for one in boxes]) == "2 car, 1 van"
    assert BOXES.in_words([]) == "nothing is there"


def test_nobody_asked_is_nothing_agreed() -> None:
    assert BOXES.agree(QUEUE, [], [], []) == {}
