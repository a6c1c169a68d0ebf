"""A snapshot's certificate states what was measured and nothing else, and is issued anew only where that changes."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import CertifiedThreshold, IssuedCertificate, Judgement
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Audit, BatchItem, Label, Proposal, Scan, Verdict, utc_now
from blocks.errors import BadOption, ObjectMissing
from blocks.storage.stores import Store
from tasks.audit.certificate.certificate import Bound, Certificate, from_json
from tasks.dataset.certificate_page import certificate_page
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.intake.label_kinds import change_label_kind
from tests.dataset.scenes import draw_scene, label_row, settle_scenes

SPLITS = {"s0": "train", "s1": "val", "s2": "test"}
WHEN = utc_now()


@pytest.fixture
def items(engine: Engine, store: Store) -> list[str]:
    """Three pictures with 4 labels each, two red and two blue, all drawn by people."""
    return settle_scenes(engine, store, [draw_scene(n, sequence=f"s{n}", squares=4) for n in range(3)], SPLITS)


def propose(engine: Engine, label: Label, outcome: str = "accept", **changes: object) -> str:
    """Write the proposal that a label came from, with triage's verdict on it."""
    corners = {name: getattr(label, name) for name in ("x_min", "y_min", "x_max", "y_max")}
    mine = {"item_id": label.item_id, "detector": "d1", "recipe": "r1"}
    row = {"id": f"p-{label.id[:20]}", **mine, "class_name": label.class_name, "score": 0.9, "view": "tile", **corners}
    with writing(engine) as session:
        upsert(session, Scan, [{**mine, "proposals": 1, "whole_frame": 0, "tiles": 1}])
        upsert(session, Proposal, [row | changes])
        upsert(session, Verdict, [{"batch_id": "b1", "proposal_id": row["id"], "outcome": outcome}])
    return str(row["id"])


def labels_of(engine: Engine, class_name: str | None = None) -> list[Label]:
    with reading(engine) as session:
        rows = session.exec(select(Label).order_by(Label.item_id, Label.region)).all()
    return [row for row in rows if class_name in (None, row.class_name)]


def machine_made(engine: Engine, class_name: str) -> int:
    """Say that the labels of a class were accepted unseen; returns how many."""
    mine = labels_of(engine, class_name)
    for label in mine:
        proposal_id = propose(engine, label)
        with writing(engine) as session:
            row = session.get_one(Label, label.id)
            row.origin, row.proposal_id = "machine", proposal_id
    return len(mine)


def add_threshold(engine: Engine, class_name: str, standing: str = "certified", **changes: object) -> None:
    row = {
        "batch_id": "b1", "detector": "d1", "recipe": "r1", "class_name": class_name, "collection": "lot",
        "standing": standing, "accept_from": 0.7, "epsilon": 0.02, "delta": 0.05, "scope": "batch", "population": 900,
        "draws": 250, "judged": 250, "wrong": 1, "reason": f"threshold for {class_name} {standing}",
        "certified_at": WHEN,
    }  # fmt: skip
    with writing(engine) as session:
        upsert(session, CertifiedThreshold, [row | changes])


def audit(engine: Engine, item_id: str) -> None:
    with writing(engine) as session:
        upsert(session, Audit, [{"batch_id": "b1", "item_id": item_id, "why": "random", "seed": 0}])


def certify(engine: Engine, store: Store) -> Certificate:
    return issue_certificate(engine, store, take_snapshot(engine, store, "lot").id)


def test_a_followed_box_that_a_person_left_is_confirmed_whosever_it_is(
    engine: Engine, store: Store, items: list[str]
) -> None:
    change_label_kind(engine, "lot", "tracks")
    for number, label in enumerate(labels_of(engine, "red")):
        moved = {"x_max": label.x_max + 9} if number == 0 else {}
        proposal_id = propose(engine, label, **moved)
        with writing(engine) as session:
            row = session.get_one(Label, label.id)
            row.proposal_id, row.track = (
                proposal_id,
                label.region,
            )  # whose it is was said once all of its sequence was settled
    certificate = issue_certificate(engine, store, take_snapshot(engine, store, "lot").id)
    (red,) = [one for one in certificate.classes if one.name == "red"]
    assert (red.labellers.confirmed_by_people, red.labellers.corrected_by_people) == (5, 1)


def test_an_unknown_snapshot_is_refused(engine: Engine, store: Store) -> None:
    with pytest.raises(BadOption, match="not in the catalogue"):
        issue_certificate(engine, store, "0" * 64)


def test_a_damaged_manifest_is_refused(engine: Engine, store: Store, items: list[str]) -> None:
    snapshot = take_snapshot(engine, store, "lot")
    store.put(f"snapshots/{snapshot.id}.json", b"{}")
    with pytest.raises(ObjectMissing):
        issue_certificate(engine, store, snapshot.id)


