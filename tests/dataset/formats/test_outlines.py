"""Outlines and masks out and in again, in every format that has them: to the pixel, with the area, holes and parts."""

from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, utc_now
from blocks.shapes import Shape, shape_columns
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.imports.preparing.checks import KindChooser
from tasks.dataset.take_along import Format, take_along
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tests.examples import examples
from tests.kinds.outlines.drawn import RASTERS, drawn_object

SIZE = (80, 90)
SHAPED = {"polygons": traced, "masks": mask_of}
HELD = [(fmt, kind) for fmt in ("coco", "cvat", "label-studio", "jsonl") for kind in SHAPED]


def settle(engine: Engine, kind: str, shapes: list[Shape]) -> str:
    collection = uuid4().hex
    item = {"id": collection * 2, "key": f"items/{collection}", "name": "a.png", "sequence": "s", "plain": True}
    item |= {"media_type": "image/png", "size_bytes": 1, "width": SIZE[0], "height": SIZE[1]}
    place = {"batch_id": collection, "item_id": item["id"], "position": 0, "settled_at": utc_now()}
    rows = [
        {"id": f"{collection}-{n}", "item_id": item["id"], "region": f"r{n:04d}", "revision": 0, "class_name": "cell"}
        | {"origin": "person", "batch_id": collection, **shape_columns(shape)}
        for n, shape in enumerate(shapes)
    ]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": collection, "collection": collection}])
        upsert(session, Item, [item])
        upsert(session, BatchItem, [place])
        upsert(session, SequenceSplit, [{"collection": collection, "sequence": "s", "split": "train"}])
        upsert(session, Label, rows)
    note_label_kind(engine, collection, kind)
    return collection


def there_and_back(engine: Engine, folder: Path, fmt: Format, kind: str, shapes: list[Shape]) -> list[Shape]:
    collection = settle(engine, kind, shapes)
    take_along(engine, FolderStore(folder / "objects"), collection, folder / collection, fmt, "none", lambda _: None)
    with open_dataset(folder / collection, fmt, lambda _: SIZE, outlines=True) as dataset:
        (picture,) = dataset.pictures()
        assert [problem.told() for problem in dataset.problems] == []
    assert picture.labels is not None and picture.left_out == 0
    return [label.shape for label in picture.labels]


@pytest.mark.parametrize(("fmt", "kind"), HELD, ids=[f"{fmt}-{kind}" for fmt, kind in HELD])
def test_each_comes_back_to_the_pixel(engine: Engine, tmp_path: Path, fmt: Format, kind: str) -> None:
    @settings(max_examples=examples(5, 200), deadline=None)
    @given(st.lists(RASTERS, min_size=1, max_size=3, unique_by=mask_of))
    def comes_back(rasters: list[Raster]) -> None:
        found = there_and_back(engine, tmp_path, fmt, kind, [SHAPED[kind](raster) for raster in rasters])
        assert [mask_of(rasterised(shape)) for shape in found] == [mask_of(raster) for raster in rasters]

    comes_back()


@pytest.mark.parametrize(("fmt", "kind"), HELD, ids=[f"{fmt}-{kind}" for fmt, kind in HELD])
def test_drawn_objects_keep_their_holes_and_parts(engine: Engine, tmp_path: Path, fmt: Format, kind: str) -> None:
    rasters = [Raster(2, 3, drawn_object(seed)) for seed in (3, 4, 9)]
    found = there_and_back(engine, tmp_path, fmt, kind, [SHAPED[kind](raster) for raster in rasters])
    for shape, raster in zip(found, rasters, strict=True):
        assert rasterised(shape).area == raster.area and mask_iou(rasterised(shape), raster) == 1


def test_yolo_keeps_the_largest_outline_and_says_what_it_loses(engine: Engine, tmp_path: Path) -> None:
    plain, rings = (Raster(2, 3, drawn_object(seed)) for seed in (4, 3))
    collection = settle(engine, "polygons", [traced(plain), traced(rings)])
    store, out = FolderStore(tmp_path / "objects"), tmp_path / "out"
    result = take_along(engine, store, collection, out, "yolo", "none", lambda _: None)
    assert [count for note, count in result.notes.items() if "holes or further parts are lost" in note] == [1]
    with open_dataset(out, "yolo", lambda _: SIZE) as dataset:
        (picture,) = dataset.pictures()
    one, _ = picture.labels or ()
    assert mask_iou(rasterised(one.shape), plain) > 0.999


def test_pycocotools_reads_the_same_pixels(engine: Engine, tmp_path: Path) -> None:
    from pycocotools import mask as coco

    raster = Raster(2, 3, drawn_object(3))
    collection = settle(engine, "masks", [mask_of(raster)])
    take_along(engine, FolderStore(tmp_path / "o"), collection, tmp_path / "out", "coco", "none", lambda _: None)
    (row,) = COCO(str(tmp_path / "out" / "annotations" / "instances_train.json")).anns.values()
    assert coco.area(row["segmentation"]) == row["area"] == raster.area
    assert np.array_equal(coco.toBbox(row["segmentation"]), row["bbox"])


@pytest.mark.parametrize("fmt", ["voc", "csv"])
def test_a_format_without_outlines_says_which_have_them(engine: Engine, tmp_path: Path, fmt: Format) -> None:
    from blocks.errors import BadOption

    collection = settle(engine, "masks", [mask_of(Raster(2, 3, drawn_object(3)))])
    with pytest.raises(BadOption, match="cannot hold masks"):
        take_along(engine, FolderStore(tmp_path / "o"), collection, tmp_path / "out", fmt, "none", lambda _: None)


@pytest.mark.parametrize(("to", "lost"), [("boxes", "only the box around them is left"), ("polygons", None)])
def test_masks_leave_as_another_kind_and_what_is_lost_is_said(
    engine: Engine, tmp_path: Path, to: str, lost: str | None
) -> None:
    raster = Raster(2, 3, drawn_object(3))
    collection = settle(engine, "masks", [mask_of(raster)])
    said: list[str] = []
    store, out = FolderStore(tmp_path / "o"), tmp_path / "out"
    take_along(engine, store, collection, out, "jsonl", "none", said.append, convert_to=to)
    assert [line for line in said if lost and lost in line] == [line for line in said if line.startswith("1 masks")]
    assert bool(lost) == any(line.startswith("1 masks") for line in said)
    with open_dataset(out, "jsonl", lambda _: SIZE) as dataset:
        (picture,) = dataset.pictures()
    ((label,),) = [picture.labels or ()]
    if to == "polygons":
        assert label.shape.type == "polygon" and mask_iou(rasterised(label.shape), raster) == 1
    else:
        assert label.shape.bounds() == mask_of(raster).bounds() and label.shape.type == "box"


@pytest.mark.parametrize("kind", ["polygons", "masks"])
def test_outlines_come_in_as_they_are_wanted(engine: Engine, kind: str) -> None:
    raster = Raster(2, 3, drawn_object(3))
    chooser = KindChooser(engine, "new", kind)
    for shape in (traced(raster), mask_of(raster)):
        assert mask_of(rasterised(chooser.fitted(shape))) == mask_of(raster)
        assert chooser.fitted(shape).type == {"polygons": "polygon", "masks": "mask"}[kind]
    assert chooser.takes_outlines and not KindChooser(engine, "new").takes_outlines
    assert KindChooser(engine, "new").fitted(mask_of(raster)).type == "box"
