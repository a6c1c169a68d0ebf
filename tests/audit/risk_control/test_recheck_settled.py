"""Blind audits against thresholds: the machine's verdicts on items that people labelled without seeing them."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import BatchItem, Label, Proposal, utc_now
from blocks.shapes import Shape, shape_columns
from tasks.audit.bounds.certify import Promise, ThresholdStatus, certify
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit
from tasks.audit.bounds.missed_objects import bound_misses
from tasks.audit.bounds.scope import Stream
from tasks.audit.bounds.thresholds import ThresholdGrid
from tasks.audit.risk_control.blind_audit import BlindItem, BlindProposal, by_class, read_blind
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import certify_thresholds
from tasks.audit.risk_control.recheck import contradictions, recheck_thresholds
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.kinds.masks.kind import MASKS
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.kinds.polygons.kind import POLYGONS
from tasks.kinds.protocol import LabelKind
from tasks.triage.audit import audits_of
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.audit.lot import CLASSES, SCOPE, Lot, answer_all, make_lot
from tests.triage.rows import BATCH, DETECTOR, RECIPE, car

TRIAGE = TriageOptions(image_outliers=False, audit_share=0.3)
RISK_CONTROL = RiskControlOptions(boxes_per_class=300)


def box(x: float, outcome: str = "accept", class_name: str = "car", score: float = 0.9) -> BlindProposal:
    return BlindProposal(Proposal(class_name=class_name, score=score, **edges(x)), outcome)


def drawn(x: float, class_name: str = "car") -> Label:
    return Label(class_name=class_name, **edges(x))


def edges(x: float) -> dict[str, float]:
    return {"x_min": x, "y_min": 100.0, "x_max": x + 40, "y_max": 120.0}


# --- one item ---


def test_without_audits_every_class_is_there_and_empty() -> None:
    found = by_class([], CLASSES)
    assert set(found) == set(CLASSES)
    assert all(one.accepted.units == 0 and one.items == () for one in found.values())


def test_accepted_boxes_are_right_where_people_drew_one_of_their_class() -> None:
    item = BlindItem("i", (box(0), box(100), box(200)), (drawn(0), drawn(100, "truck")))
    cars = by_class([item], CLASSES)["car"]
    assert cars.accepted.wrong.tolist() == [False, True, True]
    assert (cars.items[0].objects, cars.items[0].missed) == (1, 0)
    trucks = by_class([item], CLASSES)["truck"]
    assert (trucks.items[0].objects, trucks.items[0].missed) == (1, 1)


def test_a_second_box_on_one_object_is_wrong() -> None:
    item = BlindItem("i", (box(0, score=0.9), box(2, score=0.8)), (drawn(0),))
    assert by_class([item], CLASSES)["car"].accepted.wrong.tolist() == [False, True]


def test_a_doubtful_box_finds_its_object_and_a_dropped_one_does_not() -> None:
    item = BlindItem("i", (box(0, "ask"), box(100, "drop")), (drawn(0), drawn(100)))
    cars = by_class([item], CLASSES)["car"]
    assert cars.accepted.units == 0
    assert (cars.items[0].objects, cars.items[0].missed) == (2, 1)


@pytest.mark.parametrize(("kind", "shaped"), [(POLYGONS, traced), (MASKS, mask_of)], ids=["polygons", "masks"])
def test_an_outline_is_right_by_its_pixels_and_not_by_its_box(
    kind: LabelKind, shaped: Callable[[Raster], Shape]
) -> None:
    full = np.ones((20, 20), np.bool_)
    hollow = full.copy()
    hollow[3:-3, 3:-3] = False  # of the same box, and with half of the pixels
    true = [Label(class_name="car", **shape_columns(shaped(Raster(left, 0, full)))) for left in (0, 50)]
    said = [shaped(Raster(0, 0, full)), shaped(Raster(50, 0, hollow))]
    rows = [Proposal(class_name="car", score=0.9 - n / 10, **shape_columns(one)) for n, one in enumerate(said)]
    proposed = tuple(BlindProposal(row, "accept") for row in rows)
    cars = by_class([BlindItem("i", proposed, tuple(true), kind)], CLASSES)["car"]
    assert mask_iou(rasterised(said[1]), Raster(50, 0, full)) > 0.5
    assert cars.accepted.wrong.tolist() == [False, False]
    thin = full.copy()
    thin[2:-2, 2:-2] = False
    rows[1] = Proposal(class_name="car", score=0.8, **shape_columns(shaped(Raster(50, 0, thin))))
    proposed = tuple(BlindProposal(row, "accept") for row in rows)
    cars = by_class([BlindItem("i", proposed, tuple(true), kind)], CLASSES)["car"]
    assert cars.accepted.wrong.tolist() == [False, True], "its box is the true one's"
    assert (cars.items[0].objects, cars.items[0].missed) == (2, 1)


def test_an_item_without_objects_and_boxes_counts_for_nothing() -> None:
    cars = by_class([BlindItem("i", (), ())], CLASSES)["car"]
    assert bound_misses("car", cars.items, 10).rate is None


def test_a_score_that_is_no_number_comes_last() -> None:
    item = BlindItem("i", (box(0, score=float("nan")), box(1, score=0.5)), (drawn(0),))
    cars = by_class([item], CLASSES)["car"]
    assert cars.accepted.wrong.tolist() == [False, True]
    assert np.isnan(cars.accepted.scores[1])


# --- thresholds against audits ---


def certified() -> object:
    evidence = JudgedSample.of([f"i{n}" for n in range(300)], np.full(300, 0.9), np.zeros(300, bool), SampleUnit.ITEMS)
    return certify("car", [evidence], ThresholdGrid.of(np.full(9, 0.9)), Promise(), Stream(largest_draw=1))


def test_audits_that_agree_contradict_nothing_and_those_that_do_not_end_a_threshold() -> None:
    threshold = certified()
    right = by_class([BlindItem(f"i{n}", (box(0),), (drawn(0),)) for n in range(50)], CLASSES)
    wrong = by_class([BlindItem(f"i{n}", (box(0),), ()) for n in range(50)], CLASSES)
    assert not contradictions({"car": threshold}, right)["car"].is_contradicted  # type: ignore[dict-item]
    assert contradictions({"car": threshold}, wrong)["car"].is_contradicted  # type: ignore[dict-item]
    assert contradictions({"car": threshold}, by_class([], CLASSES)) == {}  # type: ignore[dict-item]


@pytest.fixture
def lot(engine: Engine) -> Lot:
    """A batch with a certified threshold that triage has used."""
    made = make_lot(engine, items=90)
    draw_evidence(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    answer_all(engine, made.all_right)
    thresholds = certify_thresholds(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).in_force
    assert "car" in thresholds.accept_from
    decide(engine, BATCH, TRIAGE, DETECTOR, RECIPE, thresholds=thresholds)
    return made


def label_blind(engine: Engine, cars: int) -> None:
    """Let people label the audited items: of each item's ten cars these are there, from the left."""
    with writing(engine) as session:
        for item_id in audits_of(engine, BATCH):
            session.get_one(BatchItem, (BATCH, item_id)).settled_at = utc_now()
            rows = []
            for number in range(cars):
                name, _, x_min, y_min, x_max, y_max = car(x=50.0 * number)
                corners = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
                region = f"{item_id[:20]}-{number}"
                where = {"item_id": item_id, "region": region, "batch_id": BATCH, "origin": "person"}
                rows.append({"id": region, "class_name": name, **where, **corners})
            upsert(session, Label, rows)


