"""What questions about one box share: they show a crop of its item, with the box as a frame, and name its class."""

from typing import Any

from pydantic import Field

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.boxes.regions import ShownBox, to_regions
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.payload import Payload


class CropPayload(Payload):
    """What a question about one box holds; pixels of the upright item."""

    width: int = 0
    height: int = 0
    crop: tuple[int, int, int, int] | None = None
    class_name: str | None = None
    boxes: list[ShownBox] = Field(default_factory=list)


def crop_data(server: AnnotationServer, title: str, item_id: str, payload: CropPayload) -> dict[str, Any]:
    """Return what the task of a question about a crop holds: its picture, and the question with the class."""
    return {IMAGE: server.image_link(item_id, payload.crop), "question": f"{title} ({payload.class_name or ''})"}


def region_in_crop(payload: CropPayload) -> dict[str, Any]:
    """Return the box that a crop is about as a region of it; without a score, since people answer blind to it.

    Raises:
        ValueError: The question has no crop, or not exactly one box.
    """
    if payload.crop is None or len(payload.boxes) != 1:
        raise ValueError(f"a question about a crop has one box (got {len(payload.boxes)} boxes)")
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
