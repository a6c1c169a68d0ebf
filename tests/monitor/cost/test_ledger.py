"""What labels cost must add up: every measured second once, whatever it is divided by, and no made-up ones."""

import math
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import AnswerState, Snapshot
from blocks.servers.experiments import Experiments
from tasks.kinds.by_hand import manual_seconds
from tasks.monitor.cost.ledger import Ledger, keep_ledger
from tasks.monitor.cost.ledger_page import ledger_page, overview_page
from tasks.monitor.cost.machines import MachineTime, add_up, training_times
from tasks.monitor.cost.spent import NO_OBJECT, class_shares
from tasks.monitor.options import HourlyRates, MonitorOptions
from tests.monitor.spending import EARLY, LATE, answered, received, shown_boxes
from tests.settle.world import ask, name_kind, region, say, settle_batch
from tests.triage.rows import add_batch


def two_items(engine: Engine) -> list[str]:
    """One image with a car and a bus (40 s), one with a car (20 s): both settled."""
    ids = add_batch(engine, 2)
    answered(engine, ids[0], [region("a"), region("b", x=300, name="bus")], 40)
    answered(engine, ids[1], [region("c")], 20)
    settle_batch(engine)
    return ids


def by_name(entries: tuple, name: str):  # type: ignore[no-untyped-def, type-arg]
    return next(entry for entry in entries if entry.name == name)


def test_a_collection_that_nobody_knows_costs_nothing_and_says_so(engine: Engine) -> None:
    ledger = keep_ledger(engine, "nowhere")
    assert ledger.is_empty
    assert (ledger.whole.human_seconds, ledger.whole.seconds_per_label, ledger.item_seconds_median) == (0, None, None)
    assert "not enough evidence" in ledger_page(ledger)


def test_seconds_add_up_by_class_queue_and_item(engine: Engine) -> None:
    ids = two_items(engine)
    name_kind(engine, ids[1], "c", "saloon")  # 4 s, in another queue, about no payload's class
    ledger = keep_ledger(engine, "lot")
    assert ledger.whole.human_seconds == 64
    assert by_name(ledger.classes, "car").human_seconds == pytest.approx(40 / 2 + 20)
    assert by_name(ledger.classes, "bus").human_seconds == pytest.approx(20)
    for entries in (ledger.classes, ledger.queues, ledger.dearest_items):
        assert sum(entry.human_seconds for entry in entries) == pytest.approx(64)
    assert [entry.name for entry in ledger.dearest_items] == ids
    assert ledger.human_seconds_manual == manual_seconds(3, 2)


def test_money_follows_from_the_stated_rates(engine: Engine) -> None:
    two_items(engine)
    options = MonitorOptions(rates=HourlyRates(person_hour=36, machine_hour=3.6, currency="CHF"))
    ledger = keep_ledger(engine, "lot", [MachineTime("detect", 100, EARLY)], options)
    assert ledger.whole.money == pytest.approx(0.6 + 0.1)
    assert by_name(ledger.classes, "car").machine_seconds == pytest.approx(100 * 2 / 3)
    assert "36.00 CHF an hour of a person" in ledger_page(ledger)


@pytest.mark.parametrize("seconds", [0.0, -12.0, math.inf])
def test_a_clock_that_ran_backwards_is_counted_and_never_added(engine: Engine, seconds: float) -> None:
    ids = add_batch(engine, 2)
    answered(engine, ids[0], [region("a")], seconds)
    answered(engine, ids[1], [region("b")], 20)
    settle_batch(engine)
    ledger = keep_ledger(engine, "lot")
    assert (ledger.whole.human_seconds, ledger.unmeasured_answers) == (20, 1)
    assert "1 answers have no usable time" in ledger_page(ledger)


