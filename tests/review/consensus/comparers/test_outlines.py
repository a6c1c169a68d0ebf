"""Outlines and masks as answers: what several people's come to, what passes gold, and what a referee begins with."""

from typing import Any

import numpy as np
import pytest

from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.review.consensus.agreement import measure_agreement
from tasks.review.consensus.comparers.outlines import MASKS, POLYGONS, OutlineComparer, outlines_of
from tasks.review.consensus.overlap_rule import Slots, Step
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS, OutlinesPayload
from tasks.review.questions.kinds.outlines.outline import ShownOutline
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue
from tasks.review.questions.staffing import GoldRule, OverlapRule
from tests.kinds.outlines.drawn import drawn_object
from tests.review.consensus.comparers.groups import group_of

BOTH = pytest.mark.parametrize("comparer", [POLYGONS, MASKS], ids=["polygons", "masks"])
QUEUES = {POLYGONS: mark_outlines_queue(("cell", "blob")), MASKS: mark_pixels_queue(("cell", "blob"))}
RULE = GoldRule()


def shape(comparer: OutlineComparer, seed: int, left: int = 0) -> Any:
    return (traced if comparer is POLYGONS else mask_of)(Raster(left, 0, drawn_object(seed)))


def said(comparer: OutlineComparer, seed: int, left: int = 0, name: str = "cell", id_: str = "s", **more: Any) -> Any:
    drawn = shape(comparer, seed, left).model_dump(mode="json")
    return {"id": id_, "class_name": name, "shape": drawn, "untouched": False, **more}


def asked(comparer: OutlineComparer) -> OutlinesPayload:
    kind = MARK_POLYGONS if comparer is POLYGONS else MARK_MASKS
    shown = ShownOutline(id="p0", class_name="cell", score=0.6, shape=shape(comparer, 1))
    return kind.payload(width=400, height=100).showing([shown])


@BOTH
def test_what_most_people_left_as_shown_stays_and_what_one_alone_drew_is_doubted(comparer: OutlineComparer) -> None:
    kept = said(comparer, 1, id_="p0", untouched=True)
    group = group_of(asked(comparer), ada=[kept], ben=[kept, said(comparer, 3, 200)], cy=[kept])
    opinion = comparer.agree(QUEUES[comparer], [group], [], [])[group.id]
    (outcome,) = outlines_of(comparer.outcome(group, opinion))
    assert (outcome.id, outcome.shape, outcome.untouched) == ("p0", shape(comparer, 1), True)
    referee = comparer.for_referee(group, opinion)
    assert isinstance(referee, OutlinesPayload) and [one.sure for one in referee.outlines] == [False, True]


@BOTH
def test_the_outline_of_two_lies_between_theirs(comparer: OutlineComparer) -> None:
    group = group_of(asked(comparer), ada=[said(comparer, 3, 200)], ben=[said(comparer, 3, 203)])
    opinion = comparer.agree(QUEUES[comparer], [group], [], [])[group.id]
    (outcome,) = outlines_of(comparer.outcome(group, opinion))
    between = rasterised(outcome.shape)
    assert all(mask_iou(between, rasterised(shape(comparer, 3, left))) > 0.8 for left in (200, 203))


@BOTH
def test_two_who_agree_settle_and_two_whose_outlines_differ_are_asked_about_further(comparer: OutlineComparer) -> None:
    rule = OverlapRule(least=2, most=3, tolerated=0.2)
    one = said(comparer, 2, 200)
    wide = {**one, "shape": _wider(comparer)}
    steps = []
    for other in (one, wide):
        group = group_of(asked(comparer), ada=[one], ben=[other])
        opinion = comparer.agree(QUEUES[comparer], [group], [], [])[group.id]
        steps.append(comparer.next_step(opinion, Slots(answered=2), rule))
    assert [step.step for step in steps] == [Step.SETTLED, Step.ASK_MORE]
    assert "where is its outline?" in " ".join(steps[1].reasons)


def _wider(comparer: OutlineComparer) -> Any:
    pixels = np.zeros((60, 60), np.bool_)
    pixels[6:54, 6:54] = True
    return (traced if comparer is POLYGONS else mask_of)(Raster(200, 0, pixels)).model_dump(mode="json")


@BOTH
def test_gold_is_passed_by_the_same_objects_and_not_by_others(comparer: OutlineComparer) -> None:
    truth = [said(comparer, 3), said(comparer, 4, 100, "blob")]
    assert comparer.passes(truth, [said(comparer, 3, 2), said(comparer, 4, 101, "blob")], RULE)
    assert not comparer.passes(truth, [said(comparer, 3), said(comparer, 4, 100, "cell")], RULE)
    assert not comparer.passes(truth, [], RULE) and comparer.passes([], [], RULE)


@BOTH
def test_agreement_is_about_places_whatever_their_exact_edges(comparer: OutlineComparer) -> None:
    group = group_of(asked(comparer), ada=[said(comparer, 3, 200)], ben=[said(comparer, 3, 202)])
    alone = group_of(asked(comparer), ada=[said(comparer, 3, 200)], ben=[])
    both, half = (measure_agreement(comparer.statements(one.id, one.counted)) for one in (group, alone))
    assert (both.pairs[0].share, half.pairs[0].share) == (1, 0)
    assert comparer.in_words(group.counted[0].raw) == "1 cell" and comparer.in_words([]) == "nothing is there"