def test_nothing_audited_yet_changes_nothing(lot: Lot) -> None:
    assert "car" in recheck_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).in_force.accept_from


def test_audits_that_find_all_boxes_right_leave_the_threshold(lot: Lot) -> None:
    label_blind(lot.engine, cars=10)
    certified = recheck_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert certified.thresholds["car"].standing is ThresholdStatus.CERTIFIED
    assert len(read_blind(lot.engine, [BATCH])) == 27


def test_audits_that_find_most_boxes_wrong_withdraw_the_threshold_by_themselves(lot: Lot) -> None:
    label_blind(lot.engine, cars=3)
    certified = recheck_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert certified.thresholds["car"].standing is ThresholdStatus.WITHDRAWN
    assert "audited since are wrong" in certified.thresholds["car"].reason
    assert certified.in_force.accept_from == {}
    assert recheck_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL) == certified


def test_audits_of_all_wrong_boxes_are_seen_as_such(lot: Lot) -> None:
    label_blind(lot.engine, cars=0)
    cars = by_class(read_blind(lot.engine, [BATCH]), CLASSES)["car"]
    assert cars.accepted.wrong.all() and cars.accepted.units > 0
    with reading(lot.engine) as session:
        assert not session.exec(select(Label)).all()
    assert recheck_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).in_force.accept_from == {}
