"""Is this outline right? It is shown in its crop, with holes and parts, and judged by its pixels and not by its box."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.audit_tables import Judgement, Said
from blocks.database.engine import upsert, writing
from blocks.database.tables import Proposal
from blocks.errors import BadRegion
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Shape, shape_columns
from infra.annotators.answers import answer_as
from infra.annotators.desk import Desk, _classes_of, _kind_of, question_of
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.kinds.registry import label_kind
from tasks.review.drafts.box_checks import confirm_again_queue, confirm_box_queue, draft_confirms
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.questions.kinds.outlines.brush_regions import sort_brushes
from tasks.review.questions.kinds.outlines.outline import ShownOutline
from tasks.review.questions.kinds.outlines.polygon_regions import sort_polygons
from tasks.review.questions.kinds.outlines.verify_outline import VERIFY_OUTLINE, VerifyOutlinePayload
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.kinds.verify import CHECK, CHECKS
from tasks.review.questions.queue import Queue
from tasks.review.questions.task import label_config, to_task
from tests.kinds.outlines.drawn import drawn_object
from tests.review.builders import HEIGHT, WIDTH, item_id, make_batch, questions

CLASSES = ("cell", "rod")
SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)
KINDS = pytest.mark.parametrize(("kind", "shaped"), [("polygons", traced), ("masks", mask_of)])
TRUE = Raster(60, 40, drawn_object(3))
"""With a hole, and a part of its own."""


def asked(engine: Engine, kind: str, shape: Shape) -> tuple[Queue, dict[str, Any], VerifyOutlinePayload]:
    """Draw one proposal, and ask about it; returns the queue, the task as Label Studio gets it, and the payload."""
    make_batch(engine, items=1)
    row = {"id": "p", "item_id": item_id(0), "detector": "d1", "recipe": "r1", "class_name": "cell", "score": 0.8}
    drawn = {"batch_id": "b1", "collection": "lot", "detector": "d1", "recipe": "r1", "class_name": "cell"}
    drawn |= {"drawn": "boxes", "probability": 0.5, "population": 2, "frame": "f", "floor": 0.4}
    with writing(engine) as session:
        upsert(session, Proposal, [{**row, "view": "tile", **shape_columns(shape)}])
        upsert(session, Judgement, [{**drawn, "proposal_id": "p", "item_id": item_id(0), "rank": 0}])
    queue = confirm_box_queue(CLASSES, shapes=label_kind(kind).shapes)
    assert write_once(engine, queue, "b1", 0, draft_confirms(engine, "b1")) == 1
    (question,) = questions(engine)
    payload = read_payload(question.payload)
    assert isinstance(payload, VerifyOutlinePayload)
    return queue, to_task(SERVER, queue, question.id, question.item_id, question.payload), payload


def said_of(engine: Engine, kind: str, shape: Shape, truth: TruePicture) -> Said:
    queue, task, payload = asked(engine, kind, shape)
    config = label_config(queue)
    desk = Desk(1, queue.name, _classes_of(config), _kind_of(config))
    question = question_of({"id": 1, "data": task["data"], "predictions": [{"id": 1, **task["predictions"][0]}]}, desk)
    person = People(skill=1.0).named(queue.name)[0]
    result, _ = answer_as(person, question, {item_id(0): truth}, Stopwatch(np.random.default_rng(0)))
    (said,) = VERIFY_OUTLINE.parse(payload, result, queue).said
    return Said(said["said"])


def picture(*objects: tuple[str, Shape]) -> TruePicture:
    boxes = tuple(AnnotatorBox(name, shape.bounds() or (0, 0, 1, 1), shape=shape) for name, shape in objects)
    return TruePicture("p", (WIDTH, HEIGHT), boxes)


@KINDS
def test_the_outline_stands_in_its_crop_without_a_score(engine: Engine, kind: str, shaped: Any) -> None:
    queue, task, payload = asked(engine, kind, shaped(TRUE))
    (prediction,) = task["predictions"]
    assert "crop=" in task["data"]["image"] and payload.crop is not None
    left, top, right, bottom = payload.crop
    shown, parts = sort_polygons(prediction["result"], (right - left, bottom - top), CLASSES, ())
    assert not parts and all("score" not in region for region in prediction["result"])
    assert len(prediction["result"]) == 3, "the outline, its hole and its part"
    moved = Raster(TRUE.left - left, TRUE.top - top, TRUE.pixels)
    assert mask_iou(rasterised(shown[0].shape), moved) > 0.99
    assert 'name="check-outline"' in label_config(queue) and "outline right" in task["data"]["question"]


@KINDS
def test_people_judge_the_pixels(engine: Engine, kind: str, shaped: Any) -> None:
    full = np.ones((40, 40), np.bool_)
    frame = full.copy()
    frame[4:-4, 4:-4] = False
    true = picture(("cell", shaped(Raster(60, 40, full))))
    assert said_of(engine, kind, shaped(Raster(60, 40, frame)), true) is Said.WRONG, "its box is the true one's"


CHECKERED = Raster(60, 40, np.indices((40, 40)).sum(axis=0) % 2 == 0)
SPECKLED = Raster(60, 40, np.random.default_rng(0).random((60, 60)) < 0.5)
LARGE = Raster(60, 40, np.random.default_rng(0).random((200, 200)) < 0.5)


@pytest.mark.parametrize("raster", [CHECKERED, SPECKLED, LARGE], ids=["checkered", "speckled", "large"])
def test_pixels_that_no_line_of_few_corners_follows_are_shown_as_they_are(engine: Engine, raster: Raster) -> None:
    queue, task, payload = asked(engine, "masks", mask_of(raster))
    (region,) = task["predictions"][0]["result"]
    assert payload.crop is not None and region["type"] == "brushlabels" and "score" not in region
    left, top, right, bottom = payload.crop
    (shown,), parts = sort_brushes([region], (right - left, bottom - top), CLASSES, ())
    assert not parts
    moved = Raster(raster.left - left, raster.top - top, raster.pixels)
    assert mask_iou(rasterised(shown.shape), moved) == 1
    choice = {"value": {"choices": [next(iter(CHECKS))]}, "type": "choices", "from_name": VERIFY_OUTLINE.control}
    parsed = VERIFY_OUTLINE.parse(payload, [region, choice], queue)
    assert parsed.said == [{"said": Said.RIGHT}] and not parsed.parts


@pytest.mark.parametrize(("at", "expected"), [(60, Said.RIGHT), (300, Said.NOTHING)])
def test_simulated_people_judge_pixels_that_are_shown_as_such(engine: Engine, at: int, expected: Said) -> None:
    true = picture(("cell", mask_of(Raster(at, 40, SPECKLED.pixels))))
    assert said_of(engine, "masks", mask_of(SPECKLED), true) is expected


def test_of_pixels_outside_of_the_crop_nothing_is_shown() -> None:
    one = ShownOutline(id="p", class_name="cell", score=0, shape=mask_of(Raster(700, 700, CHECKERED.pixels)))
    about = {"width": WIDTH, "height": HEIGHT, "crop": (10, 10, 30, 30), "class_name": "cell", "boxes": []}
    assert VERIFY_OUTLINE.shown(VerifyOutlinePayload.model_validate({**about, "outlines": [one]})) == []


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([("cell", mask_of(TRUE))], Said.RIGHT),
        ([("rod", mask_of(TRUE))], Said.WRONG),
        ([("cell", mask_of(Raster(300, 200, TRUE.pixels)))], Said.NOTHING),
        ([], Said.NOTHING),
    ],
)
def test_what_is_there_says_what_is_pressed(engine: Engine, there: list[tuple[str, Shape]], expected: Said) -> None:
    assert said_of(engine, "masks", mask_of(TRUE), picture(*there)) is expected


def test_boxes_are_asked_about_as_ever_and_others_look_again_at_the_same() -> None:
    assert confirm_box_queue(CLASSES).kind == confirm_box_queue(CLASSES, shapes={"box"}).kind == "confirm"
    again = confirm_again_queue(CLASSES, shapes={"mask"})
    assert (again.name, again.kind) == ("confirm-again", "confirm-outline")


@pytest.mark.parametrize("control", [CHECK, "other"])
def test_a_choice_of_another_control_is_none(engine: Engine, control: str) -> None:
    queue, _, payload = asked(engine, "polygons", traced(TRUE))
    choice = {"value": {"choices": [next(iter(CHECKS))]}, "type": "choices", "from_name": control}
    with pytest.raises(BadRegion, match="expected exactly one choice"):
        VERIFY_OUTLINE.parse(payload, [choice], queue)
