"""Thresholds accept only what audits prove; to whatever is odd in the evidence the answer is "not enough"."""

import numpy as np
import pytest

from blocks.errors import BadInput, BadOption
from tasks.audit.bounds.certify import Promise, ThresholdStatus, certify
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit
from tasks.audit.bounds.scope import Stream, WholeBatch
from tasks.audit.bounds.thresholds import ThresholdGrid

PROMISE = Promise()


def judged(
    n: int, wrong: int = 0, per_item: int = 1, drawn: SampleUnit = SampleUnit.ITEMS, score: float | None = None
) -> JudgedSample:
    """n boxes with scores spread over 0.5 to 1 (or all the same), the first ones wrong."""
    scores = np.resize(np.linspace(1.0, 0.5, 100), n) if score is None else np.full(n, score)
    items = [f"item-{place // per_item}" for place in range(n)]
    return JudgedSample.of(items, scores, np.arange(n) < wrong, drawn)


GRID = ThresholdGrid.of(np.linspace(0.5, 1.0, 1000))


def test_without_audits_there_is_no_threshold_and_the_number_needed_is_named() -> None:
    threshold = certify("car", [], GRID, PROMISE, Stream(largest_draw=1))
    assert threshold.standing is ThresholdStatus.NOT_ENOUGH_EVIDENCE
    assert threshold.accept_from is None
    assert threshold.more_audits == 228
    assert "228 further items" in threshold.reason
    assert certify("car", [judged(228)], GRID, PROMISE, Stream(largest_draw=1)).standing is ThresholdStatus.CERTIFIED
    assert (
        certify("car", [judged(227)], GRID, PROMISE, Stream(largest_draw=1)).standing is not ThresholdStatus.CERTIFIED
    )


def test_one_right_box_is_not_enough() -> None:
    threshold = certify("car", [judged(1)], GRID, PROMISE, Stream(largest_draw=1))
    assert (threshold.standing, threshold.accept_from) == (ThresholdStatus.NOT_ENOUGH_EVIDENCE, None)


def test_many_right_boxes_certify_all_scores() -> None:
    threshold = certify("car", [judged(500)], GRID, PROMISE, Stream(largest_draw=1))
    assert threshold.standing is ThresholdStatus.CERTIFIED
    assert threshold.accept_from == pytest.approx(0.5)
    assert (threshold.judged, threshold.wrong, threshold.units, threshold.share_accepted) == (500, 0, 500, 1.0)
    assert "at most 2.0% of such items with 95% confidence" in threshold.reason


def test_the_estimate_of_further_audits_comes_true() -> None:
    begun = certify("car", [judged(100, score=0.9)], GRID, PROMISE, Stream(largest_draw=1))
    assert begun.more_audits is not None
    done = certify("car", [judged(100 + begun.more_audits, score=0.9)], GRID, PROMISE, Stream(largest_draw=1))
    assert done.standing is ThresholdStatus.CERTIFIED


def test_a_detector_that_turns_bad_loses_its_threshold_at_the_next_look() -> None:
    wrong = np.append(np.zeros(300, bool), np.ones(12, bool))
    evidence = JudgedSample.of([f"i{n}" for n in range(312)], np.full(312, 0.9), wrong, SampleUnit.ITEMS)
    threshold = certify("car", [evidence], ThresholdGrid.of(np.full(9, 0.9)), PROMISE, Stream(largest_draw=1))
    assert threshold.accept_from is None


def test_errors_at_low_scores_raise_the_threshold() -> None:
    scores = np.tile(np.linspace(1.0, 0.5, 100), 12)
    evidence = JudgedSample.of([f"i{n}" for n in range(1200)], scores, scores < 0.6, SampleUnit.ITEMS)
    threshold = certify("car", [evidence], GRID, PROMISE, Stream(largest_draw=1))
    assert threshold.accept_from is not None
    assert 0.59 <= threshold.accept_from <= 0.65


def test_all_wrong_is_too_many_errors() -> None:
    threshold = certify("car", [judged(40, wrong=40)], GRID, PROMISE, Stream(largest_draw=1))
    assert threshold.standing is ThresholdStatus.TOO_MANY_ERRORS
    assert (threshold.accept_from, threshold.more_audits) == (None, None)


def test_one_wrong_box_is_no_proof_that_all_are() -> None:
    threshold = certify("car", [judged(1, wrong=1)], GRID, PROMISE, Stream(largest_draw=1))
    assert threshold.standing is ThresholdStatus.NOT_ENOUGH_EVIDENCE


def test_boxes_without_a_score_are_never_accepted() -> None:
    evidence = JudgedSample.of(
        [f"i{n}" for n in range(500)], np.full(500, np.nan), np.zeros(500, bool), SampleUnit.ITEMS
    )
    threshold = certify("car", [evidence], GRID, PROMISE, Stream(largest_draw=1))
    assert (threshold.standing, threshold.judged) == (ThresholdStatus.NOT_ENOUGH_EVIDENCE, 0)