def test_labels_by_hand_have_no_error_bound_and_no_audits_no_miss_bound(
    engine: Engine, store: Store, items: list[str]
) -> None:
    certificate = certify(engine, store)
    assert (certificate.items, certificate.labels, certificate.detectors) == (3, 12, ())
    assert certificate.splits == {"train": 1, "val": 1, "test": 1}
    for one in certificate.classes:
        assert one.labellers.added_by_people == one.labellers.total == 6
        assert (one.error, one.misses, one.accept_from) == (None, None, None)
    assert certificate.wrong_at_most is None


def test_labels_count_for_whoever_made_them(engine: Engine, store: Store, items: list[str]) -> None:
    kept, moved, renamed, unseen = labels_of(engine, "red")[:4]
    for label, changes in ((kept, {}), (moved, {"x_min": 0.5}), (renamed, {"class_name": "blue"}), (unseen, {})):
        proposal_id = propose(engine, label, **changes)
        with writing(engine) as session:
            session.get_one(Label, label.id).proposal_id = proposal_id
    with writing(engine) as session:
        session.get_one(Label, unseen.id).origin = "machine"
    red = {one.name: one for one in certify(engine, store).classes}["red"].labellers
    by_whom = (red.accepted_without_look, red.confirmed_by_people, red.corrected_by_people, red.added_by_people)
    assert by_whom == (1, 1, 2, 2)


def test_a_certified_threshold_covers_what_nobody_looked_at(engine: Engine, store: Store, items: list[str]) -> None:
    machine_made(engine, "red")
    add_threshold(engine, "red")
    certificate = certify(engine, store)
    red = {one.name: one for one in certificate.classes}["red"]
    assert red.error is not None
    assert (red.error.at_most, red.error.confidence, red.error.judged, red.error.wrong) == (0.02, 0.95, 250, 1)
    assert (red.error.drawn, red.error.scope, red.error.of, red.accept_from) == ("boxes", "batch", 900, 0.7)
    assert certificate.detectors == ("d1",)
    assert any("both count as right" in remark for remark in certificate.remarks)


def test_unseen_labels_without_threshold_or_audit_are_not_measured(
    engine: Engine, store: Store, items: list[str]
) -> None:
    machine_made(engine, "red")
    certificate = certify(engine, store)
    red = {one.name: one for one in certificate.classes}["red"]
    assert red.error is not None and (red.error.rate, red.error.at_most) == (None, None)
    assert certificate.wrong_at_most is None


def test_a_withdrawn_threshold_covers_nothing_and_says_so(engine: Engine, store: Store, items: list[str]) -> None:
    machine_made(engine, "red")
    add_threshold(engine, "red", "withdrawn")
    certificate = certify(engine, store)
    red = {one.name: one for one in certificate.classes}["red"]
    assert red.error is not None and red.error.at_most is None
    assert certificate.wrong_at_most is None
    assert "threshold for red withdrawn" in certificate.remarks


def test_blind_audits_give_rates_of_errors_and_misses(engine: Engine, store: Store, items: list[str]) -> None:
    first = items[0]
    audit(engine, first)
    red, other_red, *blue = [label for label in labels_of(engine) if label.item_id == first]
    assert (red.class_name, other_red.class_name) in {("red", "blue"), ("red", "red")}
    reds = [label for label in labels_of(engine, "red") if label.item_id == first]
    propose(engine, reds[0])  # found; the second red was not
    wrong = {"id": "wrong", "x_min": 0.0, "y_min": 0.0, "x_max": 5.0, "y_max": 5.0}
    propose(engine, reds[0], **wrong)
    with writing(engine) as session:
        upsert(session, Verdict, [{"batch_id": "b1", "proposal_id": "wrong", "outcome": "accept"}])
        row = session.get_one(Label, next(one.id for one in labels_of(engine, "red") if one.item_id != first))
        row.origin = "machine"
    found = {one.name: one for one in certify(engine, store).classes}["red"]
    assert found.error is not None and found.misses is not None
    assert (found.error.judged, found.error.wrong, found.error.drawn) == (2, 1, "items")
    assert (found.misses.judged, found.misses.wrong, found.misses.draws) == (2, 1, 1)
    assert min(found.error.at_most or 1.0, found.misses.at_most or 1.0) > 0.95  # one item proves nothing
    assert blue


