"""The order of questions: strategies by name over a batch in the catalogue, mixed by rank."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Label, Scan
from blocks.errors import BadOption, OtherModelVersion
from blocks.frozen import warn_once
from flows.options import LineOptions
from tasks.review.drafts.items_and_kinds import draft_missed
from tasks.review.questions.queue import mark_missed_queue
from tasks.triage.active_learning.order import RETIRED, Mix, ask_order, check_strategies, known_strategies
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.triage.rows import BATCH, DETECTOR, RECIPE, Box, add_batch, add_scan, car

TRUCK: Box = ("truck", 0.5, 0.0, 0.0, 40.0, 20.0)


def asked(engine: Engine, boxes: list[list[Box]], vectors: np.ndarray | None = None) -> list[str]:
    """Write a batch whose items all go to people with their proposals, and return the items."""
    ids = add_batch(engine, len(boxes))
    with writing(engine) as session:
        session.get_one(Batch, BATCH).detector = DETECTOR
    for number, item_id in enumerate(ids):
        add_scan(engine, item_id, boxes[number], embedding=None if vectors is None else vectors[number])
    decide(engine, BATCH, TriageOptions(accept=1, image_outliers=False), DETECTOR, RECIPE)
    with writing(engine) as session:
        for item_id in ids:
            session.get_one(BatchItem, (BATCH, item_id)).route = "ask"
    return ids


def order_of(engine: Engine, ids: list[str], **weights: float) -> list[int]:
    priority = ask_order(engine, BATCH, {name.replace("_", "-"): weight for name, weight in weights.items()})
    assert set(priority) == set(ids)
    assert all(0 <= value <= 1 for value in priority.values())
    return sorted(range(len(ids)), key=lambda place: -priority[ids[place]])


def test_a_batch_that_is_not_there_is_refused_and_an_empty_one_has_no_order(engine: Engine) -> None:
    with pytest.raises(BadOption, match="not in the catalogue"):
        ask_order(engine, "none", {"entropy": 1})
    add_batch(engine, 0)
    assert ask_order(engine, BATCH, {"entropy": 1}) == {}


@pytest.mark.parametrize("weights", [{}, {"entropy": -1.0, "random": 2.0}, {"entropy": 0.0}, {"entropie": 1.0}])
def test_a_mix_that_says_nothing_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(BadOption):
        check_strategies(weights)


def test_every_strategy_orders_a_batch(engine: Engine) -> None:
    rng = np.random.default_rng(0)
    ids = asked(engine, [[car(s), car(1 - s)] for s in (0.2, 0.5, 0.9)], rng.normal(size=(3, 8)))
    for name in known_strategies():
        assert sorted(order_of(engine, ids, **{name: 1.0})) == [0, 1, 2]


def test_entropy_prefers_many_doubtful_boxes(engine: Engine) -> None:
    ids = asked(engine, [[car(0.5)], [car(0.7), car(0.7, x=200), car(0.7, x=300)], [car(0.95)]])
    assert order_of(engine, ids, entropy=1)[0] == 1


def test_items_in_which_nothing_was_found_come_first(engine: Engine) -> None:
    ids = asked(engine, [[car(0.5)], [], [car(0.05)]])
    priority = ask_order(engine, BATCH, {"entropy": 1})
    assert priority[ids[1]] == priority[ids[2]] == 1.0  # the third item's only box was dropped


def test_rare_classes_come_first_by_class_balance(engine: Engine) -> None:
    ids = asked(engine, [[car(0.5)], [TRUCK]])
    corners = {"x_min": 0.0, "y_min": 0.0, "x_max": 9.0, "y_max": 9.0}
    where = {"item_id": ids[0], "batch_id": BATCH, "origin": "person", "class_name": "car"}
    with writing(engine) as session:
        upsert(session, Label, [{"id": f"l{n}", "region": f"r{n}", **where, **corners} for n in range(5)])
    assert order_of(engine, ids, class_balance=1) == [1, 0]


def test_far_apart_pictures_come_before_twins(engine: Engine) -> None:
    vectors = np.array([[1, 0, 0], [1, 0.01, 0], [0, 1, 0], [1, 0, 0.01]], dtype=float)
    ids = asked(engine, [[car(0.5)]] * 4, vectors)
    assert set(order_of(engine, ids, **{"far-apart": 1})[:2]) in ({0, 2}, {1, 2}, {3, 2})


def test_pictures_without_an_embedding_come_last_and_odd_lengths_are_refused(engine: Engine) -> None:
    ids = asked(engine, [[car(0.5)], [car(0.5)]])
    assert set(ask_order(engine, BATCH, {"far-apart": 1}).values()) == {0.0}
    for number, item_id in enumerate(ids):
        add_scan_embedding(engine, item_id, np.ones(3 + number))
    with pytest.raises(OtherModelVersion, match="one length"):
        ask_order(engine, BATCH, {"far-apart": 1})


def add_scan_embedding(engine: Engine, item_id: str, vector: np.ndarray) -> None:
    with writing(engine) as session:
        session.get_one(Scan, (item_id, DETECTOR, RECIPE)).embedding = vector.astype(np.float16).tobytes()


def test_a_mix_follows_its_heavier_part(engine: Engine) -> None:
    ids = asked(engine, [[car(0.5)], [car(0.99), car(0.99, x=200), car(0.99, x=300)]])
    assert order_of(engine, ids, entropy=3, class_balance=1)[0] == 0
    assert order_of(engine, ids, entropy=1, class_balance=3)[0] == 1


@pytest.mark.parametrize(
    ("saved", "used"),
    [
        ({"margin": 1.0}, {"entropy": 1.0}),
        ({"disagreement": 0.5, "entropy": 0.25, "gain-per-second": 0.25}, {"entropy": 1.0}),
        ({"clusters": 2.0, "random": 1.0}, {"far-apart": 2.0, "random": 1.0}),
    ],
)
def test_a_line_saved_with_a_strategy_that_is_gone_loads_and_says_what_is_used_instead(
    saved: dict[str, float], used: dict[str, float], caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    assert TypeAdapter(Mix).validate_python(saved) == used
    assert all(f"{gone!r} of ask_first is gone" in caplog.text for gone in RETIRED.keys() & saved.keys())
    caplog.clear()
    assert TypeAdapter(Mix).validate_python(saved) == used
    assert not caplog.text, "it is said once a process"


def test_questions_take_the_order_as_their_priority(engine: Engine) -> None:
    ids = asked(engine, [[car(0.5)], [car(0.7), car(0.7, x=200), car(0.7, x=300)]])
    order = ask_order(engine, BATCH, {"entropy": 1})
    assert priorities(engine, order) == {ids[0]: 0.0, ids[1]: 1.0}
    by_doubt = priorities(engine, None)
    assert by_doubt[ids[0]] > by_doubt[ids[1]]


def priorities(engine: Engine, order: dict[str, float] | None) -> dict[str, float]:
    pages = draft_missed(engine, mark_missed_queue(("car",)), BATCH, 0, order)
    return {draft.item_id: draft.priority for page in pages for draft in page}


def test_a_line_names_its_strategies_and_refuses_unknown_ones() -> None:
    line = LineOptions(collection="lot", classes=("car",))
    assert line.ask_first == {"entropy": 1.0}
    assert LineOptions(collection="lot", classes=("car",), ask_first={}).ask_first == {}
    with pytest.raises(ValidationError, match="no strategy is called 'entropie'"):
        LineOptions(collection="lot", classes=("car",), ask_first={"entropie": 1.0})
