"""What is odd in a whole batch becomes a question with its reason: places, numbers, colours and surfaces."""

import hashlib
from collections.abc import Callable
from itertools import count

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import BatchItem, Item, Label, Verdict, utc_now
from blocks.errors import BadOption, BadWeights, ObjectMissing
from blocks.storage.stores import Store
from infra.demo.run import STARTER
from tasks.detect.refs import Scope
from tasks.triage.acceptable import acceptable_boxes
from tasks.triage.audit import draw_audit
from tasks.triage.boxes import usable_items
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.read_surfaces import good_items, heat_maps, odd_surfaces_of
from tasks.triage.report import TriageReport
from tasks.triage.summary import what_went_where
from tests.dataset.scenes import label_row
from tests.triage.rows import BATCH, DETECTOR, RECIPE, Box, add_batch, add_scan, car

SCOPE = Scope(BATCH, DETECTOR, RECIPE)
Boxes = list[Box]


def routes_of(engine: Engine) -> dict[str, tuple[str | None, list[str]]]:
    with reading(engine) as session:
        return {row.item_id: (row.route, row.reasons) for row in session.exec(select(BatchItem))}


def verdict_of(engine: Engine, proposal_id: str) -> tuple[str, list[str]]:
    with reading(engine) as session:
        verdict = session.get_one(Verdict, (BATCH, proposal_id))
    return verdict.outcome, verdict.reasons


def scanned(engine: Engine, boxes_of: Callable[[int], Boxes], items: int = 40) -> tuple[list[str], list[list[str]]]:
    ids = add_batch(engine, items)
    return ids, [add_scan(engine, item_id, boxes_of(number)) for number, item_id in enumerate(ids)]


def triage(engine: Engine, options: TriageOptions, store: Store | None = None, **more: object) -> TriageReport:
    return decide(engine, BATCH, options, DETECTOR, RECIPE, store=store, **more)  # type: ignore[arg-type]


def options_without_audit_of(engine: Engine, item_id: str, **more: object) -> TriageOptions:
    """Return options, and draw their audit of one item so that it is another one."""
    seed = next(seed for seed in count() if lot_of(engine, seed) != item_id)
    draw_audit(engine, BATCH, 0.001, seed)
    return TriageOptions.model_validate({"audit_share": 0.001, "seed": seed, "image_outliers": False, **more})


def lot_of(engine: Engine, seed: int) -> str:
    return min(usable_items(engine, BATCH), key=lambda i: hashlib.sha256(f"{seed}|{BATCH}|{i}".encode()).digest())


def at_the_right(number: int) -> Boxes:
    """A car about (800, 100), and in item 7 one far to the left."""
    off = np.random.default_rng(number).normal(0, 8, 2)
    return [car(0.9, (100 if number == 7 else 800) + off[0], 100 + off[1])]


def test_a_sure_box_where_its_class_never_is_is_asked_about(engine: Engine) -> None:
    ids, proposals = scanned(engine, at_the_right)
    options = options_without_audit_of(engine, ids[7])
    assert triage(engine, options).items_by_route == {"sure": 38, "ask": 1, "audit": 1}
    assert verdict_of(engine, proposals[7][0]) == ("ask", ["far left of where a car usually is"])


def test_places_can_be_switched_off(engine: Engine) -> None:
    ids, proposals = scanned(engine, at_the_right)
    triage(engine, options_without_audit_of(engine, ids[7], place_outliers=False))
    assert verdict_of(engine, proposals[7][0])[0] == "accept"


@pytest.mark.parametrize("switched_on", [True, False])
def test_what_audits_draw_from_leaves_out_exactly_what_triage_asks_about(engine: Engine, switched_on: bool) -> None:
    ids, proposals = scanned(engine, at_the_right)
    options = options_without_audit_of(engine, ids[7], place_outliers=switched_on)
    assert (proposals[7][0] in acceptable_boxes(engine, SCOPE, options, 0.4).ids) is not switched_on


