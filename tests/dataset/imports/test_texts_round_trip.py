"""Texts with their labels leave and come in again as they were, in every format that can hold them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Source, utc_now
from blocks.shapes import Shape, Span, Whole, shape_columns
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.registry import FORMATS
from tasks.dataset.take_along import take_along
from tasks.intake.label_kinds import note_label_kind
from tasks.intake.sequences import assign_splits
from tasks.intake.texts.text_items import keep_text
from tasks.kinds.registry import KINDS
from tasks.kinds.spans.extents import without_overlaps
from tasks.settle.in_force import labels_in_force
from tests.dataset.imports.world import bring
from tests.examples import examples

CASES = [
    (name, kind)
    for name, form in sorted(FORMATS.items())
    for kind in ("classes", "spans")
    if form.holds_texts and KINDS[kind].shapes <= form.shapes
]
NAMES = st.sampled_from(["pos", "creative work", "B-PER", "人", "a:b", "größe, 1", '"quoted"'])

Said = dict[str, list[tuple[str, Shape]]]
"""The labels of each text."""


@st.composite
def texts(draw: st.DrawFn) -> str:
    signs = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
    text = draw(st.text(signs, min_size=1, max_size=40))
    return text if text.strip() else f"{text}x"


@st.composite
def classed(draw: st.DrawFn) -> Said:
    return {text: [(draw(NAMES), Whole())] for text in draw(st.lists(texts(), min_size=1, max_size=4, unique=True))}


@st.composite
def tagged(draw: st.DrawFn) -> Said:
    return {text: draw(spans_in(text)) for text in draw(st.lists(texts(), min_size=1, max_size=4, unique=True))}


@st.composite
def spans_in(draw: st.DrawFn, text: str) -> list[tuple[str, Shape]]:
    found: dict[tuple[str, int, int], Span] = {}
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        marked = text[start:end]
        if marked.strip():
            start, end = start + len(marked) - len(marked.lstrip()), start + len(marked.rstrip())
            name = draw(NAMES)
            found[name, start, end] = Span(start=start, end=end)
    return [(name, span) for (name, _, _), span in found.items()]


def settle(engine: Engine, store: FolderStore, kind: str, said: Said) -> None:
    note_label_kind(engine, "mail", kind)
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "mail"}])
        for at, (text, labels) in enumerate(said.items()):
            item = keep_text(store, text, f"mail.csv:{at}", f"s{at}")
            source = {"collection": "mail", "uri": f"file:///mail.csv#line={at}", "state": "taken"}
            upsert(session, Item, [item.model_dump(exclude={"created_at"})])
            upsert(session, Source, [source | {"item_id": item.id}])
            place = {"batch_id": "b", "item_id": item.id, "position": at, "settled_at": utc_now()}
            upsert(session, BatchItem, [place])
            for number, (name, shape) in enumerate(labels):
                row = {"id": f"{item.id[:24]}{number}", "item_id": item.id, "batch_id": "b", "origin": "person"}
                row |= {"region": "whole" if kind == "classes" else f"r{number}", "revision": 0, "class_name": name}
                upsert(session, Label, [row | shape_columns(shape)])


def in_force(engine: Engine, collection: str) -> dict[str, list[tuple[str, Any]]]:
    with reading(engine) as session:
        ids = session.exec(select(Item.id)).all()
    found = labels_in_force(engine, list(ids), collection)
    return {item_id: sorted((row.class_name, str(row.shape)) for row in rows) for item_id, rows in found.items()}


def flat(labels: Sequence[tuple[str, Shape]]) -> list[tuple[str, Shape]]:
    """Those that tags can hold."""
    kept = without_overlaps([(shape.start, shape.end) for _, shape in labels if isinstance(shape, Span)])
    return [labels[at] for at in kept]


@pytest.mark.parametrize(("fmt", "kind"), CASES, ids=[f"{kind} as {fmt}" for fmt, kind in CASES])
@given(data=st.data())
@settings(max_examples=examples(6, 60))
def test_labels_of_texts_come_back_as_they_were(empty_catalog: Path, fmt: Any, kind: str, data: st.DataObject) -> None:
    said = data.draw(classed() if kind == "classes" else tagged())
    if fmt == "conll":
        said = {text: flat(labels) for text, labels in said.items()}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "catalog.sqlite").write_bytes(empty_catalog.read_bytes())
        engine, store = open_engine(f"sqlite:///{place / 'catalog.sqlite'}"), FolderStore(place / "objects")
        settle(engine, store, kind, said)
        assign_splits(engine, "mail")
        take_along(engine, store, "mail", place / "out", fmt, "none")
        report = bring(engine, store, place / "out", collection="back", format=fmt)
        assert in_force(engine, "back") == in_force(engine, "mail")
        assert report.problems == 0, report.told()
        engine.dispose()


def test_these_formats_hold_texts() -> None:
    assert {name for name, kind in CASES if kind == "classes"} == {"csv", "folders", "jsonl", "label-studio"}
    assert {name for name, kind in CASES if kind == "spans"} == {"conll", "jsonl", "label-studio", "spacy"}
