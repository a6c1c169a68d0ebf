"""Outlines and masks as questions: pre-filled, read back, and what is no good set aside alone with its reason."""

from typing import Any

import numpy as np
import pytest

from blocks.errors import BadRegion, UnknownClass
from blocks.shapes import Polygon, PolygonPart, shape_columns
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import MOST_CORNERS, corners_of
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS, MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline
from tasks.review.questions.kinds.outlines.polygon_regions import HOLE
from tasks.review.questions.kinds.protocol import ItemToAsk, ParsedAnswer, ToShow
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue
from tasks.review.questions.task import label_config
from tests.kinds.outlines.drawn import drawn_object
from tests.review.proposed import proposal_with

SIZE = (200, 100)
QUEUES = {MARK_POLYGONS: mark_outlines_queue(("cell", "blob")), MARK_MASKS: mark_pixels_queue(("cell", "blob"))}
BOTH = pytest.mark.parametrize("kind", [MARK_POLYGONS, MARK_MASKS], ids=["polygons", "masks"])
SQUARE = [[10, 10], [30, 10], [30, 60], [10, 60]]


def asked(kind: MarkOutlines, count: int = 3) -> Any:
    rasters = [Raster(60 * seed, 20, drawn_object(seed)) for seed in range(count)]
    shaped = traced if kind is MARK_POLYGONS else mask_of
    proposed = [
        ToShow(proposal_with(f"p{n}", "cell", 0.5 + n / 10, shape_columns(shaped(raster))), is_sure=n == 2)
        for n, raster in enumerate(rasters)
    ]
    return kind.begin(ItemToAsk(*SIZE, proposed), QUEUES[kind])


def read(kind: MarkOutlines, payload: Any, result: list[Any]) -> tuple[list[AnsweredOutline], ParsedAnswer]:
    parsed = kind.parse(read_payload(payload.model_dump(mode="json")), result, QUEUES[kind])
    return [AnsweredOutline.model_validate(one) for one in parsed.said], parsed


def polygon(points: list[list[float]], id_: str = "r", label: str = "cell", **changes: Any) -> dict[str, Any]:
    value = {"points": points, "closed": True, "polygonlabels": [label]}
    seen = {"original_width": SIZE[0], "original_height": SIZE[1], "from_name": "polygon", "to_name": "image"}
    return {"id": id_, "type": "polygonlabels", "value": value, **seen, **changes}


@BOTH
def test_what_nobody_touched_comes_back_to_the_last_bit(kind: MarkOutlines) -> None:
    payload = asked(kind)
    said, parsed = read(kind, payload, kind.shown(payload))
    assert [(one.id, one.shape, one.untouched) for one in said] == [
        (one.id, one.shape, True) for one in payload.outlines
    ]
    assert payload.prefill == ["p0", "p1", "p2"] and not parsed.parts
    labels = kind.labels({}, parsed.said) or ()
    assert [(one.shape, one.box_px) for one in labels] == [
        (one.shape.model_dump(mode="json"), one.shape.bounds()) for one in payload.outlines
    ]


@BOTH
def test_another_class_is_a_change_and_nothing_drawn_is_an_answer(kind: MarkOutlines) -> None:
    payload = asked(kind, 1)
    regions = kind.shown(payload)
    for region in regions:
        labels = next(key for key in region["value"] if key.endswith("labels"))
        region["value"][labels] = [HOLE if name == HOLE else "blob" for name in region["value"][labels]]
    (one,), _ = read(kind, payload, regions)
    assert (one.class_name, one.untouched, one.id) == ("blob", False, "p0")
    assert mask_iou(rasterised(one.shape), rasterised(payload.outlines[0].shape)) > 0.99
    assert read(kind, payload, [])[0] == []


@BOTH
def test_a_proposal_of_a_strange_class_is_refused(kind: MarkOutlines) -> None:
    one = ToShow(
        proposal_with("p", "lorry", 0.5, shape_columns(Polygon(points=((0, 0), (9, 0), (0, 9))))), is_sure=True
    )
    with pytest.raises(UnknownClass, match="lorry"):
        kind.begin(ItemToAsk(*SIZE, [one]), QUEUES[kind])


@BOTH
def test_a_label_config_offers_each_class_and_shows_the_picture(kind: MarkOutlines) -> None:
    xml = label_config(QUEUES[kind])
    assert f'<{kind.tag} name="{kind.control}" toName="image"' in xml
    assert xml.count('<Label value="cell"') == 1 and '<Image name="image"' in xml


def test_holes_are_cut_out_of_the_smallest_object_they_lie_in() -> None:
    payload = MARK_POLYGONS.payload(width=SIZE[0], height=SIZE[1])
    hole = polygon([[15, 20], [20, 20], [20, 40], [15, 40]], "h", HOLE)
    around = polygon([[5, 5], [60, 5], [60, 90], [5, 90]], "big", "blob")
    (big, small), parsed = read(MARK_POLYGONS, payload, [around, hole, polygon(SQUARE)])
    assert not parsed.parts
    assert isinstance(small.shape, Polygon) and len(small.shape.holes) == 1
    assert isinstance(big.shape, Polygon) and not big.shape.holes
    assert rasterised(small.shape).area == 40 * 50 - 10 * 20


