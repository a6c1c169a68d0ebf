"""A batch is looked at the same way however often its run wakes up, by what had settled when it began."""

import hashlib

import numpy as np
import pytest
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, Route
from tasks.detect import models, steps
from tasks.detect.calibration import read_calibration
from tasks.detect.options import TilingOptions
from tasks.detect.plan import plan_tiling, recipe_of
from tasks.detect.proposals import proposals_of, propose
from tasks.detect.refs import DetectorRef
from tasks.detect.settled_evidence import judged_proposals, object_sizes
from tasks.intake.batches import BatchRef
from tasks.intake.images import encode_jpeg
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.detect.scenes import ColourDetector, draw
from tests.triage.rows import DETECTOR, add_batch, add_scan

VERSION = "0123456789ab"
REF = DetectorRef(version=VERSION, weights_key=f"weights/{VERSION}.pt", name="colours")
OPTIONS = TilingOptions(tile_px=320, whole_image=False)
CLASSES = ("car",)
FACTS = {"name": "a.jpg", "sequence": "s", "media_type": "image/jpeg", "size_bytes": 1, "plain": True}
WIDE, HIGH = 60, 30


def corners(x):
    return {"x_min": float(x), "y_min": 10.0, "x_max": float(x + WIDE), "y_max": float(10 + HIGH)}


@pytest.fixture
def settle_items(engine):
    """Settle items on which two of three boxes are right, whatever score of 0.8 to 0.98 the detector gave them."""

    def settle(count, start=0, route=Route.ASK, collection="lots", options=OPTIONS, sizes=1.0):
        dice = np.random.default_rng(start)
        batch = f"b{collection}{start}"
        names = [f"item {collection} {number:04d}" for number in range(start, start + count)]
        with writing(engine) as session:
            upsert(session, Batch, [{"id": batch, "collection": collection}])
            size = {"width": 900, "height": 400, **FACTS}
            upsert(session, Item, [{"id": name, "key": f"items/{name}", **size} for name in names])
            place = {"batch_id": batch, "route": route.value, "settled_at": _now()}
            upsert(session, BatchItem, [{"item_id": n, "position": p, **place} for p, n in enumerate(names)])
            upsert(session, Proposal, [_proposal(n, k, dice, options) for n in names for k in range(3)])
            upsert(session, Label, [_label(n, k, batch, sizes) for n in names for k in range(2)])

    return settle


def _now():
    from blocks.database.tables import utc_now

    return utc_now()


def _proposal(item_id, number, dice, options):
    score = float(dice.uniform(0.8, 0.98))
    part = {"view": "tile", "score": score}
    where = {"detector": VERSION, "recipe": options.recipe(CLASSES), "view": "tile", "merged_from": [part]}
    return {
        "id": f"{item_id} {number} {options.calibration}",
        "item_id": item_id,
        "class_name": "car",
        "score": score,
        **corners(200 * number),
        **where,
    }


def _label(item_id, number, batch, sizes):
    key = {"item_id": item_id, "region": f"r{number}", "revision": 0}
    name = hashlib.sha256(f"{key}".encode()).hexdigest()
    box = corners(200 * number)
    box["x_max"] = box["x_min"] + WIDE * sizes
    return {"id": name, **key, "class_name": "car", "origin": "person", "batch_id": batch, **box}


def plan_of(engine, store, batch="new", options=OPTIONS, version=VERSION):
    return plan_tiling(engine, store, batch, "lots", version, CLASSES, options)


def test_with_nothing_settled_a_batch_is_looked_at_as_asked(engine, store):
    assert plan_of(engine, store) == OPTIONS
    asked = OPTIONS.model_copy(update={"fit_objects": True})
    assert plan_of(engine, store, options=asked) == asked


def test_settled_labels_calibrate_the_scores_of_the_next_batch(engine, store, settle_items, caplog):
    settle_items(60)
    with caplog.at_level("INFO"):
        planned = plan_of(engine, store)
    assert "calibration error" in caplog.text
    kept = read_calibration(store, VERSION, planned.calibration)
    assert kept.points == 180
    assert kept.error_after < 0.3 * kept.error_before
    assert planned.recipe(CLASSES) != OPTIONS.recipe(CLASSES) == planned.uncalibrated().recipe(CLASSES)


def test_a_planned_batch_keeps_its_plan_while_more_settles(engine, store, settle_items):
    first = plan_of(engine, store)
    settle_items(60)
    assert plan_of(engine, store) == first
    assert plan_of(engine, store, "another").calibration != first.calibration == ""


def test_a_calibration_is_used_until_there_is_half_as_much_again(engine, store, settle_items):
    settle_items(60)
    first = plan_of(engine, store, "one").calibration
    settle_items(10, start=100)
    assert plan_of(engine, store, "two").calibration == first
    calibrated = OPTIONS.model_copy(update={"calibration": first})
    settle_items(40, start=200, options=calibrated)  # scanned under the calibration: judged by their raw scores
    second = plan_of(engine, store, "three").calibration
    assert second not in {"", first}
    assert read_calibration(store, VERSION, second).points == 330


