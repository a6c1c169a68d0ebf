"""Outlines on pages of crops: their own line is shown, not the box around them, and people judge that."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Outcome, Proposal, Route
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Box, Polygon, PolygonPart, Shape, shape_columns
from flows.options import LineOptions
from infra.annotators.pages import crops_in, wrong_crops
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.review.drafts.crop_pages import draft_confirm_pages
from tasks.review.questions.kinds.outlines.on_page import MOST_SHOWN, rings_of
from tasks.review.questions.kinds.page import PageCrop, PageOptions, PagePayload, page_data
from tasks.review.questions.queue import confirm_page_queue
from tests.kinds.outlines.drawn import drawn_object
from tests.review.builders import item_id, make_batch, proposal_id

SERVER = AnnotationServer("http://ls.example", "t", "http://gateway.example", "link-secret", "d")
RING = Polygon(
    points=((20, 20), (120, 20), (120, 120), (20, 120)),
    holes=(((50, 50), (90, 50), (90, 90), (50, 90)),),
    parts=(PolygonPart(points=((20, 140), (60, 140), (60, 180), (20, 180))),),
)
BLOB = Raster(30, 40, drawn_object(3))


def crop_with(shape: Shape, id_: str = "p") -> PageCrop:
    return PageCrop(
        proposal_id=id_, item_id="a" * 64, crop=(10, 10, 240, 220), box=shape.bounds(), rings=rings_of(shape)
    )


@pytest.mark.parametrize("shape", [RING, mask_of(rasterised(RING)), traced(BLOB), mask_of(BLOB)],
                         ids=["ring", "ring-mask", "blob", "blob-mask"])  # fmt: skip
def test_the_line_that_is_shown_goes_around_the_shape_with_its_holes_and_parts(shape: Shape) -> None:
    crop = crop_with(shape)
    (seen,) = crops_in(page_data(SERVER, "Wrong?", "cell", [crop]))
    assert seen.frame is None and seen.outline is not None
    assert mask_iou(seen.outline, rasterised(shape)) > 0.93
    assert 1 <= sum(map(len, crop.rings)) <= MOST_SHOWN


def test_it_stands_over_its_crop_in_place_of_the_frame() -> None:
    html = page_data(SERVER, "Wrong?", "cell", [crop_with(RING)])["crops"][0]["html"]
    _image, line = ElementTree.fromstring(html.replace('alt="">', 'alt=""/>'))
    assert (line.tag, line.get("viewBox")) == ("svg", "0 0 230 210") and "<i style" not in html
    path = line[0].get("d") or ""
    assert path.startswith("M10,10 110,10 110,110 10,110Z") and path.count("M") == 3


def test_a_box_and_what_no_line_follows_keep_their_frame() -> None:
    checkered = np.indices((300, 300)).sum(axis=0) % 2 == 0
    for shape in (Box(x_min=20, y_min=20, x_max=90, y_max=80), mask_of(Raster(20, 20, checkered))):
        assert rings_of(shape) == ()
        assert "<i style" in page_data(SERVER, "Wrong?", "cell", [crop_with(shape)])["crops"][0]["html"]


def test_a_right_box_around_a_wrong_outline_is_taken_out() -> None:
    inside = rasterised(RING)
    wrong = Polygon(points=((20, 20), (120, 20), (20, 180)))
    assert wrong.bounds() == RING.bounds()
    there = AnnotatorBox("cell", RING.bounds(), shape=RING)
    crops = [crop_with(RING, "right"), crop_with(wrong, "wrong"), crop_with(mask_of(inside), "mask")]
    picture = TruePicture("p", (300, 300), (there,))
    person = People(skill=1.0).for_question("confirm-page", "q")
    rng = np.random.default_rng(0)
    seen = crops_in(page_data(SERVER, "Wrong?", "cell", crops))
    assert wrong_crops(seen, "cell", {"a" * 64: picture}, person.mistakes, rng, Stopwatch(rng)) == ["wrong"]
    assert wrong_crops(seen, "rod", {"a" * 64: picture}, person.mistakes, rng, Stopwatch(rng)) == [
        *("right", "wrong", "mask")
    ]


@pytest.mark.parametrize("shape", [RING, mask_of(rasterised(RING))], ids=["polygon", "mask"])
def test_a_batch_s_sure_outlines_come_onto_pages_with_their_lines(engine: Engine, shape: Shape) -> None:
    make_batch(engine, items=2, boxes=[("car", 0.99, Outcome.ACCEPT, (20, 20, 120, 180))], routes={0: Route.SURE})
    with reading(engine) as session:
        row = session.get_one(Proposal, proposal_id(item_id(0), 0))
    with writing(engine) as session:
        upsert(session, Proposal, [{**row.model_dump(), **shape_columns(shape)}], update=("shape",))
    queue = confirm_page_queue(("car",), shown="outline")
    (drafts,) = [some for some in draft_confirm_pages(engine, queue, "b1", PageOptions()) if some]
    (crop,) = PagePayload.model_validate(drafts[0].payload).crops
    assert crop.rings == rings_of(shape) and len(crop.rings) == 3


def test_people_are_told_of_the_line_where_outlines_are_labelled() -> None:
    line = {"collection": "c", "classes": ("cell",), "confirm": {}}
    told = [LineOptions.model_validate({**line, "label_kind": kind}).queues[0].queue for kind in ("masks", "boxes")]
    assert re.search("a line that does not follow", told[0].instructions)
    assert re.search("a frame that does not fit", told[1].instructions)
