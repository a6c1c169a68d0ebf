"""Labels become those of another kind as further revisions: to the pixel, with all that was known of them."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, update
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Label, utc_now
from blocks.errors import BadOption
from blocks.shapes import Polygon, Shape, shape_of
from blocks.storage.stores import FolderStore
from tasks.dataset.take_along import take_along
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import noted_kind
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.settle.conversion.convert import convert_labels
from tasks.settle.labels import settle as settle_batch
from tests.dataset.formats.test_outlines import settle
from tests.kinds.outlines.drawn import drawn_object

RASTERS = [Raster(2, 3, drawn_object(seed, 40)) for seed in range(4)]
THIN = Polygon(points=((5.0, 5.1), (9.0, 5.1), (9.0, 5.2), (5.0, 5.2)))


def label(engine: Engine, kind: str, shapes: list[Shape]) -> str:
    """Return a collection with labels of one picture, in a batch that has settled."""
    collection = settle(engine, kind, shapes)
    with writing(engine) as session:
        session.connection().execute(update(Batch).where(col(Batch.id) == collection).values(settled_at=utc_now()))
    return collection


def rows(engine: Engine, collection: str) -> list[Label]:
    with reading(engine) as session:
        query = select(Label).where(Label.batch_id == collection)
        return list(session.exec(query.order_by(Label.region, col(Label.revision))).all())


def in_force(engine: Engine, collection: str) -> list[Label]:
    newest = {row.region: row for row in rows(engine, collection)}
    return [row for row in newest.values() if not row.retracted]


def shapes(engine: Engine, collection: str) -> list[Shape]:
    return [shape_of(row) for row in in_force(engine, collection)]


def test_masks_become_polygons_and_masks_again_to_the_pixel(engine: Engine) -> None:
    collection = label(engine, "masks", [mask_of(one) for one in RASTERS])
    before = shapes(engine, collection)
    report = convert_labels(engine, collection, "polygons")
    assert (report.before, report.labels, report.left_out, report.lost) == ("masks", 4, 0, {})
    polygons = shapes(engine, collection)
    assert polygons == [traced(one) for one in RASTERS]
    assert noted_kind(engine, collection).name == "polygons"  # type: ignore[union-attr]
    back = convert_labels(engine, collection, "masks")
    assert (back.labels, back.lost) == (4, {"polygons whose edges are now those of pixels": 4})
    assert shapes(engine, collection) == before
    assert [row.revision for row in rows(engine, collection)] == [0, 1, 2] * 4


def test_all_that_was_known_of_a_label_stays_and_its_earlier_form_with_it(engine: Engine) -> None:
    collection = label(engine, "polygons", [traced(one) for one in RASTERS])
    convert_labels(engine, collection, "masks")
    kept = ("region", "class_name", "origin", "batch_id", "proposal_id", "answer_id", "import_id", "x_min", "y_max")
    found = rows(engine, collection)
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert [getattr(first, name) for name in kept] == [getattr(second, name) for name in kept]
        assert (shape_of(first).type, shape_of(second).type) == ("polygon", "mask")


def test_boxes_around_outlines_say_what_is_lost_and_become_polygons_of_four_corners(engine: Engine) -> None:
    collection = label(engine, "polygons", [traced(one) for one in RASTERS])
    report = convert_labels(engine, collection, "boxes")
    assert report.lost == {"polygons of which only the box around them is left": 4}
    assert [one.bounds() for one in shapes(engine, collection)] == [traced(one).bounds() for one in RASTERS]
    convert_labels(engine, collection, "polygons")
    assert all(isinstance(one, Polygon) and len(one.points) == 4 for one in shapes(engine, collection))


def test_what_a_kind_cannot_have_is_taken_back_and_said(engine: Engine) -> None:
    collection = label(engine, "polygons", [traced(RASTERS[0]), THIN])
    report = convert_labels(engine, collection, "masks")
    assert (report.labels, report.left_out) == (1, 1)
    assert report.lost["polygons thinner than a pixel, left out"] == 1
    (left,) = shapes(engine, collection)
    assert mask_iou(rasterised(left), RASTERS[0]) == 1
    assert shape_of(rows(engine, collection)[2]) == THIN, "its earlier revision is kept"


def test_a_second_conversion_changes_nothing(engine: Engine) -> None:
    collection = label(engine, "polygons", [traced(one) for one in RASTERS])
    convert_labels(engine, collection, "masks")
    before = rows(engine, collection)
    report = convert_labels(engine, collection, "masks")
    assert (report.batch, report.labels) == (None, 0)
    assert [row.id for row in rows(engine, collection)] == [row.id for row in before]


def test_settling_an_earlier_batch_again_does_not_turn_labels_back(engine: Engine) -> None:
    collection = label(engine, "polygons", [traced(one) for one in RASTERS])
    convert_labels(engine, collection, "masks")
    before = shapes(engine, collection)
    settle_batch(engine, Scope(collection, "nobody", "none").batch_id, "nobody", "none")
    assert shapes(engine, collection) == before and len(before) == 4


def test_a_converted_collection_is_taken_along_as_it_is_now(engine: Engine, tmp_path: Path) -> None:
    collection = label(engine, "masks", [mask_of(one) for one in RASTERS])
    convert_labels(engine, collection, "polygons")
    result = take_along(
        engine, FolderStore(tmp_path / "objects"), collection, tmp_path / "out", "coco", "none", lambda _: None
    )
    assert (sum(result.pictures.values()), sum(result.labels.values())) == (1, 4)


def test_what_cannot_be_converted_is_refused_before_anything_is_written(engine: Engine) -> None:
    collection = label(engine, "polygons", [traced(RASTERS[0])])
    for to, said in (("classes", "cannot become"), ("tracks", "cannot become"), ("circles", "no kind of label")):
        with pytest.raises(BadOption, match=said):
            convert_labels(engine, collection, to)
    with pytest.raises(BadOption, match="no labels yet"):
        convert_labels(engine, "another", "masks")
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "open", "collection": collection, "settled_at": None}])
    settled = settle_at(engine, collection)
    with pytest.raises(BadOption, match="have not settled"):
        convert_labels(engine, collection, "masks")
    assert settle_at(engine, collection) == settled == 1
    assert noted_kind(engine, collection).name == "polygons"  # type: ignore[union-attr]


def settle_at(engine: Engine, collection: str) -> int:
    """Count the places of the collection's items in batches."""
    with reading(engine) as session:
        mine = select(Batch.id).where(Batch.collection == collection)
        return len(session.exec(select(BatchItem).where(col(BatchItem.batch_id).in_(mine))).all())
