"""A round takes the items that tell most, never takes one twice, and begins with a holdout."""

from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Bookmark, Item, Source
from tasks.audit.risk_control.drift import chosen_name
from tasks.monitor.active_learning.choose import Look, Selection, choose_batch, label_counts, pool_of, rank
from tasks.triage.active_learning.diversity import Embeddings
from tests.triage.rows import DETECTOR, RECIPE, add_scan, add_split, car, item_id_of

SOURCE = (DETECTOR, RECIPE)
FEW = Selection(first=2, per_round=2, holdout=2, ask_first={"entropy": 1.0})


def add_items(engine: Engine, items: int, sequence: str = "s", offset: int = 0) -> list[str]:
    """Add items to the collection, in no batch."""
    ids = [item_id_of(number + offset) for number in range(items)]
    facts = {"media_type": "image/jpeg", "size_bytes": 1, "width": 1000, "height": 800, "plain": True}
    with writing(engine) as session:
        upsert(session, Item, [{"id": i, "key": i, "name": i[:6], "sequence": sequence, **facts} for i in ids])
        upsert(session, Source, [{"collection": "lot", "uri": i, "item_id": i, "state": "taken"} for i in ids])
    return ids


def members(engine: Engine, batch_id: str) -> list[str]:
    query = select(BatchItem.item_id).where(BatchItem.batch_id == batch_id).order_by(BatchItem.position)
    with reading(engine) as session:
        return list(session.exec(query).all())


def asking(**weights: float) -> Selection:
    return Selection(first=2, per_round=2, holdout=2, ask_first=weights)


def begin(engine: Engine, batch_id: str) -> None:
    """Let a run take a batch up, as `label` does."""
    with writing(engine) as session:
        batch = session.get(Batch, batch_id)
        assert batch is not None
        batch.flow_run_id = "run"
        session.add(batch)


def test_an_empty_collection_has_nothing_to_choose_from(engine: Engine) -> None:
    assert choose_batch(engine, "lot", SOURCE, FEW).size == 0
    with reading(engine) as session:
        assert session.exec(select(Batch)).all() == []


def test_what_the_detector_doubts_comes_first(engine: Engine) -> None:
    ids = add_items(engine, 4)
    for item_id, score in zip(ids, (0.99, 0.5, 0.9, 0.6), strict=True):
        add_scan(engine, item_id, [car(score)])
    batch = choose_batch(engine, "lot", SOURCE, FEW)
    assert members(engine, batch.id) == [ids[1], ids[3]]


def test_the_first_round_has_a_holdout_and_later_ones_only_what_is_new(engine: Engine) -> None:
    ids, tests = add_items(engine, 4), add_items(engine, 3, "held", 100)
    add_split(engine, "s", "train")
    add_split(engine, "held", "test")
    first = choose_batch(engine, "lot", SOURCE, FEW)
    assert len(set(members(engine, first.id)) & set(tests)) == 2
    begin(engine, first.id)
    second = choose_batch(engine, "lot", SOURCE, FEW)
    begin(engine, second.id)
    chosen = members(engine, first.id) + members(engine, second.id)
    assert set(members(engine, second.id)) <= set(ids)
    assert len(chosen) == len(set(chosen)) == 6
    assert choose_batch(engine, "lot", SOURCE, FEW).size == 0


@pytest.mark.parametrize(("strategy", "is_noted"), [("entropy", True), ("random", False)])
def test_a_batch_that_a_strategy_chose_is_noted_as_no_baseline(engine: Engine, strategy: str, is_noted: bool) -> None:
    add_items(engine, 4)
    batch = choose_batch(engine, "lot", SOURCE, asking(**{strategy: 1.0}))
    with reading(engine) as session:
        assert (session.get(Bookmark, chosen_name(batch.id)) is not None) is is_noted


def test_a_batch_that_was_never_begun_comes_back(engine: Engine) -> None:
    add_items(engine, 6)
    first = choose_batch(engine, "lot", SOURCE, FEW)
    assert choose_batch(engine, "lot", SOURCE, FEW) == first
    begin(engine, first.id)
    assert choose_batch(engine, "lot", SOURCE, FEW).id != first.id


def test_items_that_were_not_looked_at_are_chosen_last_and_at_random(engine: Engine) -> None:
    ids = add_items(engine, 3)
    add_scan(engine, ids[2], [car(0.5)])
    batch = choose_batch(engine, "lot", SOURCE, FEW)
    assert members(engine, batch.id)[0] == ids[2]