def test_an_edited_answer_costs_its_longest_version_once(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    answered(engine, item_id, [region("a")], 1)
    ids = add_batch(engine, 1, "batch-2", "other")
    question = ask(engine, ids[0], batch_id="batch-2")
    say(engine, question, [region("a")], 30, annotation_id=9)
    say(engine, question, [region("a"), region("b", x=300)], 50, annotation_id=9)
    ledger = keep_ledger(engine, "other")
    assert (ledger.whole.answers, ledger.whole.human_seconds) == (1, 50)


def test_skipped_and_deleted_answers_cost_as_well(engine: Engine) -> None:
    ids = add_batch(engine, 2)
    answered(engine, ids[0], [], 7, state=AnswerState.SKIPPED)
    answered(engine, ids[1], [], 8, state=AnswerState.DELETED)
    ledger = keep_ledger(engine, "lot")
    assert (ledger.whole.human_seconds, ledger.items) == (15, 0)
    assert by_name(ledger.classes, NO_OBJECT).human_seconds == 15


def test_a_box_that_was_taken_away_costs_its_class(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    answered(engine, item_id, [region("kept")], 30, prefill=("kept", "gone"))
    shown_boxes(engine, item_id, {"kept": "car", "gone": "tree"})
    ledger = keep_ledger(engine, "lot")
    assert by_name(ledger.classes, "tree").human_seconds == pytest.approx(15)
    assert by_name(ledger.classes, "tree").labels == 0


@pytest.mark.parametrize(
    ("payload", "raw", "shares"),
    [
        ({}, [], {NO_OBJECT: 1.0}),
        ({"class_name": "car"}, [{"kind": "van"}], {"car": 1.0}),
        ({}, [{"id": "a", "class_name": "car"}], {"car": 1.0}),
        ({}, [{"result": "not ours"}], {NO_OBJECT: 1.0}),
        ({"boxes": [{"id": "a", "class_name": "bus"}]}, [{"id": "a", "class_name": "car"}], {"car": 1.0}),
    ],
)
def test_an_answer_is_divided_among_its_classes(payload: dict, raw: list, shares: dict) -> None:  # type: ignore[type-arg]
    assert class_shares(payload, raw) == shares


def test_a_snapshot_costs_what_had_been_spent_when_it_was_taken(engine: Engine) -> None:
    ids = add_batch(engine, 2)
    received(engine, answered(engine, ids[0], [region("a")], 40), EARLY)
    received(engine, answered(engine, ids[1], [region("b")], 20), LATE)
    with writing(engine) as session:
        facts = {"collection": "lot", "manifest_key": "k", "classes": ["car"], "items": 1, "labels": 1, "splits": {}}
        times = {"first": EARLY + timedelta(days=1), "second": LATE + timedelta(days=1)}
        upsert(session, Snapshot, [{"id": name, "created_at": at, **facts} for name, at in times.items()])
    first, second = keep_ledger(engine, "lot", [MachineTime("training", 60, LATE)]).snapshots
    assert (first.human_seconds, first.human_seconds_since, first.machine_seconds) == (40, 40, None)
    assert (second.human_seconds, second.human_seconds_since, second.machine_seconds) == (60, 20, 60)


def control_world(engine: Engine, why: str, hidden: int = 12) -> Ledger:
    """Twelve items asked with boxes at 10 s a box, and some without at 20 s."""
    ids = add_batch(engine, 12 + hidden)
    for number, item_id in enumerate(ids):
        blind = number >= 12
        answered(engine, item_id, [region("a"), region("b", x=300)], 40 if blind else 20, why if blind else None)
    return keep_ledger(engine, "lot")


def test_the_control_group_shows_what_proposals_save(engine: Engine) -> None:
    control = control_world(engine, "control").control
    assert (control.group, control.ratio, control.low, control.high) == ("control", 0.5, 0.5, 0.5)
    assert control.words.startswith("50 % less time per box")


def test_work_by_hand_on_lost_proposals_is_on_neither_side(engine: Engine) -> None:
    for item_id in add_batch(engine, 12, "by-hand"):
        answered(engine, item_id, [region("a")], 400, batch_id="by-hand", saw_proposals=False)
    control = control_world(engine, "control").control
    assert (control.shown.items, control.hidden.items, control.ratio) == (12, 12, 0.5)


def test_random_audits_stand_in_and_held_out_items_never_do(engine: Engine) -> None:
    assert control_world(engine, "random").control.group == "random"


def test_held_out_items_are_no_control_group(engine: Engine) -> None:
    control = control_world(engine, "held_out").control
    assert (control.ratio, control.hidden.items) == (None, 0)
    assert control.words.startswith("not enough evidence: 0 items")


def test_too_few_items_are_said_in_words(engine: Engine) -> None:
    control = control_world(engine, "control", hidden=3).control
    assert control.ratio is None
    assert "3 items and 6 boxes with proposals hidden, 10 items" in control.words


def test_random_audits_stand_in_until_the_control_group_is_large_enough(engine: Engine) -> None:
    for number, item_id in enumerate(add_batch(engine, 12 + 3 + 11)):
        why = None if number < 12 else "control" if number < 15 else "random"
        answered(engine, item_id, [region("a")], 10 if why is None else 20, why)
    found = keep_ledger(engine, "lot").control
    assert (found.group, found.hidden.items, found.ratio) == ("random", 11, 0.5)


def test_machine_times_of_a_backwards_clock_are_counted_and_never_added() -> None:
    total = add_up([MachineTime("a", 5, EARLY), MachineTime("a", -3, EARLY), MachineTime("b", math.nan, EARLY)])
    assert (total.seconds, total.by_step, total.unmeasured) == (5, {"a": 5}, 2)


def test_trainings_are_read_from_mlflow_and_none_is_none(experiments: Experiments) -> None:
    assert training_times(experiments, "lot") == []
    with experiments.run("lot", "fine-tune", {}) as run:
        assert training_times(experiments, "lot") == []  # still running
        assert run.id
    (time,) = training_times(experiments, "lot")
    assert time.what == "training"
    assert time.seconds >= 0


def test_machine_time_that_nobody_recorded_is_not_called_zero(engine: Engine) -> None:
    two_items(engine)
    ledger = keep_ledger(engine, "lot", [MachineTime("detect", 0, EARLY)])
    assert (ledger.whole.machine_seconds, ledger.unmeasured_machine) == (None, 1)
    assert "| machine time | – |" in ledger_page(ledger)


def test_the_overview_has_a_row_per_line(engine: Engine) -> None:
    two_items(engine)
    assert "There is no collection" in overview_page([])
    assert "| lot | 2 | 3 |" in overview_page([keep_ledger(engine, "lot")])
