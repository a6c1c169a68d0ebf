"""A whole batch through triage: verdicts, routes, audits, and calling twice."""

from collections import Counter

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.tables import Audit, BatchItem, Verdict
from blocks.errors import BadOption, UnknownClass
from tasks.detect.unknown_classes import note_classes
from tasks.triage.audit import CONTROL, audits_of, draw_audit, in_control, sample_size
from tasks.triage.decide import decide
from tasks.triage.options import ScoreThresholds, TriageOptions
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, add_split, car


def triage(engine: Engine, options: TriageOptions | None = None, **more: object):  # type: ignore[no-untyped-def]
    return decide(engine, BATCH, options or TriageOptions(), DETECTOR, RECIPE, **more)  # type: ignore[arg-type]


def routes_of(engine: Engine) -> dict[str, tuple[str | None, list[str]]]:
    with reading(engine) as session:
        rows = session.exec(select(BatchItem).order_by(BatchItem.position)).all()
    return {row.item_id: (row.route, row.reasons) for row in rows}


def unaudited(engine: Engine, ids: list[str]) -> list[str]:
    """Draw the audit beforehand, to know which items it leaves."""
    drawn = draw_audit(engine, BATCH, 0.05, 0)
    return [item_id for item_id in ids if item_id not in drawn]


def test_a_batch_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(BadOption, match="batch 'batch-1' is not in the catalogue"):
        triage(engine)


def test_an_empty_batch_gives_an_empty_report(engine: Engine) -> None:
    add_batch(engine, 0)
    report = triage(engine)
    assert (report.items, report.boxes, report.audits) == (0, 0, {})


