"""What a question looks like as a Label Studio task: the picture's address, our question id, boxes, and its place.

Label Studio serves first what has the lowest prediction score ("Uncertainty sampling"; tasks without a prediction come
last, in no order). So every task has one prediction, and its score says nothing of boxes, which have their own: it is
the place of the question among all of its project, whenever they were posted. Blind questions, kinds and pages have an
empty one, which shows nothing.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from blocks.annotation_server import AnnotationServer
from tasks.review.configs import IMAGE, choice_list
from tasks.review.pages import PageCrop, page_data
from tasks.review.projects import MODEL_VERSION
from tasks.review.queues import Queue, choices_of
from tasks.review.regions import ShownBox, to_regions

HIGHEST_SCORE = 1e-6
"""Of a question that everything else is asked before: far under what Label Studio shows of a score."""


SAID_AT_MOST = 3
"""Reasons in the line above a picture: nobody reads more."""


class Payload(BaseModel):
    """What a question row must hold to be posted, and later to make sense of its answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["boxes", "kind", "page", "confirm"]
    width: int = 0
    height: int = 0
    blind: bool = False
    prefill: list[str] = []
    boxes: list[ShownBox] = []
    crop: tuple[int, int, int, int] | None = None
    class_name: str | None = None
    kinds: list[str] = []
    crops: list[PageCrop] = []
    reasons: dict[str, str] = {}
    """Why boxes are asked about, by their id; '' is about the whole item."""


def to_task(
    server: AnnotationServer,
    queue: Queue,
    question_id: str,
    item_id: str,
    raw_payload: Mapping[str, Any],
    priority: float = 0.0,
) -> dict[str, Any]:
    """Return a question as the task that Label Studio imports, with its one prediction inside.

    Args:
        server: Whose gateway serves the pictures.
        queue: Of the question.
        question_id: Its id.
        item_id: What it is about.
        raw_payload: A `Payload`.
        priority: What has more is asked first.
    """
    payload = Payload.model_validate(raw_payload)
    if payload.type == "page":
        data = page_data(server, queue.title, payload.class_name or "", payload.crops)
    else:
        data = {IMAGE: server.image_link(item_id, payload.crop)}
    if payload.type in ("kind", "confirm"):
        data["question"] = f"{queue.title} ({payload.class_name or ''})"
    if payload.type == "kind":
        data["choices"] = choice_list(choices_of(payload.class_name or "", payload.kinds))
    if payload.type == "boxes":
        data["why"] = _why_line(payload.reasons)
    prediction = {"model_version": MODEL_VERSION, "score": place_score(priority), "result": _shown(payload)}
    return {"data": {**data, "question_id": question_id}, "predictions": [prediction]}


def _why_line(reasons: Mapping[str, str]) -> str:
    """Return the line above the picture: what is odd about it and its boxes; each box has its own with its details."""
    distinct = list(dict.fromkeys(reasons.values()))
    more = len(distinct) - SAID_AT_MOST
    return "; ".join(distinct[:SAID_AT_MOST]) + (f"; and {more} more, with their boxes" if more > 0 else "")


def place_score(priority: float) -> float:
    """Return the prediction score that puts a question at its place: the higher its priority, the lower.

    Args:
        priority: Any number; of most questions 0 to 1.

    Returns:
        0 to `HIGHEST_SCORE`: whoever is shown it as a share, reads 0, and learns nothing.
    """
    return HIGHEST_SCORE * (0.5 - priority / (2 * (1 + abs(priority))))


def _shown(payload: Payload) -> list[dict[str, Any]]:
    """Return the regions that a question shows; none where it is blind, about a kind, or a page."""
    if payload.type == "confirm":
        return [region_in_crop(payload)]
    if payload.type != "boxes" or not payload.boxes:
        return []
    regions = to_regions(payload.boxes, payload.width, payload.height)
    for region in regions:
        if region["id"] in payload.reasons:
            # Label Studio shows it with the region's details.
            region["meta"] = {"text": [payload.reasons[region["id"]]]}
    return regions


def region_in_crop(payload: Payload) -> dict[str, Any]:
    """Return a confirm question's box as a region of its crop; without a score, since people answer blind to it.

    Raises:
        ValueError: The question has no crop, or not exactly one box.
    """
    if payload.crop is None or len(payload.boxes) != 1:
        raise ValueError(f"a confirm question has a crop and one box (got {len(payload.boxes)} boxes)")
    x_min, y_min, x_max, y_max = payload.crop
    box = payload.boxes[0]
    moved = {
        "x_min": box.x_min - x_min,
        "y_min": box.y_min - y_min,
        "x_max": box.x_max - x_min,
        "y_max": box.y_max - y_min,
    }
    (region,) = to_regions([box.model_copy(update=moved)], x_max - x_min, y_max - y_min)
    del region["score"]
    return region
