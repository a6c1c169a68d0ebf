"""Models of several classes an item, of texts and of pictures: trained, measured, proposing and scoring."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, SequenceSplit, utc_now
from blocks.errors import BadWeights
from blocks.servers.experiments import Experiments
from blocks.shapes import SEVERAL, Whole, shape_columns
from blocks.storage.stores import Store
from tasks.dataset.snapshots import take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import propose
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.registry import scorer_of
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.registry import label_kind
from tasks.suggest.embedders.looks import Looks
from tasks.train.evaluate import compare, evaluate
from tasks.train.fitting.trainers import linear, multilabel
from tasks.train.fitting.training import finetune
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tests.detect.proposers.conftest import save_colour_classifier

TILING = TilingOptions(tile_px=64)
OPTIONS = TrainOptions(epochs=1, min_train_boxes=5, min_test_boxes=1, device="cpu")
SPLITS = {"s0": "train", "s1": "train", "s2": "train", "s3": "test"}
NAMES = ("crowd", "night", "wet")
WORDS = {"crowd": "people stand everywhere", "night": "the moon is dark", "wet": "rain falls in puddles"}
FILLER = ("a road goes by", "somebody looks on", "it is a day like any other", "the camera moves")


def classes_of(number: int) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(NAMES) if number // len(SPLITS) >> place & 1)


def write_text(number: int) -> bytes:
    parts = [WORDS[name] for name in classes_of(number)] + [FILLER[number % 3], FILLER[number % 4], str(number)]
    return "; ".join(np.random.default_rng(number).permutation(parts)).encode()


def draw(number: int) -> bytes:
    """A picture of three stripes, each bright where its class holds."""
    stripes = np.array([[220 if name in classes_of(number) else 30] for name in NAMES], np.uint8)
    noise = np.random.default_rng(number).integers(0, 25, (48, 72, 3), dtype=np.uint8)
    picture = np.repeat(np.repeat(stripes, 16, axis=0), 72, axis=1)[..., None] + noise
    return cv2.imencode(".png", picture)[1].tobytes()


def settle_sets(engine: Engine, store: Store, data: Sequence[bytes], facts: dict[str, object]) -> list[str]:
    """Write items as settled, each with its classes, in turn of each sequence."""
    note_label_kind(engine, "lot", "multilabel")
    ids = [hashlib.sha256(one).hexdigest() for one in data]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b1", "collection": "lot"}])
        for number, (id_, one) in enumerate(zip(ids, data, strict=True)):
            store.put(f"items/{id_}", one)
            row = {"id": id_, "key": f"items/{id_}", "name": f"{number}", "size_bytes": len(one), "plain": True}
            upsert(session, Item, [{**row, "sequence": list(SPLITS)[number % len(SPLITS)], **facts}])
            place = {"batch_id": "b1", "item_id": id_, "position": number, "settled_at": utc_now()}
            upsert(session, BatchItem, [place])
            labels = [
                {"id": f"{id_[:24]}{name}", "item_id": id_, "region": f"whole:{name}", "class_name": name}
                | {"revision": 0, "origin": "person", "batch_id": "b1", **shape_columns(Whole(type=SEVERAL))}
                for name in classes_of(number)
            ]
            upsert(session, Label, labels)
        rows = [{"collection": "lot", "sequence": name, "split": split} for name, split in SPLITS.items()]
        upsert(session, SequenceSplit, rows)
    return ids


OF_TEXT = {"media_type": "text/plain", "width": None, "height": None, "length": 40}
OF_PICTURE = {"media_type": "image/png", "width": 72, "height": 48}


@pytest.mark.parametrize("medium", ["texts", "pictures"])
def test_from_nobody_to_champion_and_to_proposals_of_each_class(
    engine: Engine, store: Store, experiments: Experiments, monkeypatch: pytest.MonkeyPatch, medium: str
) -> None:
    for module in (multilabel, linear):
        monkeypatch.setattr(module, "DEFAULT", Looks())  # the network would take half a minute
    monkeypatch.setitem(__import__("tasks.suggest.embedders.registry", fromlist=[""]).EMBEDDERS, Looks().name, Looks())
    data = [write_text(number) if medium == "texts" else draw(number) for number in range(96)]
    ids = settle_sets(engine, store, data, OF_TEXT if medium == "texts" else OF_PICTURE)
    snapshot = take_snapshot(engine, store, "lot")
    nobody = DetectorRef.nobody("lot")
    trained = finetune(experiments, store, snapshot.id, nobody, OPTIONS, tiling=TILING)
    compared = compare(store, snapshot.id, nobody, trained.detector, TILING, run_id=trained.run_id)
    assert compared.champion.number() == 0 and compared.challenger.number() > 0.8
    assert set(compared.challenger.metrics.numbers) == {"micro_f1", "macro_f1", "exact_match"}
    report = promote(engine, store, experiments, compared, PromoteOptions())
    assert (report.promoted, report.metric) == (True, "micro_f1")

    with reading(engine) as session:
        items = list(session.exec(select(Item)).all())
    propose(engine, store, items, trained.detector, NAMES, TILING, "multilabel")
    with reading(engine) as session:
        rows = session.exec(select(Proposal)).all()
    sure = {(row.item_id, row.class_name) for row in rows if row.score >= 0.5}
    true = {(id_, name) for number, id_ in enumerate(ids) for name in classes_of(number)}
    assert {row.shape["type"] for row in rows if row.shape} == {SEVERAL}
    assert len(sure & true) > 0.8 * len(true) and len(sure - true) < 0.2 * len(true)
    assert max(sum(row.item_id == id_ for row in rows) for id_ in ids) > 1

    scorer = scorer_of(label_kind("multilabel"), trained.weights_key).open(store, trained.detector, 10**6)
    (scores,) = scorer.score([data[7 * len(SPLITS)] if medium == "pictures" else data[7 * len(SPLITS)].decode()])
    assert isinstance(scores, list) and min(scores) > 0.5 and sum(scores) > 1.5, "each class has a chance of its own"


def test_a_model_of_one_class_an_item_is_refused_and_the_other_way_round(
    engine: Engine, store: Store, experiments: Experiments, tmp_path: Path
) -> None:
    file = save_colour_classifier(tmp_path / "colours.pt")
    with pytest.raises(BadWeights, match="give an item one class, and a line of `multilabel`"):
        proposer_of("multilabel", file.name).check(file, "v")
    settle_sets(engine, store, [write_text(number) for number in range(96)], OF_TEXT)
    snapshot = take_snapshot(engine, store, "lot")
    trained = finetune(experiments, store, snapshot.id, DetectorRef.nobody("lot"), OPTIONS, tiling=TILING)
    path = store.local_path(trained.weights_key)
    with pytest.raises(BadWeights, match="judge each class on its own, for lines of `multilabel`"):
        proposer_of("classes", path.name).check(path, "v")
    assert evaluate(store, snapshot.id, trained.detector, TILING).items == 24