def test_a_single_item_is_audited(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    add_scan(engine, item_id, [car()])
    assert triage(engine).items_by_route == {"sure": 0, "ask": 0, "audit": 1}


def test_items_go_where_their_boxes_send_them(engine: Engine) -> None:
    ids = add_batch(engine, 5)
    sure, doubtful, empty, dropped = unaudited(engine, ids)
    (blind,) = set(ids) - {sure, doubtful, empty, dropped}
    add_scan(engine, blind, [car(0.9), car(0.3)])
    add_scan(engine, sure, [car(0.9), car(0.8), car(0.05)])
    add_scan(engine, doubtful, [car(0.9), car(0.43)])
    add_scan(engine, empty, [])
    add_scan(engine, dropped, [car(0.1)])
    report = triage(engine)
    assert routes_of(engine) == {
        blind: ("audit", ["random audit: labelled without seeing proposals"]),
        sure: ("sure", ["all 2 boxes accepted"]),
        doubtful: ("ask", ["1 of 2 boxes in doubt"]),
        empty: ("ask", ["nothing found with a score of 0.15 or more"]),
        dropped: ("ask", ["nothing found with a score of 0.15 or more"]),
    }
    assert report.items_by_route == {"sure": 1, "ask": 3, "audit": 1}
    assert report.items_by_reason["ask"] == {"nothing found": 2, "boxes in doubt": 1}
    assert report.boxes_by_outcome == {"accept": 4, "ask": 2, "drop": 2}
    assert report.boxes_by_reason["ask"] == {"score between the thresholds": 2}


def test_an_item_that_was_not_scanned_is_looked_at(engine: Engine) -> None:
    ids = add_batch(engine, 2)
    (item_id,) = unaudited(engine, ids)
    triage(engine)
    assert routes_of(engine)[item_id] == ("ask", ["not scanned by this detector"])


def test_an_item_set_aside_is_left_alone(engine: Engine) -> None:
    ids = add_batch(engine, 3)
    for item_id in ids:
        add_scan(engine, item_id, [car()])
    with writing(engine) as session:
        place = session.get(BatchItem, (BATCH, ids[0]))
        assert place is not None
        place.set_aside = "truncated"
        session.add(place)
    report = triage(engine)
    assert report.items == report.boxes == 2
    assert routes_of(engine)[ids[0]] == (None, [])


def test_an_odd_box_asks_whatever_its_score(engine: Engine) -> None:
    ids = add_batch(engine, 2)
    (item_id,) = unaudited(engine, ids)
    boxes = [car(0.95, x=20 + 50 * (n % 15), y=20 + 30 * (n // 15)) for n in range(60)]
    ordinary = next(other for other in ids if other != item_id)
    add_scan(engine, ordinary, boxes)
    (odd,) = add_scan(engine, item_id, [car(0.99, width=80, height=40)])
    triage(engine)
    with reading(engine) as session:
        verdict = session.get(Verdict, (BATCH, odd))
    assert verdict is not None
    assert (verdict.outcome, verdict.reasons) == ("ask", ["4.0 times the usual area of a car"])
    assert routes_of(engine)[item_id][0] == "ask"


def test_every_proposal_gets_exactly_one_verdict_and_every_item_one_route(engine: Engine) -> None:
    ids = add_batch(engine, 300)
    for number, item_id in enumerate(ids):
        add_scan(engine, item_id, [car((number * 7 + k) % 100 / 100) for k in range(3)])
    report = triage(engine)
    assert report.boxes == 900
    assert report.items == 300
    with reading(engine) as session:
        verdicts = Counter(session.exec(select(Verdict.proposal_id)).all())
    assert len(verdicts) == 900


def test_held_out_sequences_are_audited_and_a_random_share_of_the_rest(engine: Engine) -> None:
    ids = add_batch(engine, 100, sequences=5)
    add_split(engine, "seq-0", "test")
    add_split(engine, "seq-1", "train")
    add_split(engine, "seq-2", "test", collection="another")
    for item_id in ids:
        add_scan(engine, item_id, [car()])
    report = triage(engine, TriageOptions(audit_share=0.1))
    assert report.audits == {"held_out": 20, "random": 8}
    assert report.items_by_route == {"sure": 72, "ask": 0, "audit": 28}
    assert routes_of(engine)[ids[0]][1][0].startswith("held out: sequence seq-0 is in the test split")


def test_calling_twice_changes_nothing_and_writes_nothing(engine: Engine) -> None:
    ids = add_batch(engine, 30)
    for item_id in ids:
        add_scan(engine, item_id, [car(0.9), car(0.3)])
    report, before = triage(engine), routes_of(engine)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert triage(engine, TriageOptions(accept=0.99, seed=5)) == report
    assert routes_of(engine) == before
    assert not [s for s in statements if s.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))]


def test_after_a_crash_only_the_open_items_are_decided_and_the_sample_stays(engine: Engine) -> None:
    ids = add_batch(engine, 40)
    for item_id in ids:
        add_scan(engine, item_id, [car(0.9), car(0.3)])
    report, before = triage(engine), routes_of(engine)
    with writing(engine) as session:
        for item_id in ids[10:20]:
            place = session.get(BatchItem, (BATCH, item_id))
            assert place is not None
            place.route, place.reasons = None, []
            session.add(place)
    assert triage(engine) == report
    assert routes_of(engine) == before


def test_items_that_come_aside_later_do_not_move_the_audit(engine: Engine) -> None:
    ids = add_batch(engine, 100)
    first = draw_audit(engine, BATCH, 0.05, 0)
    gone = next(item_id for item_id in ids if item_id not in first)
    with writing(engine) as session:
        place = session.get(BatchItem, (BATCH, gone))
        assert place is not None
        place.set_aside = "gone"
        session.add(place)
    assert draw_audit(engine, BATCH, 0.05, 0) == first == audits_of(engine, BATCH)


def test_another_seed_draws_another_sample_and_writes_it_down(engine: Engine) -> None:
    add_batch(engine, 100)
    add_batch(engine, 100, batch_id="batch-2", collection="other")
    first = draw_audit(engine, BATCH, 0.05, 0)
    assert len(first) == 5
    with reading(engine) as session:
        assert {row.seed for row in session.exec(select(Audit))} == {0}
    second = draw_audit(engine, "batch-2", 0.05, 1)
    assert len(second) == 5
    with reading(engine) as session:
        assert {row.seed for row in session.exec(select(Audit).where(Audit.batch_id == "batch-2"))} == {1}


@pytest.mark.parametrize(
    ("items", "share", "size"),
    [(0, 0.05, 0), (7, 0.0, 0), (1, 0.05, 1), (7, 0.001, 1), (100, 0.05, 5), (100, 1.0, 100)],
)
def test_the_sample_is_empty_only_where_none_is_asked_for_and_never_more_than_all(
    items: int, share: float, size: int
) -> None:
    assert sample_size(items, share) == size


def test_a_threshold_for_an_unknown_class_stops_the_batch_before_anything_is_written(engine: Engine) -> None:
    add_batch(engine, 2)
    with pytest.raises(UnknownClass):
        triage(engine, TriageOptions(class_thresholds={"lory": ScoreThresholds()}), classes=("lorry",))
    assert audits_of(engine, BATCH) == {}


# --- classes that the detector does not know ---


def know(engine: Engine, *names: str) -> None:
    note_classes(engine, DETECTOR, names, names)


def test_where_a_class_is_unknown_to_the_detector_people_look_at_every_item(engine: Engine) -> None:
    ids = add_batch(engine, 5)
    for item_id in ids:
        add_scan(engine, item_id, [car(0.9)])
    know(engine, "car", "truck")
    report = triage(engine, classes=("car", "minibus", "truck"))
    assert report.items_by_route == {"sure": 0, "ask": 4, "audit": 1}
    assert report.boxes_by_outcome["accept"] == 5  # what it does know is as sure as ever
    assert report.lacking == ("minibus",)
    assert report.items_by_reason["ask"] == {"class unknown to the detector": 4}
    assert triage(engine, classes=("car", "minibus", "truck")) == report


def test_a_detector_that_knows_none_of_the_classes_lets_people_begin_without_boxes(engine: Engine) -> None:
    add_batch(engine, 3)
    know(engine, "cat")
    report = triage(engine, classes=("car", "truck"))
    assert (report.items_by_route, report.boxes) == ({"sure": 0, "ask": 2, "audit": 1}, 0)
    assert report.lacking == ("car", "truck")


def test_a_detector_that_knows_all_classes_changes_nothing(engine: Engine) -> None:
    ids = add_batch(engine, 5)
    for item_id in ids:
        add_scan(engine, item_id, [car(0.9)])
    know(engine, "car", "truck", "bus")
    report = triage(engine, classes=("car", "truck"))
    assert (report.items_by_route["sure"], report.lacking) == (4, ())


# --- the control group ---


def test_a_line_that_wants_no_control_group_has_none(engine: Engine) -> None:
    for item_id in add_batch(engine, 200):
        add_scan(engine, item_id, [car(0.3)])
    assert triage(engine, TriageOptions(control_share=0)).audits == {"random": 10}


def test_a_line_that_says_nothing_of_it_has_a_small_control_group(engine: Engine) -> None:
    for item_id in add_batch(engine, 400):
        add_scan(engine, item_id, [car(0.3)])
    report = triage(engine)
    assert report.audits["random"] == 20
    assert 1 <= report.audits["control"] <= 20  # of 380: 7.6 on average, sd 2.7


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_of_many_items_the_share_is_in_the_control_group(share: float) -> None:
    drawn = sum(in_control(0, BATCH, f"item-{number}", share) for number in range(20_000))
    assert drawn == pytest.approx(20_000 * share, abs=4 * (20_000 * share * (1 - share)) ** 0.5)


def test_the_control_group_is_a_random_part_of_what_people_are_asked_about(engine: Engine) -> None:
    ids = add_batch(engine, 200)
    for number, item_id in enumerate(ids):
        add_scan(engine, item_id, [car(0.9 if number % 2 else 0.3)])
    report = triage(engine, TriageOptions(control_share=0.3, image_outliers=False))
    controls = [item_id for item_id, why in audits_of(engine, BATCH).items() if why == CONTROL]
    assert 15 <= len(controls) <= 45  # of 95: 28 on average, sd 4.5
    assert report.audits == {"random": 10, "control": len(controls)}
    assert all(ids.index(item_id) % 2 == 0 for item_id in controls)
    routes = routes_of(engine)
    assert {routes[item_id][0] for item_id in controls} == {"audit"}
    assert routes[controls[0]][1][0].startswith("control group")
    assert report.items_by_route["audit"] == 10 + len(controls)


def test_the_control_group_stays_the_same_at_a_second_call(engine: Engine) -> None:
    for item_id in add_batch(engine, 60):
        add_scan(engine, item_id, [car(0.3)])
    options = TriageOptions(control_share=0.5)
    first = triage(engine, options)
    before = audits_of(engine, BATCH)
    assert triage(engine, options) == first
    assert audits_of(engine, BATCH) == before