def test_a_wrong_box_without_a_score_does_not_stand_in_the_way() -> None:
    items, scores = [f"i{n}" for n in range(501)], np.append(np.full(500, 0.9), np.nan)
    evidence = JudgedSample.of(items, scores, np.arange(501) == 500, SampleUnit.ITEMS)
    assert certify("car", [evidence], GRID, PROMISE, Stream(largest_draw=1)).standing is ThresholdStatus.CERTIFIED


def test_boxes_of_few_items_prove_little_however_many_they_are() -> None:
    threshold = certify("car", [judged(5000, per_item=50, score=0.9)], GRID, PROMISE, Stream(largest_draw=50))
    assert threshold.standing is ThresholdStatus.NOT_ENOUGH_EVIDENCE


def test_a_batch_judged_whole_is_accepted_exactly_when_it_keeps_the_promise() -> None:
    items, scores = [f"i{n // 5}" for n in range(100)], np.linspace(0.5, 1, 100)
    batch, grid = WholeBatch.of(items, scores), ThresholdGrid.of(scores, shares=(1.0,), starts={1.0: 1.0})
    for wrong in (2, 3):
        for drawn in SampleUnit:
            evidence = JudgedSample.of(items, scores, np.arange(100) < wrong, drawn)
            threshold = certify("car", [evidence], grid, PROMISE, batch)
            assert (threshold.standing is ThresholdStatus.CERTIFIED) == (wrong == 2)


def test_a_small_batch_needs_fewer_draws_than_a_stream() -> None:
    items, scores = [f"i{n}" for n in range(300)], np.full(300, 0.9)
    grid = ThresholdGrid.of(scores)
    drawn = JudgedSample.of(items[:150], scores[:150], np.zeros(150, bool), SampleUnit.BOXES)
    assert certify("car", [drawn], grid, PROMISE, WholeBatch.of(items, scores)).standing is ThresholdStatus.CERTIFIED
    stream = JudgedSample.of(items[:150], scores[:150], np.zeros(150, bool), SampleUnit.ITEMS)
    assert certify("car", [stream], grid, PROMISE, Stream(1)).standing is ThresholdStatus.NOT_ENOUGH_EVIDENCE


def test_whole_items_and_single_boxes_of_a_batch_prove_more_together() -> None:
    items, scores = [f"i{n // 4}" for n in range(2000)], np.full(2000, 0.9)
    batch, grid = WholeBatch.of(items, scores), ThresholdGrid.of(scores)
    whole = JudgedSample.of(items[:400], scores[:400], np.zeros(400, bool), SampleUnit.ITEMS)
    boxes = JudgedSample.of(items[-130:], scores[-130:], np.zeros(130, bool), SampleUnit.BOXES)
    standing = [certify("car", parts, grid, PROMISE, batch).standing for parts in ([whole], [boxes], [whole, boxes])]
    assert standing == [
        ThresholdStatus.NOT_ENOUGH_EVIDENCE,
        ThresholdStatus.NOT_ENOUGH_EVIDENCE,
        ThresholdStatus.CERTIFIED,
    ]


def test_evidence_that_does_not_speak_of_the_scope_is_refused() -> None:
    with pytest.raises(BadOption, match="speak of that batch only"):
        certify("car", [judged(5, drawn=SampleUnit.BOXES)], GRID, PROMISE, Stream(largest_draw=1))
    with pytest.raises(BadOption, match="largest_draw is 3"):
        certify("car", [judged(8, per_item=4)], GRID, PROMISE, Stream(largest_draw=3))
    with pytest.raises(BadInput, match="another batch or detector"):
        certify("car", [judged(5)], GRID, PROMISE, WholeBatch.of(["elsewhere"], [0.5]))
    with pytest.raises(BadInput, match="misses some"):
        certify("car", [judged(3)], GRID, PROMISE, WholeBatch.of(["item-0", "item-0", "item-1", "item-2"], [0.9] * 4))
    with pytest.raises(BadInput, match="another detector version"):
        certify("car", [judged(1, drawn=SampleUnit.BOXES, score=0.9)], GRID, PROMISE, WholeBatch.of(["item-0"], [0.2]))
    with pytest.raises(BadOption, match="one list of evidence"):
        certify("car", [judged(1), judged(1)], GRID, PROMISE, Stream(largest_draw=1))


def test_a_class_never_seen_has_no_threshold_and_nothing_to_audit() -> None:
    threshold = certify("tram", [], ThresholdGrid.of(np.empty(0)), PROMISE, WholeBatch.of((), ()))
    assert (threshold.standing, threshold.accept_from) == (ThresholdStatus.NOT_ENOUGH_EVIDENCE, None)
    assert "nothing to audit" in threshold.reason
