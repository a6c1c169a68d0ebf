"""A collection has one kind of label: the first that a line says, or the one that its labels already are."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Label
from blocks.errors import BadOption, BadShape
from blocks.storage.stores import Store
from tasks.dataset.snapshots import take_snapshot
from tasks.intake.label_kinds import label_kind_of, note_label_kind
from tests.dataset.scenes import draw_scene, label_row, settle_scenes
from tests.triage.rows import add_batch


def test_the_first_line_says_it_and_another_is_refused_before_work_begins(engine: Engine) -> None:
    note_label_kind(engine, "lot", "classes")
    note_label_kind(engine, "lot", "classes")
    note_label_kind(engine, "other", "boxes")
    with pytest.raises(BadOption, match=r"'lot' has classes, and this line labels boxes: .* label_kind to 'classes'"):
        note_label_kind(engine, "lot", "boxes")
    assert label_kind_of(engine, "lot", set()).name == "classes"


def test_a_collection_that_was_labelled_before_has_what_its_labels_are(engine: Engine, store: Store) -> None:
    settle_scenes(engine, store, [draw_scene(0)], {"s0": "train"})
    with pytest.raises(BadOption, match="'lot' has boxes, and this line labels classes"):
        note_label_kind(engine, "lot", "classes")
    note_label_kind(engine, "lot", "boxes")


def test_where_nothing_is_written_down_the_shapes_tell(engine: Engine) -> None:
    add_batch(engine, 1)
    assert label_kind_of(engine, "lot", {"whole"}).name == "classes"
    assert label_kind_of(engine, "lot", set()).name == "boxes"


def test_a_shape_of_a_kind_that_the_line_does_not_have_is_refused_by_name(engine: Engine, store: Store) -> None:
    note_label_kind(engine, "lot", "boxes")
    (item_id,) = settle_scenes(engine, store, [draw_scene(0)], {"s0": "train"})
    nowhere = {"x_min": None, "y_min": None, "x_max": None, "y_max": None, "shape": {"type": "whole"}}
    with writing(engine) as session:
        upsert(session, Label, [{**label_row(item_id, "whole", "car", (0, 0, 1, 1)), **nowhere}])
    with pytest.raises(BadShape, match=r"labelled with boxes, .* type box, and it holds labels of type whole"):
        take_snapshot(engine, store, "lot")
