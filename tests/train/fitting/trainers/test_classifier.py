"""A classifier of whole items, from nobody to champion and on: real trainings of a small network on drawn pictures."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, utc_now
from blocks.errors import BadWeights, NotEnoughData
from blocks.servers.experiments import Experiments
from blocks.shapes import Whole, shape_columns
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.class_network import open_class_network
from tasks.detect.refs import DetectorRef
from tasks.train.evaluate import compare, evaluate
from tasks.train.fitting.training import finetune
from tasks.train.meant import find_meant
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tasks.train.registry import champion_of, resolve_detector, versions_of
from tests.detect.proposers.conftest import save_colour_classifier

TILING = TilingOptions(tile_px=64)
SHORT = TrainOptions(epochs=1, batch=8, min_train_boxes=5, min_test_boxes=1, device="cpu")
SPLITS = {"s0": "train", "s1": "train", "s2": "val", "s3": "test"}


def draw(class_name: str, seed: int) -> np.ndarray:
    """A noisy picture with a disc, or a square, of any colour: what colour it is tells nothing."""
    random = np.random.default_rng(seed)
    picture = random.integers(90, 130, (48, 72, 3), dtype=np.uint8)
    centre, colour = (int(random.integers(26, 46)), 24), random.integers(150, 255, 3).tolist()
    if class_name == "disc":
        cv2.circle(picture, centre, 14, colour, -1)
    else:
        cv2.rectangle(picture, (centre[0] - 16, 4), (centre[0] + 16, 14), colour, -1)
    return picture


def settle_wholes(engine: Engine, store: Store, count: int, splits: dict[str, str]) -> None:
    """Write drawn pictures as settled items, in turn of either class, and in turn of each sequence."""
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b1", "collection": "lot"}])
        for number in range(count):
            name, sequence = ("disc", "bar")[number // len(splits) % 2], list(splits)[number % len(splits)]
            data = cv2.imencode(".png", draw(name, number))[1].tobytes()
            item_id = hashlib.sha256(data).hexdigest()
            key = f"items/{item_id[:2]}/{item_id}.png"
            store.put(key, data)
            facts = {"name": f"{number}.png", "sequence": sequence, "media_type": "image/png", "plain": True}
            facts |= {"id": item_id, "key": key, "size_bytes": len(data), "width": 72, "height": 48}
            upsert(session, Item, [facts])
            place = {"batch_id": "b1", "item_id": item_id, "position": number, "settled_at": utc_now()}
            upsert(session, BatchItem, [place])
            label = {"id": item_id[:32], "item_id": item_id, "region": "whole", "revision": 0, "class_name": name}
            label |= {"origin": "person", "batch_id": "b1", **shape_columns(Whole())}
            upsert(session, Label, [label])
        rows = [{"collection": "lot", "sequence": name, "split": split} for name, split in splits.items()]
        upsert(session, SequenceSplit, rows)


@pytest.fixture
def wholes(engine: Engine, store: Store) -> SnapshotRef:
    settle_wholes(engine, store, 48, SPLITS)
    return take_snapshot(engine, store, "lot")


def test_nobody_is_champion_until_a_classifier_is(experiments: Experiments, store: Store) -> None:
    nobody = resolve_detector(experiments, store, "lot", "champion", "classes")
    assert nobody.is_nobody
    assert resolve_detector(experiments, store, "lot", nobody.version, "classes") == nobody
    assert resolve_detector(experiments, store, "lot", "champion", "boxes").is_nobody


def test_where_nobody_is_meant_no_class_is_lacking(experiments: Experiments, store: Store) -> None:
    meant = find_meant(experiments, store, "lot", "champion", "classes")
    assert meant.is_nobody
    assert meant.lacking(("disc", "bar")) == ()


def test_from_nobody_to_champion_and_on(
    engine: Engine, experiments: Experiments, store: Store, wholes: SnapshotRef
) -> None:
    assert wholes.kind == "classes"
    nobody = DetectorRef.nobody("lot")
    options = SHORT.model_copy(update={"epochs": 14, "lr0": 0.003})
    trained = finetune(experiments, store, wholes.id, nobody, options, tiling=TILING)
    assert finetune(experiments, store, wholes.id, nobody, options, tiling=TILING) == trained, "not done again"
    run = experiments.client.get_run(trained.run_id)
    assert run.data.params["side_px"] == "64"
    assert (run.data.params["train_items"], run.data.params["val_items"]) == ("36", "0")
    assert {"train/loss", "train/learning_rate"} <= run.data.metrics.keys()
    assert "new classifier" in run.data.tags["mlflow.note.content"]

    comparison = compare(store, wholes.id, nobody, trained.detector, TILING, run_id=trained.run_id)
    report = promote(engine, store, experiments, comparison, PromoteOptions())
    assert (report.promoted, report.metric, report.before) == (True, "accuracy", 0.0)
    assert report.reason == "there is no champion yet"
    assert report.after >= 0.75, "discs and bars are told apart"
    assert "| | nobody | challenger" in report.markdown
    assert "recall disc (6 items)" in report.markdown
    champion = champion_of(experiments, "lot")
    assert champion is not None
    assert champion.ref == report.champion == resolve_detector(experiments, store, "lot", "champion", "classes")
    assert champion.tags["accuracy"] == f"{report.after:.4f}"
    assert find_meant(experiments, store, "lot", "champion", "classes").classes == ("bar", "disc")

    on = finetune(experiments, store, wholes.id, champion.ref, SHORT, tiling=TILING)
    assert on.base_version == champion.ref.version
    assert float(experiments.client.get_run(on.run_id).data.metrics["train/taken_over_share"]) == 1.0
    again = compare(store, wholes.id, champion.ref, on.detector, TILING, run_id=on.run_id)
    assert promote(engine, store, experiments, again, PromoteOptions(min_gain=1.0)).promoted is False


def test_weights_that_were_trained_open_with_distrust_at_the_side_they_were_trained_on(
    experiments: Experiments, store: Store, wholes: SnapshotRef
) -> None:
    trained = finetune(experiments, store, wholes.id, DetectorRef.nobody("lot"), SHORT, tiling=TILING)
    network = open_class_network(store.local_path(trained.weights_key))
    assert (network.classes, network.side_px) == (("bar", "disc"), 64)


def test_val_chooses_where_it_is_large_enough(experiments: Experiments, store: Store, wholes: SnapshotRef) -> None:
    options = SHORT.model_copy(update={"min_val_boxes": 12, "epochs": 2})
    run_id = finetune(experiments, store, wholes.id, DetectorRef.nobody("lot"), options, tiling=TILING).run_id
    run = experiments.client.get_run(run_id)
    assert (run.data.params["train_items"], run.data.params["val_items"]) == ("24", "12")
    assert {"val/accuracy_top1", "val/loss"} <= run.data.metrics.keys()


def test_too_few_labels_are_said_before_training(experiments: Experiments, store: Store, wholes: SnapshotRef) -> None:
    options = TrainOptions(min_train_boxes=30)
    with pytest.raises(NotEnoughData, match="has 24 labels on 24 items to train on, and 30 are needed: settle 6 more"):
        finetune(experiments, store, wholes.id, DetectorRef.nobody("lot"), options, tiling=TILING)
    assert versions_of(experiments, "lot") == []


def test_a_classifier_of_other_classes_knows_nothing(
    experiments: Experiments, store: Store, wholes: SnapshotRef, tmp_path: Path
) -> None:
    weights = save_colour_classifier(tmp_path / "colours.pt", ("red", "disc", "blue"))
    partly = evaluate(store, wholes.id, resolve_detector(experiments, store, "lot", str(weights), "classes"), TILING)
    assert partly.unknown_classes == ("bar",)
    assert partly.number() == 0.5, "it calls everything a disc"
    other = save_colour_classifier(tmp_path / "other.pt", ("red", "disc"))
    with pytest.raises(BadWeights, match="another task"):
        resolve_detector(experiments, store, "lot", str(other), "boxes")


def test_a_test_item_that_cannot_be_read_counts_as_missed(
    experiments: Experiments, store: Store, wholes: SnapshotRef, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ref = resolve_detector(
        experiments, store, "lot", str(save_colour_classifier(tmp_path / "c.pt", ("disc", "bar", "c"))), "classes"
    )
    for key in list(store.keys("items/")):
        store.put(key, store.get(key)[:100])
    assert evaluate(store, wholes.id, ref, TILING).number() == 0.0
    assert "counts as missed" in caplog.text
