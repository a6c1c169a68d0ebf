"""What a question looks like as a Label Studio task: the picture's address, our question id, the prefilled boxes."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from blocks.annotation_server import AnnotationServer
from tasks.review.configs import IMAGE, choice_list
from tasks.review.pages import PageCrop, page_data
from tasks.review.projects import MODEL_VERSION
from tasks.review.queues import Queue, choices_of
from tasks.review.regions import ShownBox, to_regions


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
    server: AnnotationServer, queue: Queue, question_id: str, item_id: str, raw_payload: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a question as the task that Label Studio imports, with its prediction inside."""
    payload = Payload.model_validate(raw_payload)
    if payload.type == "page":
        shown = page_data(server, queue.title, payload.class_name or "", payload.crops)
        return {"data": {**shown, "question_id": question_id}}
    data: dict[str, Any] = {IMAGE: server.image_link(item_id, payload.crop), "question_id": question_id}
    if payload.type == "kind":
        class_name = payload.class_name or ""
        data["question"] = f"{queue.title} ({class_name})"
        data["choices"] = choice_list(choices_of(class_name, payload.kinds))
        return {"data": data}
    if payload.type == "confirm":
        data["question"] = f"{queue.title} ({payload.class_name})"
        return {"data": data, "predictions": [{"model_version": MODEL_VERSION, "result": [region_in_crop(payload)]}]}
    if payload.reasons:
        data["why"] = "; ".join(dict.fromkeys(payload.reasons.values()))
    if not payload.boxes:
        return {"data": data}
    regions = to_regions(payload.boxes, payload.width, payload.height)
    for region in regions:
        if region["id"] in payload.reasons:
            # Label Studio shows it with the region's details.
            region["meta"] = {"text": [payload.reasons[region["id"]]]}
    prediction = {
        "model_version": MODEL_VERSION,
        "score": min(box.score for box in payload.boxes),
        "result": regions,
    }
    return {"data": data, "predictions": [prediction]}


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
