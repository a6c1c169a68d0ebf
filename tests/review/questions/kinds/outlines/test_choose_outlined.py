"""Which finer kind is it? An object with an outline is shown by that, in its crop; a box, as ever, by its box."""

from typing import Any

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Outcome, Proposal, Route, Verdict
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import shape_columns
from infra.annotators.desk import _kind_of
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.drafts.stops import items_queue, kinds_stop
from tasks.review.questions.kinds.choose import CHOOSE, ChoosePayload
from tasks.review.questions.kinds.outlines.polygon_regions import sort_polygons
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.questions.task import label_config, to_task
from tests.kinds.outlines.drawn import drawn_object
from tests.review.builders import hear, item_id, make_batch, pretend_posted, questions, webhook

SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)
FINER = {"car": ("round", "long")}
TRUE = Raster(60, 40, drawn_object(3))
"""With a hole, and a part of its own."""
SHAPED = pytest.mark.parametrize(("kind", "shaped"), [("polygons", traced), ("masks", mask_of)])


def propose(engine: Engine, shape: Any, outcome: Outcome, route: Route) -> None:
    make_batch(engine, items=1, routes={0: route})
    row = {"id": "p", "item_id": item_id(0), "detector": "d1", "recipe": "r1", "class_name": "car", "score": 0.8}
    with writing(engine) as session:
        upsert(session, Proposal, [{**row, "view": "tile", **shape_columns(shape)}])
        upsert(session, Verdict, [{"batch_id": "b1", "proposal_id": "p", "outcome": outcome.value}])


def asked(engine: Engine, kind: str) -> tuple[str, dict[str, Any], ChoosePayload]:
    """Ask for the exact kind; returns the label config, the task, and the payload."""
    stop = kinds_stop(kind, FINER, AnnotatorPool())
    ((draft,),) = draft_questions(engine, "b1", stop)
    payload = read_payload(draft.payload)
    assert isinstance(payload, ChoosePayload)
    return label_config(stop.queue), to_task(SERVER, stop.queue, "q", draft.item_id, draft.payload), payload


def seen_in(task: dict[str, Any], payload: ChoosePayload) -> Raster:
    """Return the pixels within the lines of a task, in pixels of the item."""
    assert payload.crop is not None
    left, top, right, bottom = payload.crop
    (one,), parts = sort_polygons(task["predictions"][0]["result"], (right - left, bottom - top), ("car",), ())
    assert not parts
    raster = rasterised(one.shape)
    return Raster(raster.left + left, raster.top + top, raster.pixels)


@SHAPED
def test_what_a_network_was_sure_of_is_shown_by_its_outline(engine: Engine, kind: str, shaped: Any) -> None:
    propose(engine, shaped(TRUE), Outcome.ACCEPT, Route.SURE)
    config, task, payload = asked(engine, kind)
    assert len(task["predictions"][0]["result"]) == 3, "the outline, its hole and its part"
    assert all("score" not in region for region in task["predictions"][0]["result"])
    assert mask_iou(seen_in(task, payload), TRUE) > 0.99
    assert _kind_of(config) == CHOOSE.name
    assert 'name="polygon"' in config


def test_what_people_left_is_shown_as_they_left_it(engine: Engine) -> None:
    propose(engine, traced(TRUE), Outcome.ASK, Route.ASK)
    queue = items_queue("polygons", ("car",), AnnotatorPool(), "nobody", live=False)
    write_once(engine, queue, "b1", 0, draft_missed(engine, queue, "b1"))
    pretend_posted(engine)
    (question,) = questions(engine)
    value = {"points": [[10, 10], [30, 10], [30, 60]], "closed": True, "polygonlabels": ["car"]}
    mine = {"id": "r", "type": "polygonlabels", "from_name": "polygon", "to_name": "image", "value": value}
    seen = {"original_width": question.payload["width"], "original_height": question.payload["height"]}
    hear(engine, webhook(question, result=[mine | seen]))
    _, task, payload = asked(engine, "polygons")
    (shown,) = payload.outlines
    assert shown.id == "r"
    assert mask_iou(seen_in(task, payload), rasterised(shown.shape)) > 0.99
    assert mask_iou(seen_in(task, payload), TRUE) < 0.5


def test_what_comes_with_the_choice_says_nothing(engine: Engine) -> None:
    propose(engine, traced(TRUE), Outcome.ACCEPT, Route.SURE)
    _, task, payload = asked(engine, "polygons")
    choice = {"value": {"choices": ["round"]}, "type": "choices", "from_name": CHOOSE.control, "to_name": "image"}
    stop = kinds_stop("polygons", FINER, AnnotatorPool())
    parsed = CHOOSE.parse(payload, [*task["predictions"][0]["result"], choice], stop.queue)
    assert ([one["kind"] for one in parsed.said], list(parsed.parts)) == (["round"], [])


def test_where_boxes_are_labelled_a_box_is_shown_and_no_outline(engine: Engine) -> None:
    propose(engine, traced(TRUE), Outcome.ACCEPT, Route.SURE)  # by a network that knows more
    config, task, payload = asked(engine, "boxes")
    assert [region["type"] for region in task["predictions"][0]["result"]] == ["rectanglelabels"]
    assert payload.outlines == [] and "PolygonLabels" not in config


def test_the_lines_stay_in_a_project_that_had_them() -> None:
    before = kinds_stop("masks", FINER, AnnotatorPool()).queue
    now = kinds_stop("boxes", FINER, AnnotatorPool()).queue
    assert (now.outlined, now.merged_with(before).outlined, before.merged_with(now).outlined) == (False, True, True)