def judge(engine: Engine, batch_id: str, boxes: int) -> None:
    """Write that so many boxes of a batch, a random sample, are all right."""
    (label, *_) = labels_of(engine, "red")
    mine = {"item_id": label.item_id, "detector": "d1", "recipe": "r1", "class_name": "red"}
    corners = {name: getattr(label, name) for name in ("x_min", "y_min", "x_max", "y_max")}
    ids = [f"{batch_id}-{number}" for number in range(boxes)]
    shown = {**mine, **corners, "score": 0.9, "view": "tile"}
    drawn = {"batch_id": batch_id, "collection": "lot", "drawn": "boxes", "population": 900, "probability": boxes / 900}
    said = {**mine, **drawn, "frame": "f", "floor": 0.4, "said": "right"}
    with writing(engine) as session:
        upsert(session, Proposal, [{"id": id_, **shown} for id_ in ids])
        upsert(session, Judgement, [{"proposal_id": id_, "rank": rank, **said} for rank, id_ in enumerate(ids)])


def red_of(certificate: Certificate) -> Bound:
    found = {one.name: one for one in certificate.classes}["red"].error
    assert found is not None
    return found


@pytest.fixture
def two_batches(engine: Engine, store: Store, items: list[str]) -> None:
    """All red labels of two batches were accepted unseen, by a threshold each."""
    settle_scenes(engine, store, [draw_scene(9, sequence="s0", squares=4)], SPLITS, batch_id="b2")
    machine_made(engine, "red")
    for batch_id in ("b1", "b2"):
        add_threshold(engine, "red", batch_id=batch_id, judged=300, draws=300, wrong=0)


def test_the_evidence_of_several_batches_adds_up_to_one_bound(engine: Engine, store: Store, two_batches: None) -> None:
    for batch_id in ("b1", "b2"):
        judge(engine, batch_id, 300)
    certificate = certify(engine, store)
    both = red_of(certificate)
    assert (both.confidence, both.of, both.judged) == (0.95, 1800, 600)
    assert both.at_most is not None and 0.005 < both.at_most < 0.03
    assert any("2 batches accept together" in remark for remark in certificate.remarks)
    assert certificate.wrong_at_most is not None


def test_thresholds_of_several_batches_without_what_was_judged_for_them_state_nothing(
    engine: Engine, store: Store, two_batches: None
) -> None:
    assert red_of(certify(engine, store)).at_most is None


def test_it_is_kept_and_issued_anew_only_where_its_content_changed(
    engine: Engine, store: Store, items: list[str]
) -> None:
    machine_made(engine, "red")
    add_threshold(engine, "red")
    snapshot = take_snapshot(engine, store, "lot")
    first = issue_certificate(engine, store, snapshot.id, WHEN)
    assert issue_certificate(engine, store, snapshot.id, WHEN + timedelta(hours=1)) == first
    assert len(list(store.keys("certificates/"))) == 1
    add_threshold(engine, "blue")  # says nothing of this snapshot: its blue labels are all by hand
    assert issue_certificate(engine, store, snapshot.id) == first
    with writing(engine) as session:
        session.get_one(CertifiedThreshold, ("b1", "d1", "r1", "red")).standing = "withdrawn"
    second = issue_certificate(engine, store, snapshot.id)
    with reading(engine) as session:
        row = session.get_one(IssuedCertificate, snapshot.id)
    assert second != first and from_json(store.get(row.key).decode()) == second
    assert row.summary["wrong_at_most"] is None and row.summary["labels"] == 12
    assert len(list(store.keys("certificates/"))) == 2


def test_a_snapshot_without_labels_is_certified_too(engine: Engine, store: Store) -> None:
    settle_scenes(engine, store, [draw_scene(0, squares=0)], {"s0": "train"})
    certificate = certify(engine, store)
    assert (certificate.labels, certificate.classes, certificate.wrong_at_most) == (0, (), None)
    manifest = read_snapshot(store, certificate.snapshot)
    assert "No item has a label" in certificate_page(certificate, store, manifest)


def test_the_page_has_tables_and_small_pictures(engine: Engine, store: Store, items: list[str]) -> None:
    machine_made(engine, "red")
    certificate = certify(engine, store)
    manifest = read_snapshot(store, certificate.snapshot)
    page = certificate_page(certificate, store, manifest)
    assert page.count("data:image/jpeg;base64,") == 3
    assert "accepted unseen" in page and "not measured" in page
    assert len(page) < 250_000


def test_a_picture_that_is_gone_is_named_instead(engine: Engine, store: Store, items: list[str]) -> None:
    certificate = certify(engine, store)
    manifest = read_snapshot(store, certificate.snapshot)
    key = next(iter(manifest.items())).key
    store.local_path(key).unlink()
    page = certificate_page(certificate, store, manifest)
    assert "no picture" in page and page.count("data:image/jpeg") == 2


def test_an_item_set_aside_after_its_audit_is_no_evidence(engine: Engine, store: Store, items: list[str]) -> None:
    audit(engine, items[0])
    with writing(engine) as session:
        session.get_one(BatchItem, ("b1", items[0])).set_aside = "damaged"
    assert all(one.misses is None for one in certify(engine, store).classes)
    assert label_row(items[0], "r", "red", (0, 0, 1, 1))