def crowd(number: int) -> Boxes:
    """Eight to ten cars anywhere, 40 of them in item 7, and 40 weak boxes more in item 9."""
    rng = np.random.default_rng(number)
    places = rng.uniform([50, 50], [900, 700], (40, 2)).tolist()
    weak = [car(0.12, x, y) for x, y in places] if number == 9 else []
    return weak + [car(0.9, x, y) for x, y in places[: 40 if number == 7 else 8 + number % 3]]


def test_an_item_with_far_more_objects_than_usual_is_asked_about(engine: Engine) -> None:
    ids, _ = scanned(engine, crowd)
    report = triage(engine, options_without_audit_of(engine, ids[7]))
    assert routes_of(engine)[ids[7]] == ("ask", ["40 of class car where 9 is usual"])
    assert report.items_by_reason["ask"] == {"unusual number": 1}  # what is dropped is not counted


def test_numbers_can_be_switched_off(engine: Engine) -> None:
    ids, _ = scanned(engine, crowd)
    triage(engine, options_without_audit_of(engine, ids[7], count_outliers=False))
    assert routes_of(engine)[ids[7]][0] == "sure"


def test_what_is_too_little_to_know_what_is_usual_is_said(engine: Engine) -> None:
    scanned(engine, lambda _: [car(0.9), car(0.05)], 5)
    report = triage(engine, TriageOptions())
    assert report.notes == (
        "images: not enough evidence: 0 with an embedding, and 20 are needed",
        "numbers of boxes: not enough evidence: 5 images, and 20 are needed",
        "sizes and places: not enough evidence of car (5): 20 whole boxes are needed",
    )
    assert "Not judged: sizes and places" in what_went_where(report)
    assert triage(engine, TriageOptions()) == report  # nothing was left to decide


def put_images(engine: Engine, store: Store, image_of: Callable[[int], np.ndarray | None]) -> None:
    with reading(engine) as session:
        keys = {item.name: item.key for item in session.exec(select(Item))}
    for name, key in keys.items():
        number = int(name.removeprefix("image-").removesuffix(".jpg"))
        image = image_of(number)
        store.put(key, b"no picture" if image is None else cv2.imencode(".png", image)[1].tobytes())


def grey_but_one(number: int) -> np.ndarray | None:
    """Grey pictures; a red one of item 7, and one of item 9 that cannot be read."""
    image = np.full((800, 1000, 3), 120, dtype=np.uint8)
    if number == 7:
        image[:, :] = (40, 40, 220)
    return None if number == 9 else image


def anywhere(number: int) -> Boxes:
    x, y = np.random.default_rng(number).uniform(50, 700, 2)
    return [car(0.9, x, y), car(0.05, x, y)]


def test_what_needs_the_images_is_refused_without_them(engine: Engine) -> None:
    scanned(engine, anywhere, 3)
    with pytest.raises(BadOption, match="pass the object store"):
        triage(engine, TriageOptions(surface_anomalies=True))


@pytest.mark.parametrize("items", [0, 1])
def test_an_empty_or_tiny_batch_has_no_odd_surfaces(engine: Engine, store: Store, items: int) -> None:
    scanned(engine, lambda _: [], items)
    put_images(engine, store, grey_but_one)
    report = triage(engine, TriageOptions(surface_anomalies=True), store)
    assert report.items == items


def surface(number: int, *, scratched: bool) -> np.ndarray:
    image = np.random.default_rng(number).normal(120, 4, (96, 96, 3)).clip(0, 255).astype(np.uint8)
    if scratched:
        cv2.line(image, (20, 20), (70, 40), (10, 10, 10), 3)
    return image


