"""A line of texts by its plain functions: what labels of texts teach, and a champion that is trained on them."""

import pytest
from sqlalchemy import Engine, update
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, utc_now
from blocks.database.vector_tables import ItemVector
from blocks.errors import BadOption
from blocks.servers.experiments import Experiments
from blocks.shapes import Whole, shape_columns
from blocks.storage.stores import Store
from infra.demo.texts.letters import CLASSES, write_letters
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import proposals_of, propose
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import items_of, open_batch
from tasks.intake.files import Examined
from tasks.intake.label_kinds import note_label_kind
from tasks.intake.sequences import assign_splits
from tasks.intake.source_rows import write_sources
from tasks.intake.texts.text_items import keep_text
from tasks.suggest.embedders.text_axes import axes_of_texts
from tasks.train.evaluate import compare
from tasks.train.fitting.training import finetune
from tasks.train.meant import find_meant
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tasks.train.registry import champion_of, resolve_detector
from tasks.train.teaching import find_taught
from tasks.triage.active_learning.looks import looks_of

FIRST, REST = 120, 40
"""Texts that people have labelled, and texts to propose for."""


@pytest.fixture(scope="module")
def letters() -> list[tuple[str, str]]:
    return list(write_letters(FIRST + REST, seed=2))


def take(engine: Engine, store: Store, letters: list[tuple[str, str]]) -> dict[str, str]:
    """Take letters in; return the class of each item."""
    items = [keep_text(store, text, f"{n}", f"{n}") for n, (text, _) in enumerate(letters)]
    examined = [Examined(f"file:///{item.name}", item.id, item=item) for item in items]
    write_sources(engine, "mail", examined, utc_now())
    assign_splits(engine, "mail")
    return {item.id: name for item, (_, name) in zip(items, letters, strict=True)}


def label(engine: Engine, named: dict[str, str], batch_id: str = "b1", size: int = FIRST) -> None:
    """Let people have said what the texts of a first batch are about."""
    note_label_kind(engine, "mail", "classes")
    open_batch(engine, batch_id, "mail", size)
    said = {"region": "whole", "origin": "person", "batch_id": batch_id, **shape_columns(Whole())}
    rows = [
        {"id": f"l{n}", "item_id": item.id, "class_name": named[item.id], **said}
        for n, item in enumerate(items_of(engine, batch_id))
    ]
    with writing(engine) as session:
        upsert(session, Label, rows)
        session.exec(update(BatchItem).where(col(BatchItem.batch_id) == batch_id).values(settled_at=utc_now()))
        session.exec(update(Batch).where(col(Batch.id) == batch_id).values(settled_at=utc_now()))


def right_of(engine: Engine, store: Store, ref: DetectorRef, named: dict[str, str]) -> float:
    """Let a model propose for what is left; return the share of texts for which it is right."""
    batch = open_batch(engine, "b2", "mail", REST)
    items, options = items_of(engine, batch.id), TilingOptions(min_score=0.05)
    counts = propose(engine, store, items, ref, CLASSES, options, "classes")
    assert (counts.items, counts.set_aside) == (REST, ())
    found = proposals_of(engine, [item.id for item in items], ref.version, options.recipe(CLASSES))
    return sum(bool(some) and some[0].class_name == named[item_id] for item_id, some in found.items()) / REST


def test_labels_of_texts_suggest_for_the_next_batch(
    engine: Engine, store: Store, experiments: Experiments, letters: list[tuple[str, str]]
) -> None:
    named = take(engine, store, letters)
    label(engine, named)
    ref = find_taught(engine, store, experiments, "mail", "suggest", "classes", "b1")
    assert ref is not None
    assert not ref.is_nobody
    assert right_of(engine, store, ref, named) > 0.7
    with reading(engine) as session:
        kept = session.exec(select(ItemVector.embedder, ItemVector.item_id)).all()
    assert len({embedder for embedder, _ in kept}) == 1
    assert len(kept) == FIRST + REST
    with pytest.raises(BadOption, match="weights see pictures"):
        find_taught(engine, store, experiments, "mail", "suggest:x.pt", "classes", "b1")


def test_axes_of_texts_are_found_anew_when_there_are_twice_as_many(
    engine: Engine, store: Store, letters: list[tuple[str, str]]
) -> None:
    take(engine, store, letters[:60])
    first = axes_of_texts(engine, store, "mail")
    take(engine, store, letters[:100])
    assert axes_of_texts(engine, store, "mail") == first
    take(engine, store, letters[:130])
    assert axes_of_texts(engine, store, "mail") != first


def test_one_text_has_no_axes(engine: Engine, store: Store) -> None:
    take(engine, store, [("only one", "x")])
    assert axes_of_texts(engine, store, "mail") is None


def test_a_model_of_texts_is_trained_compared_made_champion_and_proposes(
    engine: Engine, store: Store, experiments: Experiments, letters: list[tuple[str, str]]
) -> None:
    named = take(engine, store, letters)
    label(engine, named)
    snapshot = take_snapshot(engine, store, "mail")
    assert read_snapshot(store, snapshot.id).medium == "texts"
    nobody = DetectorRef.nobody("mail")
    options, tiling = TrainOptions(min_test_boxes=5), TilingOptions()
    trained = finetune(experiments, store, snapshot.id, nobody, options, tiling=tiling)
    assert trained.weights_key.endswith(".npz")
    result = compare(store, snapshot.id, nobody, trained.detector, tiling, run_id=trained.run_id)
    assert result.challenger.number("accuracy") > 0.7
    report = promote(engine, store, experiments, result, PromoteOptions())
    assert report.promoted
    assert "each as a whole" in report.markdown
    champion = champion_of(experiments, "mail")
    assert champion is not None
    assert find_meant(experiments, store, "mail", "champion", "classes").classes == tuple(sorted(CLASSES))
    ref = resolve_detector(experiments, store, "mail", "champion", "classes")
    assert right_of(engine, store, ref, named) > 0.7
    again = finetune(experiments, store, snapshot.id, ref, options, tiling=tiling)  # it begins with nothing, too
    assert again.version == trained.version


def test_a_first_batch_of_texts_is_one_of_texts_that_are_unlike_each_other(engine: Engine, store: Store) -> None:
    take(engine, store, [("a red kettle", "x"), ("a red kettle!", "x"), ("das Wetter ist schön", "y")])
    with reading(engine) as session:
        items = sorted(session.exec(select(Item)).all(), key=lambda item: item.name)
    vectors = looks_of(store, items).vectors
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