@pytest.mark.parametrize("change", ["another detector", "accepted unseen", "another collection", "switched off"])
def test_what_says_nothing_of_a_detector_does_not_calibrate_it(engine, store, settle_items, change):
    settle_items(
        60,
        route=Route.SURE if change == "accepted unseen" else Route.AUDIT,
        collection="yards" if change == "another collection" else "lots",
    )
    options = OPTIONS.model_copy(update={"calibrated": change != "switched off"})
    version = "f" * 12 if change == "another detector" else VERSION
    assert plan_of(engine, store, options=options, version=version).calibration == ""


def test_labels_that_were_corrected_or_retracted_judge_as_they_are_now(engine, store, settle_items):
    settle_items(4)
    newer = {**_label("item lots 0000", 0, "blots0", 1.0), "id": "newer", "revision": 1, "retracted": True}
    with writing(engine) as session:
        upsert(session, Label, [newer])
    judged = judged_proposals(engine, "lots", VERSION, [OPTIONS.recipe(CLASSES)], CLASSES)
    assert int(judged.right.sum()) == 7
    assert object_sizes(engine, "lots", CLASSES).tolist() == [[WIDE, HIGH]] * 7
    assert object_sizes(engine, "lots", ("bus",)).shape == (0, 2)


def test_tiles_are_chosen_by_the_sizes_of_labelled_objects(engine, store, settle_items, caplog):
    settle_items(20, sizes=7.0)
    asked = TilingOptions(fit_objects=True, calibrated=False)
    with caplog.at_level("INFO"):
        planned = plan_of(engine, store, options=asked)
    assert planned.tile_px * planned.overlap_share >= 7 * WIDE
    assert "sizes of 40 objects" in caplog.text


def test_calibrated_scores_are_what_triage_will_read(engine, store, settle_items, monkeypatch):
    settle_items(60)
    detector = ColourDetector()
    models._warm[VERSION, 320, "auto"] = detector
    planned = plan_of(engine, store)
    data = encode_jpeg(draw((600, 400), [[30, 40, 200, 110]]), 95)
    item_id = hashlib.sha256(data).hexdigest()
    store.put(f"items/{item_id}", data)
    row = {"id": item_id, "key": f"items/{item_id}", **FACTS, "width": 600, "height": 400}
    with writing(engine) as session:
        upsert(session, Item, [row])
    with reading(engine) as session:
        item = session.get(Item, item_id)
    for options in (OPTIONS, planned):
        propose(engine, store, [item], REF, CLASSES, options)
    raw, calibrated = (
        proposals_of(engine, [item_id], VERSION, options.recipe(CLASSES))[item_id][0] for options in (OPTIONS, planned)
    )
    assert raw.score > 0.7
    assert calibrated.score == pytest.approx(2 / 3, abs=0.08)
    assert calibrated.merged_from == raw.merged_from
    assert planned.calibration


def test_the_step_plans_once_and_says_how(engine, store, settle_items, monkeypatch, caplog):
    settle_items(60)
    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(steps, "open_store", lambda _plugs: store)
    batch = BatchRef(id="new", collection="lots", size=1)
    with caplog.at_level("INFO"):
        scan = steps.plan_scan.fn(batch, REF, OPTIONS, CLASSES, "local")
    planned = scan.tiling
    assert planned.calibration
    assert f"scores calibrated ({planned.calibration})" in caplog.text
    assert scan.recipe == planned.recipe(CLASSES) != OPTIONS.recipe(CLASSES)
    assert steps.plan_scan.fn(batch, REF, OPTIONS, CLASSES, "local") == scan


def test_a_plan_that_was_made_when_there_was_a_coarse_pass_is_still_found(engine, store):
    plan_tiling(engine, store, "b", "lot", "v", ("car",), TilingOptions(calibrated=False))
    assert store.has("plans/37002c21a3c24ee7775a9d94bb95ae0b.json")


def test_a_batch_that_is_triaged_keeps_the_recipe_it_was_judged_by(engine):
    # A run may sleep in one version and wake in another, to which the same options are another recipe.
    item_id = add_batch(engine, 1, "b")[0]
    assert recipe_of(engine, "b", DETECTOR, "new") == "new"
    add_scan(engine, item_id, [("car", 0.9, 1.0, 1.0, 9.0, 9.0)], recipe="former")
    decide(engine, "b", TriageOptions(), DETECTOR, "former")
    assert recipe_of(engine, "b", DETECTOR, "new") == "former"
    assert recipe_of(engine, "b", "another", "new") == "new"
    with writing(engine) as session:
        place = session.exec(select(BatchItem)).one()
        place.route = None  # not all of it is triaged
        session.add(place)
    assert recipe_of(engine, "b", DETECTOR, "new") == "new"
