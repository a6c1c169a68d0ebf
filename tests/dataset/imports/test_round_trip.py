"""What is exported comes back as it was, in every format that can hold it: through files, and through the catalogue.

The labels that come back are compared with those that were settled, class by class and edge by edge.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Item, Label, Source
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.registry import FORMATS
from tasks.dataset.take_along import take_along
from tasks.intake.label_kinds import note_label_kind
from tasks.settle.in_force import labels_in_force
from tests.dataset.imports.world import bring
from tests.dataset.scenes import Scene, draw_scene, label_row, settle_scenes
from tests.examples import examples

SIZE_WH = (160, 96)
SPLITS = {"s0": "train", "s1": "val", "s2": "test"}
CLASSES = ("car", "truck, large", "größe 1", "yes")
SAME_PX = 0.01
ROUNDED_PX = {"voc": 1.0}
"""Formats of whole pixels, and how far that moves an edge."""

WITH_BOXES = sorted(name for name, form in FORMATS.items() if "box" in form.shapes)
BY_NUMBER = {"mot"}
"""Formats that know frames by their number, so that no picture is found by its name alone."""
WITH_WHOLES = sorted(name for name, form in FORMATS.items() if "whole" in form.shapes)

Found = list[tuple[str, tuple[float, ...]]]


@st.composite
def boxes(draw: st.DrawFn) -> tuple[str, tuple[float, float, float, float]]:
    """A class, and edges inside the picture that are some pixels apart."""
    left = draw(st.floats(0, SIZE_WH[0] - 4))
    top = draw(st.floats(0, SIZE_WH[1] - 4))
    right = draw(st.floats(left + 3, SIZE_WH[0]))
    bottom = draw(st.floats(top + 3, SIZE_WH[1]))
    return draw(st.sampled_from(CLASSES)), (left, top, right, bottom)


def apart(found: Sequence[tuple[str, tuple[float, float, float, float]]]) -> Any:
    """Leave out boxes that a reader takes for one object written twice."""
    kept: dict[Any, Any] = {}
    for class_name, edges in found:
        kept.setdefault((class_name, *(round(edge) for edge in edges)), (class_name, edges))
    return tuple(kept.values())


pictures = st.lists(st.lists(boxes(), max_size=6).map(apart), min_size=1, max_size=3)


def in_force(engine: Engine, collection: str) -> dict[str, Found]:
    """Labels by item, sorted."""
    with reading(engine) as session:
        ids = sorted(session.exec(select(Item.id)).all())
    return {
        item_id: sorted((row.class_name, tuple(edge or 0.0 for edge in edges(row))) for row in rows)
        for item_id, rows in labels_in_force(engine, ids, collection).items()
    }


def edges(row: Label) -> tuple[float | None, ...]:
    return row.x_min, row.y_min, row.x_max, row.y_max


def scenes_of(labels: Sequence[Sequence[tuple[str, tuple[float, float, float, float]]]]) -> list[Scene]:
    return [
        Scene(f"p{number}.png", f"s{number}", draw_scene(number, size_wh=SIZE_WH).pixels, tuple(mine))
        for number, mine in enumerate(labels)
    ]


def name_sources(engine: Engine, ids: Sequence[str]) -> None:
    rows = [
        {"collection": "lot", "uri": f"file:///photos/p{number}.png", "item_id": item_id, "state": "taken"}
        for number, item_id in enumerate(ids)
    ]
    with writing(engine) as session:
        upsert(session, Source, rows)


@pytest.mark.parametrize("fmt", WITH_BOXES)
@given(labels=pictures, images=st.sampled_from(["copy", "link", "none"]))
@settings(max_examples=examples(4, 60))
def test_boxes_come_back_as_they_were(
    empty_catalog: Path, fmt: Any, labels: Any, images: Literal["copy", "link", "none"]
) -> None:
    assume(images != "none" or fmt not in BY_NUMBER)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "catalog.sqlite").write_bytes(empty_catalog.read_bytes())
        engine, store = open_engine(f"sqlite:///{place / 'catalog.sqlite'}"), FolderStore(place / "objects")
        ids = settle_scenes(engine, store, scenes_of(labels), SPLITS)
        name_sources(engine, ids)
        take_along(engine, store, "lot", place / "out", fmt, images)
        back = "lot" if images == "none" else "back"
        before = in_force(engine, "lot")
        if images == "none":  # the pictures are found in the collection, in a catalogue that has no labels
            engine.dispose()
            engine = without_labels(place, empty_catalog, engine)
        report = bring(engine, store, place / "out", collection=back, format=fmt)
        after = in_force(engine, back)
        assert after.keys() == before.keys()
        for item_id, expected in before.items():
            found = after[item_id]
            assert [name for name, _ in found] == [name for name, _ in expected], report.told()
            off = [np.abs(np.subtract(one[1], other[1])).max() for one, other in matched(found, expected)]
            assert max(off, default=0.0) <= ROUNDED_PX.get(fmt, SAME_PX), (fmt, off)
        engine.dispose()


def matched(found: Found, expected: Found) -> list[tuple[Any, Any]]:
    """Pair labels of a class by the nearest edges."""
    pairs, free = [], list(found)
    for one in expected:
        same = [other for other in free if other[0] == one[0]]
        nearest = min(same, key=lambda other: float(np.abs(np.subtract(one[1], other[1])).max()))
        free.remove(nearest)
        pairs.append((nearest, one))
    return pairs


def without_labels(place: Path, empty_catalog: Path, engine: Engine) -> Engine:
    """A catalogue with the same items and sources, where nothing is labelled."""
    with reading(engine) as session:
        items = [row.model_dump() for row in session.exec(select(Item))]
        sources = [row.model_dump() for row in session.exec(select(Source))]
    engine.dispose()
    (place / "other.sqlite").write_bytes(empty_catalog.read_bytes())
    other = open_engine(f"sqlite:///{place / 'other.sqlite'}")
    with writing(other) as session:
        upsert(session, Item, items)
        upsert(session, Source, sources)
    return other


@pytest.mark.parametrize("fmt", WITH_WHOLES)
@pytest.mark.parametrize("images", ["copy", "link"])
def test_classes_of_pictures_come_back(
    engine: Engine, store: FolderStore, tmp_path: Path, fmt: Any, images: Any
) -> None:
    note_label_kind(engine, "lot", "classes")
    ids = settle_scenes(engine, store, scenes_of([(), (), ()]), SPLITS)
    name_sources(engine, ids)
    whole = {"shape": {"type": "whole"}}
    rows = [
        {
            **label_row(item_id, "whole", name, (0, 0, 0, 0)),
            **dict.fromkeys(("x_min", "y_min", "x_max", "y_max")),
            **whole,
        }
        for item_id, name in zip(ids, CLASSES[1:], strict=True)
    ]
    with writing(engine) as session:
        upsert(session, Label, rows)
    take_along(engine, store, "lot", tmp_path / "out", fmt, images)
    bring(engine, store, tmp_path / "out", collection="back", format=fmt)
    assert in_force(engine, "back") == in_force(engine, "lot")