def test_parts_of_an_object_come_back_as_one_and_a_part_that_was_deleted_is_gone() -> None:
    far = PolygonPart(points=((100.0, 10.0), (120.0, 10.0), (120.0, 30.0)))
    shape = Polygon(points=((10.0, 10.0), (40.0, 10.0), (40.0, 50.0)), parts=(far,))
    one = ToShow(proposal_with("p", "cell", 0.5, shape_columns(shape)), is_sure=False)
    payload = MARK_POLYGONS.begin(ItemToAsk(*SIZE, [one]), QUEUES[MARK_POLYGONS])
    regions = MARK_POLYGONS.shown(payload)
    assert [region["id"] for region in regions] == ["p", "p/part2"]
    (whole,), _ = read(MARK_POLYGONS, payload, regions)
    assert (whole.shape, whole.untouched) == (shape, True)
    for left in regions:
        (half,), _ = read(MARK_POLYGONS, payload, [left])
        assert isinstance(half.shape, Polygon)
        assert (half.id, half.untouched, len(half.shape.pieces)) == ("p", False, 1)


def test_a_polygon_that_crosses_itself_becomes_what_it_encloses() -> None:
    payload = MARK_POLYGONS.payload(width=SIZE[0], height=SIZE[1])
    (one,), parsed = read(MARK_POLYGONS, payload, [polygon([[10, 10], [30, 60], [30, 10], [10, 60]])])
    assert not parsed.parts
    assert isinstance(one.shape, Polygon) and len(one.shape.pieces) == 2
    assert rasterised(one.shape).area == pytest.approx(40 * 50 / 2, rel=0.05)


def test_an_outline_of_6000_corners_is_simplified() -> None:
    turn = np.linspace(0, 2 * np.pi, 6000, endpoint=False)
    points = np.stack([50 + 30 * np.cos(turn), 50 + 30 * np.sin(turn)], axis=1).tolist()
    payload = MARK_POLYGONS.payload(width=SIZE[0], height=SIZE[1])
    (one,), _ = read(MARK_POLYGONS, payload, [polygon(points)])
    assert isinstance(one.shape, Polygon) and corners_of(one.shape) <= MOST_CORNERS
    drawn = Polygon(points=tuple((x * 2, y) for x, y in points))
    assert mask_iou(rasterised(one.shape), rasterised(drawn)) > 0.97


def test_the_clicks_behind_an_accepted_polygon_are_passed_over() -> None:
    payload = MARK_POLYGONS.payload(width=SIZE[0], height=SIZE[1])
    clicks = {
        "id": "r",
        "type": "keypointlabels",
        "from_name": "kp",
        "value": {"x": 1, "y": 1, "keypointlabels": ["cell"]},
    }
    said, parsed = read(MARK_POLYGONS, payload, [polygon(SQUARE), clicks])
    assert [one.id for one in said] == ["r"]
    assert [part.is_region for part in parsed.parts] == [False]


@pytest.mark.parametrize(
    ("region", "why"),
    [
        (polygon([[1, 1], [2, 2]]), "2 different corners"),
        (polygon([[1, 1], [2, 2], [3, 3]]), "no area"),
        (polygon([[1, 1], [1, 1], [1, 1]]), "0 different corners"),
        (polygon([[50, 50], [150, 50], [50, 90]]), "a corner at 300.0, 50.0 px in a picture of 200×100"),
        (polygon(SQUARE, original_width=400, original_height=200), "drawn on a picture of 400×200"),
        (polygon(SQUARE, label="lorry"), "lorry"),
        (polygon([[0, 0], [float("nan"), 5], [9, 9]]), "no polygon of this question"),
        (polygon([[1, 1]] * 30_000), "no polygon of this question"),
        (polygon([[70, 70], [75, 70], [70, 75]], label=HOLE), "a hole that lies in no object"),
        ({"id": "r", "type": "rectanglelabels", "from_name": "box", "value": {}}, "no polygon of this question"),
        ("nonsense", "no polygon of this question"),
    ],
    ids=range(11),
)
def test_a_bad_polygon_is_set_aside_alone_and_says_why(region: Any, why: str) -> None:
    payload = MARK_POLYGONS.payload(width=SIZE[0], height=SIZE[1])
    said, parsed = read(MARK_POLYGONS, payload, [polygon(SQUARE, "good"), region])
    assert [one.id for one in said] == ["good"]
    (part,) = parsed.parts
    assert part.is_region and why in part.reason
    with pytest.raises(BadRegion, match="none of its 1 regions"):
        read(MARK_POLYGONS, payload, [region])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rle": [0, 0, 0, 80]}, "a brush of 20 pixels on a picture of 200×100"),
        ({"rle": "nonsense"}, "value.rle"),
        ({"brushlabels": ["lorry"]}, "lorry"),
        ({"brushlabels": []}, "0 labels"),
    ],
    ids=range(4),
)
def test_a_bad_brush_is_set_aside_alone_and_says_why(changes: dict[str, Any], why: str) -> None:
    payload = asked(MARK_MASKS, 2)
    good, bad = MARK_MASKS.shown(payload)
    said, parsed = read(MARK_MASKS, payload, [good, {**bad, "value": {**bad["value"], **changes}}])
    assert [one.id for one in said] == ["p0"]
    (part,) = parsed.parts
    assert why in part.reason


def test_no_class_is_called_as_holes_are() -> None:
    with pytest.raises(ValueError, match="no class can be called"):
        mark_outlines_queue(("cell", HOLE))
