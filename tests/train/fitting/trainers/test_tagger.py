"""A tagger of texts, from nobody to champion and to the proposals of the next batch: real trainings, in seconds."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item, Proposal
from blocks.errors import BadOption, NotEnoughData
from blocks.servers.experiments import Experiments
from blocks.shapes import Span, shape_of
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import propose
from tasks.detect.refs import DetectorRef
from tasks.kinds.spans.scoring import ClassedSpan
from tasks.train.evaluate import compare, evaluate
from tasks.train.fitting.training import finetune
from tasks.train.fitting.watch import EpochReport
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tasks.train.registry import champion_of, resolve_detector
from tests.kinds.spans.letters import CLASSES, keep_letters, settle_letters, write_letter

TILING = TilingOptions()
OPTIONS = TrainOptions(epochs=30)
SPLITS = {"s0": "train", "s1": "train", "s2": "val", "s3": "test"}


@pytest.fixture
def letters(engine: Engine, store: Store) -> SnapshotRef:
    settle_letters(engine, store, range(120), SPLITS)
    return take_snapshot(engine, store, "letters")


def test_a_tagger_becomes_champion_and_proposes_spans_of_the_next_batch(
    engine: Engine, store: Store, experiments: Experiments, letters: SnapshotRef
) -> None:
    nobody = resolve_detector(experiments, store, "letters", "champion", "spans")
    told: list[EpochReport] = []
    trained = finetune(experiments, store, letters.id, nobody, OPTIONS, tiling=TILING, progress=told.append)
    assert trained.weights_key == f"weights/{trained.version}.tagger" and store.has(trained.weights_key)
    assert trained.epochs == len(told) > 5 and told[-1].metrics["train_loss"] < told[0].metrics["train_loss"]
    assert finetune(experiments, store, letters.id, nobody, OPTIONS, tiling=TILING) == trained

    compared = compare(store, letters.id, nobody, trained.detector, TILING, run_id=trained.run_id)
    assert compared.champion.number() == 0 and compared.challenger.number() > 0.9
    report = promote(engine, store, experiments, compared, PromoteOptions())
    assert report.promoted and report.metric == "f1"
    champion = champion_of(experiments, "letters")
    assert champion is not None and champion.ref == trained.detector
    assert resolve_detector(experiments, store, "letters", trained.version, "spans") == trained.detector

    ids = keep_letters(engine, store, range(200, 220), {"s4": "train"}, "b2")
    with reading(engine) as session:
        items = session.exec(select(Item).where(Item.id.in_(ids))).all()  # type: ignore[attr-defined]
    counts = propose(engine, store, items, champion.ref, CLASSES, TILING, "spans")
    with reading(engine) as session:
        rows = session.exec(select(Proposal)).all()
    assert counts.items == 20 and counts.proposals == len(rows)
    said = {id_: set[ClassedSpan]() for id_ in ids}
    for row in rows:
        shape = shape_of(row)
        assert isinstance(shape, Span) and 0 < row.score <= 1 and row.x_min is None
        said[row.item_id].add(ClassedSpan(shape.start, shape.end, row.class_name))
    right = sum(said[id_] == set(write_letter(seed)[1]) for seed, id_ in zip(range(200, 220), ids, strict=True))
    assert right >= 16


def test_a_champion_is_learnt_anew_and_not_trained_further(
    store: Store, experiments: Experiments, letters: SnapshotRef
) -> None:
    nobody = DetectorRef.nobody("letters")
    first = finetune(experiments, store, letters.id, nobody, OPTIONS, tiling=TILING)
    assert finetune(experiments, store, letters.id, first.detector, OPTIONS, tiling=TILING) == first
    with pytest.raises(BadOption, match="models of spans are learnt anew"):
        options = OPTIONS.model_copy(update={"base": "yolo11n.pt"})
        finetune(experiments, store, letters.id, nobody, options, tiling=TILING)


def test_nobody_finds_nothing_and_too_few_labels_are_refused(
    engine: Engine, store: Store, experiments: Experiments
) -> None:
    settle_letters(engine, store, range(8), SPLITS)
    few = take_snapshot(engine, store, "letters")
    nobody = DetectorRef.nobody("letters")
    found = evaluate(store, few.id, nobody, TILING)
    assert (found.number(), found.unknown_classes) == (0.0, CLASSES)
    with pytest.raises(NotEnoughData, match="to train on, and 20 are needed"):
        finetune(experiments, store, few.id, nobody, OPTIONS, tiling=TILING)
