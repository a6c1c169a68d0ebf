"""A part of a picture with outlines or masks: nothing moves on the way to what is shown and back, and clicks fit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadRegion
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Mask, Polygon, Shape
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.review.questions.kinds.boxes.part import DrawnPart, PicturePart, said_twice
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS, MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.kinds.outlines.payload import OutlinesPayload
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue
from tests.kinds.outlines.drawn import RASTERS, drawn_object

WIDTH, HEIGHT = 900, 700
PART = PicturePart(frame=(320, 250, 520, 400), crop=(300, 231, 540, 420), number=2, of=3)
QUEUES = {MARK_POLYGONS: mark_outlines_queue(("cell", "rod")), MARK_MASKS: mark_pixels_queue(("cell", "rod"))}
KINDS = pytest.mark.parametrize("kind", QUEUES, ids=lambda kind: kind.name)
SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)


def asked(kind: MarkOutlines, *shapes: Shape) -> OutlinesPayload:
    shown = [
        ShownOutline(id=f"p{n}", class_name="cell", score=0.5, shape=kind.shaped(shape))
        for n, shape in enumerate(shapes)
    ]
    return kind.payload(width=WIDTH, height=HEIGHT, part=PART).showing(shown)


def said(kind: MarkOutlines, payload: OutlinesPayload, result: list[dict[str, Any]]) -> list[AnsweredOutline]:
    parsed = kind.parse(payload, result, QUEUES[kind])
    assert not parsed.parts
    return [AnsweredOutline.model_validate(one) for one in parsed.said]


@KINDS
@given(st.lists(RASTERS, max_size=4))
def test_what_nobody_touches_comes_back_to_the_last_bit(kind: MarkOutlines, rasters: list[Raster]) -> None:
    left, top = PART.crop[:2]
    payload = asked(kind, *(traced(Raster(left + one.left, top + one.top, one.pixels)) for one in rasters))
    back = said(kind, payload, kind.shown(payload))
    assert [(one.id, one.shape, one.untouched) for one in back] == [
        (one.id, one.shape, True) for one in payload.outlines
    ]


@KINDS
def test_what_is_drawn_in_a_part_lies_in_the_item(kind: MarkOutlines) -> None:
    drawn = Raster(30, 40, drawn_object(3))
    as_sent = kind.shown(
        kind.payload(width=PART.size_wh[0], height=PART.size_wh[1]).showing(
            [ShownOutline(id="new", class_name="rod", score=0, shape=kind.shaped(mask_of(drawn)))]
        )
    )
    (one,) = said(kind, asked(kind), as_sent)
    there = Raster(30 + PART.crop[0], 40 + PART.crop[1], drawn.pixels)
    assert mask_iou(rasterised(one.shape), there) > 0.97 and not one.untouched


@KINDS
def test_what_is_drawn_on_another_cut_of_the_picture_is_refused(kind: MarkOutlines) -> None:
    shape = kind.shaped(mask_of(Raster(30, 40, drawn_object(2))))
    one = ShownOutline(id="new", class_name="rod", score=0, shape=shape)
    as_sent = kind.shown(kind.payload(width=300, height=300).showing([one]))
    with pytest.raises(BadRegion, match="drawn on a picture of 300×300 px"):
        kind.parse(asked(kind), as_sent, QUEUES[kind])


@KINDS
def test_clicks_in_a_part_are_clicks_on_the_item_and_their_outline_is_seen_where_they_are(kind: MarkOutlines) -> None:
    seen = [(60.0, 40.0), (90.0, 70.0), (60.0, 100.0), (30.0, 70.0)]
    entries = [
        {
            "id": f"k{n}",
            "type": "keypointlabels",
            "value": {"x": x * 100 / PART.size_wh[0], "y": y * 100 / PART.size_wh[1], "keypointlabels": ["cell"]},
        }
        for n, (x, y) in enumerate(seen)
    ]
    payload = asked(kind)
    in_item = kind.clicked(payload, entries)["cell"]
    assert np.allclose(in_item, np.add(seen, PART.crop[:2]))
    outline = Polygon(points=tuple((float(x), float(y)) for x, y in in_item))
    (one,) = said(kind, payload, kind.outlined(payload, "cell", outline, (in_item, "grabcut")))
    assert mask_iou(rasterised(one.shape), rasterised(outline)) > 0.95
    assert one.clicks is not None and np.allclose(one.clicks.points, in_item)
    (left_alone,) = said(kind, payload, entries)
    assert left_alone.clicks is not None and np.allclose(left_alone.clicks.points, in_item)
    assert mask_iou(rasterised(left_alone.shape), rasterised(outline)) > 0.6


@KINDS
def test_the_crop_is_shown_with_its_bright_part(kind: MarkOutlines) -> None:
    data = kind.task_data(SERVER, QUEUES[kind], "item", asked(kind))
    assert "crop=300%2C231%2C540%2C420" in data["image"] and "frame=320" in data["image"]
    assert data["why"] == "Part 2 of 3: what has its middle in the bright part"


def test_two_that_cross_are_not_one_although_their_boxes_are_the_same() -> None:
    side = np.eye(40, dtype=np.bool_)
    thick = side | np.roll(side, 1, axis=1) | np.roll(side, -1, axis=1)
    one, other = Mask.of(thick, (80, 20)), Mask.of(thick[:, ::-1], (80, 20))
    frames: tuple[tuple[int, int, int, int], ...] = ((0, 0, 100, 100), (100, 0, 200, 100))
    edges = np.array([one.bounds()])

    def drawn(at: int, shape: Mask) -> DrawnPart:
        return DrawnPart(frames[at], edges, ["rod"], [False], [shape])

    assert said_twice([drawn(0, one), drawn(1, other)]) == set()
    assert said_twice([drawn(0, one), drawn(1, one)]) == {(0, 0)}