def test_items_without_proposals_are_spread_among_the_others(engine: Engine) -> None:
    ids = add_items(engine, 7)
    for item_id in ids[:2]:
        add_scan(engine, item_id, [car(0.5)])
    for item_id in ids[2:6]:
        add_scan(engine, item_id)  # looked at, and nothing seen
    ranked = rank(engine, ids, SOURCE, FEW, "lot")
    assert sorted(ranked) == sorted(ids)
    assert [item_id in ids[:2] for item_id in ranked] == [False, True, False, False, True, False, False]
    assert ranked[-1] == ids[6]  # nobody looked at it


def test_a_mix_takes_what_is_doubtful_and_unlike_the_rest(engine: Engine) -> None:
    ids = add_items(engine, 4)
    looks = ([1.0, 0.0], [1.0, 0.01], [1.0, 0.02], [0.0, 1.0])
    for item_id, score, look in zip(ids, (0.5, 0.52, 0.55, 0.9), looks, strict=True):
        add_scan(engine, item_id, [car(score)], embedding=np.array(look))
    doubtful = members(engine, choose_batch(engine, "lot", SOURCE, asking(entropy=1.0)).id)
    assert doubtful == ids[:2]
    assert rank(engine, ids, SOURCE, asking(**{"entropy": 0.1, "far-apart": 0.9}), "lot")[:2] == [ids[0], ids[3]]


def test_strategies_in_words() -> None:
    assert str(asking(entropy=1.0, random=0.0)) == "entropy"
    assert str(asking(**{"entropy": 0.5, "far-apart": 0.5})) == "0.5 entropy + 0.5 far-apart"


def test_a_class_without_labels_is_no_error(engine: Engine) -> None:
    ids = add_items(engine, 2)
    add_scan(engine, ids[1], [("tram", 0.5, 0, 0, 9, 9)])
    batch = choose_batch(engine, "lot", SOURCE, asking(**{"class-balance": 1.0}))
    assert members(engine, batch.id)[0] == ids[1]
    assert label_counts(engine, "lot") == {}


def test_the_pool_is_bounded_and_leaves_the_test_split_alone(engine: Engine) -> None:
    add_items(engine, 9)
    add_items(engine, 5, "held", 100)
    add_split(engine, "held", "test")
    pool = pool_of(engine, "lot", FEW.model_copy(update={"pool": 4}))
    assert [item.sequence for item in pool] == ["s"] * 4
    assert len(pool_of(engine, "lot", FEW)) == 9


# --- without a model ---


def far(*order: int) -> Look:
    """Look at pictures so that these places come first, in this order."""

    def look(items: Sequence[Item]) -> Embeddings:
        rows = np.zeros((len(items), len(items) + 1))
        rows[:, -1] = 1.0  # all are alike,
        for rank_, at in enumerate(order):  # but for these
            rows[at] = 0
            rows[at, at] = 1 if rank_ else -1
        return Embeddings.of(rows, ["m"] * len(items), "m")

    return look


def test_where_no_detector_has_looked_the_first_batch_is_of_items_unlike_each_other(engine: Engine) -> None:
    add_items(engine, 6)
    drawn = [item.id for item in pool_of(engine, "lot", FEW)]
    batch = choose_batch(engine, "lot", SOURCE, FEW, far(4, 2))
    assert set(members(engine, batch.id)) <= {drawn[0], drawn[2], drawn[4]}, "the first one, and one far from it"
    by_lot = Selection(first=2, holdout=2, ask_first={"random": 1.0})
    assert rank(engine, drawn, SOURCE, by_lot, "lot", far(4, 2)) != rank(engine, drawn, SOURCE, FEW, "lot", far(4, 2))


def test_what_is_told_by_a_detector_comes_before_what_only_looks_different(engine: Engine) -> None:
    ids = add_items(engine, 4)
    add_scan(engine, ids[3], [car(0.5)])
    assert rank(engine, ids, SOURCE, FEW, "lot", far(0, 1))[0] == ids[3]


def test_rounds_grow_as_they_are_told_to() -> None:
    growing = Selection(first=5, per_round=10, growth=2.0)
    assert [growing.size_of(round_) for round_ in (1, 2, 3, 4, 99)] == [5, 10, 20, 40, 100_000]
    assert [Selection().size_of(round_) for round_ in (1, 2, 3)] == [50, 50, 50]
