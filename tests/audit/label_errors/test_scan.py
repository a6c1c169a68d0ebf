"""Before a label-error review: settled items are scanned and keep their place, and it is known what was learned."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, BatchItem, Item, Scan, utc_now
from blocks.servers.experiments import LEARNED, Experiments
from blocks.storage.stores import Store
from tasks.audit.label_errors.record import LookScope
from tasks.audit.label_errors.scan import count_learned, scan_settled
from tasks.dataset.snapshots import take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.train.conftest import base, tiny_weights

__all__ = ["base", "tiny_weights"]

CLASSES = ("red", "blue")
TILING = TilingOptions(tile_px=96, overlap_share=0.2, whole_image=False, backend="torch")


@pytest.fixture
def settled(engine: Engine, store: Store) -> list[str]:
    """Eight settled pictures, four of them to train on."""
    scenes = [draw_scene(number, sequence=f"s{number % 4}") for number in range(8)]
    ids = settle_scenes(engine, store, scenes, {"s0": "train", "s1": "train", "s2": "val", "s3": "test"})
    with writing(engine) as session:
        session.get_one(Batch, "b1").settled_at = utc_now()
    return ids


def scope_of(base: DetectorRef) -> LookScope:
    return LookScope("lot", base.version, TILING.recipe(CLASSES), CLASSES)


def test_settled_items_are_scanned_once_and_an_unreadable_one_keeps_its_place(
    engine: Engine, store: Store, base: DetectorRef, settled: list[str]
) -> None:
    with reading(engine) as session:
        key = session.get_one(Item, settled[5]).key
    store.put(key, b"no picture")
    counts = scan_settled(engine, store, scope_of(base), base, TILING, 100)
    assert (counts.scanned_now, [one.item_id for one in counts.set_aside]) == (7, [settled[5]])
    assert scan_settled(engine, store, scope_of(base), base, TILING, 100).scanned_now == 0
    with reading(engine) as session:
        assert len(session.exec(select(Scan)).all()) == 7
        assert {row.set_aside for row in session.exec(select(BatchItem))} == {None}


def test_no_more_items_are_scanned_than_may_be_judged(
    engine: Engine, store: Store, base: DetectorRef, settled: list[str]
) -> None:
    assert scan_settled(engine, store, scope_of(base), base, TILING, 3).items == 3


def trained(experiments: Experiments, ref: DetectorRef, **tags: str) -> None:
    with experiments.run(ref.name, "training", {"labelline.version": ref.version, **tags}):
        pass


def test_what_had_settled_in_the_train_split_before_the_snapshot_was_learned_from(
    engine: Engine, store: Store, experiments: Experiments, base: DetectorRef, settled: list[str]
) -> None:
    snapshot = take_snapshot(engine, store, "lot")
    trained(experiments, base, **{"labelline.snapshot": snapshot.id})
    assert count_learned(engine, experiments, base, scope_of(base), 100) == 4
    with writing(engine) as session:
        session.get_one(BatchItem, ("b1", settled[0])).settled_at = utc_now()  # settled since
    assert count_learned(engine, experiments, base, scope_of(base), 100) == 3


def test_where_val_was_trained_on_it_was_learned_from(
    engine: Engine, store: Store, experiments: Experiments, base: DetectorRef, settled: list[str]
) -> None:
    snapshot = take_snapshot(engine, store, "lot")
    trained(experiments, base, **{"labelline.snapshot": snapshot.id, LEARNED: "train,val"})
    assert count_learned(engine, experiments, base, scope_of(base), 100) == 6


@pytest.mark.parametrize("tags", [{}, {"labelline.snapshot": "0" * 64}])
def test_what_a_given_detector_learned_from_is_not_known(
    engine: Engine,
    experiments: Experiments,
    base: DetectorRef,
    settled: list[str],
    tags: dict[str, str],
) -> None:
    assert count_learned(engine, experiments, base, scope_of(base), 100) is None
    trained(experiments, base, **tags)
    assert count_learned(engine, experiments, base, scope_of(base), 100) is None
