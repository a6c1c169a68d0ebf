"""Labels that look wrong: what is found, what is said of it, and what cannot be judged."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from blocks.errors import BadInput, BadOption, NotEnoughData
from tasks.audit.label_errors.cleanlab_scores import box_scores, item_scores, place_scores
from tasks.audit.label_errors.find import find_faults, suspicion_of
from tasks.audit.label_errors.finding import LabelErrorOptions
from tasks.audit.label_errors.scores import DetectorAgreement, Fault, ItemBoxes, pair
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all
from tests.audit.fault_world import CLASSES, changed, drawn_world

OPTIONS = LabelErrorOptions()
SCORES = ("plain", "cleanlab")


@pytest.fixture(params=SCORES)
def options(request: pytest.FixtureRequest) -> LabelErrorOptions:
    if request.param == "cleanlab":
        pytest.importorskip("cleanlab", reason="the extra `faults` is not installed")
    return LabelErrorOptions(scores=request.param)


def test_a_dropped_label_is_found_where_it_was(options: LabelErrorOptions) -> None:
    labels, seen = drawn_world()
    first = find_faults(changed(labels, "item-3", drop=2), seen, CLASSES, options)[0]
    assert (first.item_id, first.fault, first.subject) == ("item-3", Fault.OVERLOOKED, "box-2")
    assert first.box_px == pytest.approx((200, 50, 260, 90), abs=5)
    assert "has no label" in first.reason
    assert first.suspicion >= options.least_suspicion


def test_a_swapped_label_is_found_with_what_it_looks_like(options: LabelErrorOptions) -> None:
    labels, seen = drawn_world()
    first = find_faults(changed(labels, "item-3", swap=2), seen, CLASSES, options)[0]
    was = CLASSES[int(labels["item-3"].class_ids[2])]
    assert (first.item_id, first.fault, first.subject) == ("item-3", Fault.SWAPPED, "label-2")
    assert f"looks like a {was}" in first.reason


def test_a_shifted_label_is_found_once_and_not_as_overlooked_too(options: LabelErrorOptions) -> None:
    labels, seen = drawn_world()
    found = find_faults(changed(labels, "item-3", shift=2), seen, CLASSES, options)
    assert [(one.item_id, one.fault, one.subject) for one in found] == [("item-3", Fault.MISPLACED, "label-2")]
    assert "overlaps what is seen here by 0." in found[0].reason


def test_a_label_where_nothing_is_seen_is_found() -> None:
    labels, seen = drawn_world()
    mine = labels["item-3"]
    ghost = ItemBoxes.of([*mine.ids, "ghost"], [*mine.class_ids, 0], [*mine.xyxy_px, (10, 500, 40, 540)])
    first = find_faults(labels | {"item-3": ghost}, seen, CLASSES, OPTIONS)[0]
    assert (first.fault, first.subject) == (Fault.UNSEEN, "ghost")
    assert "something is at 98% of the labels of class car" in first.reason


def test_labels_that_all_agree_have_no_fault(options: LabelErrorOptions) -> None:
    assert find_faults(*drawn_world(), CLASSES, options) == []


def test_a_missing_label_says_little_where_half_of_such_boxes_have_none() -> None:
    labels, seen = drawn_world()
    halved = {
        item: ItemBoxes.of(mine.ids[::2], mine.class_ids[::2], mine.xyxy_px[::2]) for item, mine in labels.items()
    }
    found = find_faults(halved, seen, CLASSES, OPTIONS)
    assert {one.fault for one in found} == {Fault.OVERLOOKED}
    assert max(one.suspicion for one in found) < 0.2


def test_little_evidence_is_no_suspicion() -> None:
    labels, seen = drawn_world(items=1, boxes=2)
    found = find_faults(changed(labels, "item-0", swap=0), seen, CLASSES, OPTIONS)
    assert max(one.suspicion for one in found) < OPTIONS.least_suspicion


def test_two_boxes_over_one_missing_object_are_one_finding() -> None:
    labels, seen = drawn_world()
    mine = seen["item-3"]
    twice = ItemBoxes.of(
        [*mine.ids, "again"], [*mine.class_ids, 0], [*mine.xyxy_px, mine.xyxy_px[2] + 2], [*mine.scores, 0.5]
    )
    found = find_faults(changed(labels, "item-3", drop=2), seen | {"item-3": twice}, CLASSES, OPTIONS)
    assert [one.subject for one in found] == ["box-2"]


def test_items_without_labels_and_items_without_boxes_can_be_judged(options: LabelErrorOptions) -> None:
    labels, seen = drawn_world()
    nothing = ItemBoxes.of([], [], [])
    found = find_faults(labels | {"item-1": nothing}, seen | {"item-2": nothing}, CLASSES, options)
    assert {(one.item_id, one.fault) for one in found} == {("item-1", Fault.OVERLOOKED), ("item-2", Fault.UNSEEN)}


def test_with_one_class_nothing_is_swapped_and_the_rest_is_found(options: LabelErrorOptions) -> None:
    labels, seen = drawn_world()
    alike = [
        {
            item: ItemBoxes(mine.ids, np.zeros_like(mine.class_ids), mine.xyxy_px, mine.scores)
            for item, mine in one.items()
        }
        for one in (changed(labels, "item-3", drop=2), seen)
    ]
    assert [one.fault for one in find_faults(*alike, ("car",), options)] == [Fault.OVERLOOKED]


@pytest.mark.parametrize("wrong", [float("nan"), -0.5, 1.5])
def test_scores_that_are_no_scores_are_refused(wrong: float) -> None:
    labels, seen = drawn_world(items=2)
    seen["item-1"].scores[3] = wrong
    with pytest.raises(BadInput, match="item-1"):
        find_faults(labels, seen, CLASSES, OPTIONS)


def test_a_corner_that_is_no_number_is_refused() -> None:
    labels, seen = drawn_world(items=2)
    labels["item-0"].xyxy_px[1, 2] = np.inf
    with pytest.raises(BadInput, match="label-1"):
        find_faults(labels, seen, CLASSES, OPTIONS)


def test_an_unknown_class_is_refused() -> None:
    labels, seen = drawn_world(items=2)
    with pytest.raises(BadInput, match="expected 0 to 0"):
        find_faults(labels, seen, ("car",), OPTIONS)


def test_items_without_a_scan_are_refused() -> None:
    labels, seen = drawn_world(items=2)
    del seen["item-1"]
    with pytest.raises(BadInput, match="'item-1'"):
        find_faults(labels, seen, CLASSES, OPTIONS)


@pytest.mark.parametrize("items", [0, 3])
def test_without_any_label_nothing_can_be_judged(items: int) -> None:
    nothing = {f"item-{number}": ItemBoxes.of([], [], []) for number in range(items)}
    with pytest.raises(NotEnoughData, match="no label"):
        find_faults(nothing, nothing, CLASSES, OPTIONS)


def test_cleanlab_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, seen = drawn_world(items=2)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cleanlab"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(BadOption, match=r"labelline\[faults\]"):
        find_faults(labels, seen, CLASSES, LabelErrorOptions(scores="cleanlab"))


def test_cleanlab_alone_ranks_a_faulty_item_last_of_all() -> None:
    pytest.importorskip("cleanlab", reason="the extra `faults` is not installed")
    labels, seen = drawn_world()
    quality = item_scores(changed(labels, "item-3", swap=2), seen)
    assert min(quality, key=lambda item: quality[item]) == "item-3"
    assert item_scores({}, {}) == {}


def test_what_is_prepared_for_cleanlab_gives_the_scores_that_cleanlab_works_out_itself() -> None:
    rank = pytest.importorskip("cleanlab.object_detection.rank", reason="the extra `faults` is not installed")
    labels, seen = crowded_world()
    given = [{"bboxes": mine.xyxy_px, "labels": mine.class_ids} for mine in labels.values()]
    said = []
    for mine in (seen[item] for item in labels):
        table = np.empty(3, dtype=object)
        for class_id in range(3):
            table[class_id] = np.column_stack([mine.xyxy_px, mine.scores])[mine.class_ids == class_id]
        said.append(table)
    half = {"high_probability_threshold": 0.5}
    theirs = (
        rank.compute_overlooked_box_scores(labels=given, predictions=said, **half),
        rank.compute_badloc_box_scores(labels=given, predictions=said),
        rank.compute_swap_box_scores(labels=given, predictions=said, **half),
    )
    ours = box_scores(labels, seen)
    by_class = [np.argsort(mine.class_ids, kind="stable") for mine in seen.values()]
    for mine, other, order in zip(ours[0], theirs[0], by_class, strict=True):
        np.testing.assert_allclose(mine[order], other)
    for part, others in zip(ours[1:], theirs[1:], strict=True):
        for mine, other in zip(part, others, strict=True):
            np.testing.assert_allclose(mine, other)
    assert list(place_scores(labels, seen).values()) == pytest.approx(np.concatenate(theirs[1]).tolist())


@pytest.mark.parametrize("seed", range(5))
def test_of_boxes_that_lie_over_each_other_only_the_best_says_that_a_label_is_missing(seed: int) -> None:
    labels, seen = crowded_world(seed)
    for item, mine in labels.items():
        others = seen[item].at_least(OPTIONS.min_score)
        single = pair(mine, others).single_boxes
        kept: list[int] = []
        for box in sorted(single.tolist(), key=lambda place: -others.scores[place]):
            edges = [*mine.xyxy_px, *others.xyxy_px[kept]]
            if all(iou_of_all(others.xyxy_px[[box]], np.array([edge]))[0, 0] < RIGHT_IOU for edge in edges):
                kept.append(box)
        found = find_faults(labels, seen, ("car", "truck", "bus"), OPTIONS)
        overlooked = {one.subject for one in found if one.item_id == item and one.fault is Fault.OVERLOOKED}
        assert overlooked == {others.ids[box] for box in kept}


def crowded_world(seed: int = 0) -> tuple[dict[str, ItemBoxes], dict[str, ItemBoxes]]:
    """Labels and boxes of three classes thrown over each other, also items without the ones or the others."""
    rng = np.random.default_rng(seed)

    def thrown(name: str, count: int) -> ItemBoxes:
        corner, size = rng.uniform(0, 120, (count, 2)), rng.uniform(10, 60, (count, 2))
        ids = [f"{name}-{k}" for k in range(count)]
        boxes = np.hstack([corner, corner + size]).tolist()
        return ItemBoxes.of(ids, rng.integers(0, 3, count).tolist(), boxes, rng.uniform(0, 1, count).tolist())

    labels = {f"item-{n}": thrown("label", count) for n, count in enumerate((12, 0, 5, 1, 0))}
    return labels, {f"item-{n}": thrown("box", count) for n, count in enumerate((60, 20, 0, 1, 0))}


def test_a_label_takes_the_box_of_its_class_where_two_lie_alike() -> None:
    labels = ItemBoxes.of(["a"], [1], [(0, 0, 10, 10)])
    boxes = ItemBoxes.of(["x", "y"], [0, 1], [(0, 0, 10, 10), (0, 0, 10, 11)], [0.9, 0.5])
    assert pair(labels, boxes).partner.tolist() == [1]


def test_agreement_never_falls_with_the_score() -> None:
    labels, seen = drawn_world()
    agreement = DetectorAgreement.of([pair(mine, seen[item]) for item, mine in labels.items()])
    shares = [agreement.labelled(0, score) for score in np.linspace(0, 1, 11)]
    assert shares == sorted(shares)
    assert agreement.labelled(7, 0.9) == 0.0


@pytest.mark.parametrize(("rarity", "suspicion"), [(1.0, 0.05), (0.05, 0.51), (0.0, 1.0), (2.0, 0.05)])
def test_what_is_rarer_is_more_suspicious(rarity: float, suspicion: float) -> None:
    assert suspicion_of(rarity, 0.05) == pytest.approx(suspicion, abs=0.01)


def test_a_strong_contradiction_is_rarer_than_a_weak_one() -> None:
    labels, seen = drawn_world()
    labels = {item: replace(mine, class_ids=np.zeros_like(mine.class_ids)) for item, mine in labels.items()}
    seen = {item: replace(mine, class_ids=np.zeros_like(mine.class_ids)) for item, mine in seen.items()}
    faulty = changed(changed(labels, "item-3", shift=2), "item-5", shift=1)
    seen["item-3"].scores[2], seen["item-5"].scores[1] = 0.99, 0.3
    found = find_faults(faulty, seen, CLASSES, OPTIONS)
    assert [one.item_id for one in found] == ["item-3", "item-5"]