def settled_good(engine: Engine, store: Store, items: int, flawed: int = 0) -> list[str]:
    """Settled images of an earlier batch: good ones without a label, then some with one."""
    ids = add_batch(engine, items + flawed, "earlier")
    with writing(engine) as session:
        for number, item_id in enumerate(ids):
            place = session.get_one(BatchItem, ("earlier", item_id))
            place.settled_at = utc_now()
            image = surface(1000 + number, scratched=number >= items)
            store.put(session.get_one(Item, item_id).key, cv2.imencode(".png", image)[1].tobytes())
            if number >= items:
                upsert(session, Label, [label_row(item_id, "flaw", "scratch", (1.0, 1.0, 9.0, 9.0), "earlier")])
            if number == 0:  # somebody labelled it, and somebody else took that away again
                rows = [label_row(item_id, "slip", "scratch", (1.0, 1.0, 9.0, 9.0), "earlier")]
                rows.append(
                    label_row(item_id, "slip", "scratch", (1.0, 1.0, 9.0, 9.0), "earlier", revision=1, retracted=True)
                )
                upsert(session, Label, rows)
    return ids


def put_surfaces(engine: Engine, store: Store, ids: list[str], scratched: set[int]) -> None:
    with reading(engine) as session:
        keys = [session.get_one(Item, item_id).key for item_id in ids]
    for number, key in enumerate(keys):
        store.put(key, cv2.imencode(".png", surface(number, scratched=number in scratched))[1].tobytes())


@pytest.fixture
def weights(store: Store) -> Store:
    store.put(f"weights/{DETECTOR}.pt", STARTER)
    return store


def test_a_scratched_surface_is_asked_about_with_a_heat_map(engine: Engine, weights: Store) -> None:
    settled_good(engine, weights, 12, flawed=2)
    ids, _ = scanned(engine, anywhere, 6)
    put_surfaces(engine, weights, ids, scratched={4})
    report = triage(engine, options_without_audit_of(engine, ids[4], surface_anomalies=True), weights)
    route, (why,) = routes_of(engine)[ids[4]]
    assert route == "ask" and why.startswith("oddest patch ") and why.endswith("known good ones as usual")
    assert report.items_by_route["ask"] == 1
    assert not any("surfaces" in note for note in report.notes)
    assert heat_maps(weights, BATCH).count("data:image/jpeg;base64,") == 1


def test_a_surface_that_cannot_be_read_is_a_reason_to_look(engine: Engine, weights: Store) -> None:
    settled_good(engine, weights, 6)
    ids, _ = scanned(engine, anywhere, 4)
    put_images(engine, weights, lambda number: None if number == 2 else surface(number, scratched=False))
    found = odd_surfaces_of(engine, weights, SCOPE, TriageOptions())
    assert found.reasons[ids[2]] == ["cannot be compared with good surfaces: it cannot be read"]


def test_too_few_good_surfaces_are_said_to_be_not_enough_evidence(engine: Engine, weights: Store) -> None:
    settled_good(engine, weights, 4, flawed=3)
    scanned(engine, anywhere, 4)
    report = triage(engine, TriageOptions(surface_anomalies=True), weights)
    note = "surfaces: not enough evidence: 4 settled images without a label, and 5 are needed"
    assert report.notes[-1] == note
    assert "Not judged: surfaces: not enough evidence" in what_went_where(report)
    assert heat_maps(weights, BATCH) == ""


def test_good_surfaces_are_settled_without_a_label_in_force_and_drawn_at_random(engine: Engine, store: Store) -> None:
    ids = settled_good(engine, store, 6, flawed=3)
    scanned(engine, anywhere, 2)
    assert set(good_items(engine, SCOPE, 100)) == set(ids[:6])
    assert len(good_items(engine, SCOPE, 4)) == 4
    assert good_items(engine, SCOPE, 4) == good_items(engine, SCOPE, 4)


def test_weights_that_are_gone_or_have_no_such_layers_are_named(engine: Engine, store: Store) -> None:
    settled_good(engine, store, 6)
    scanned(engine, anywhere, 2)
    with pytest.raises(ObjectMissing, match="detector-1"):
        odd_surfaces_of(engine, store, SCOPE, TriageOptions())
    store.put(f"weights/{DETECTOR}.pt", b"no weights")
    with pytest.raises(BadWeights):
        odd_surfaces_of(engine, store, SCOPE, TriageOptions())
