"""How a simulated person answers a page of crops: each frame is compared with the truth, and wrong ones are clicked.

A crop is right if an object of the page's class fills its frame or its outline (IoU 0.5 or more), a whole picture if it
shows that class. A mistake leaves a wrong crop, and far more rarely removes a right one: on a page people miss more
than they invent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from blocks.shapes import Bounds, Polygon
from infra.annotators.boxes import KEEP_IOU, Slips
from infra.annotators.times import Stopwatch
from infra.annotators.truth import TruePicture
from tasks.kinds.geometry import iou_of_all
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.review.questions.kinds.page import PAGE, WRONG


@dataclass(frozen=True, slots=True)
class SeenCrop:
    """One crop of a page as a person sees it: its item, what is shown of it and the frame, in pixels of the item."""

    id: str
    item_id: str
    crop: Bounds | None = None
    """None: all of the picture without a frame, or a text."""
    frame: Bounds | None = None
    outline: Raster | None = None
    """What its lines go around; None: a frame is shown."""


def crops_in(data: Mapping[str, Any]) -> tuple[SeenCrop, ...]:
    """Return the crops that a task shows; none where it is no page."""
    return tuple(_crop_of(choice["value"], choice["html"]) for choice in data.get("crops", ()))


def class_in(headline: str) -> str:
    """Return the class that a page's headline names at its end."""
    return headline.rpartition("(")[2].removesuffix(")")


def wrong_crops(
    crops: Sequence[SeenCrop],
    class_name: str,
    pictures: Mapping[str, TruePicture],
    slips: Slips,
    rng: np.random.Generator,
    watch: Stopwatch,
    invented: float = 0.1,
) -> list[str]:
    """Return the ids of the crops that a person removes from a page; the seconds are charged to `watch`.

    Args:
        crops: The page.
        class_name: What its crops should show.
        pictures: The truth, by item id; every crop's item is in it.
        slips: Draws, for a number of crops, the mistakes of this person.
        rng: The person's chance.
        watch: Verifying one crop takes the published time of verifying one box, a removal takes a click more.
        invented: Of the mistakes on right crops, the share in which one is removed.
    """
    watch.verify(len(crops))
    removed = []
    for crop, slip in zip(crops, slips(rng, len(crops)), strict=True):
        is_wrong = not _is_right(crop, class_name, pictures[crop.item_id])
        invents = rng.random() < invented
        if (is_wrong and slip is None) or (not is_wrong and slip is not None and invents):
            removed.append(crop.id)
    watch.click(len(removed))
    return removed


def page_result(removed: Sequence[str]) -> list[dict[str, Any]]:
    """Return the result of a page's annotation as the browser would send it: nothing where nothing is wrong."""
    if not removed:
        return []
    value = {"choices": list(removed)}
    return [{"id": WRONG, "type": "choices", "from_name": WRONG, "to_name": PAGE, "value": value, "origin": "manual"}]


def _crop_of(id_: str, html: str) -> SeenCrop:
    if card := re.match(r'<span class="card" dir="auto" data-item="([^"]+)"', html):
        return SeenCrop(id_, unescape(card[1]))
    link = urlsplit(unescape(re.findall(r'src="([^"]+)"', html)[0]))
    item_id, query = link.path.rpartition("/")[2], parse_qs(link.query)
    if "crop" not in query:
        return SeenCrop(id_, item_id)
    x_min, y_min, x_max, y_max = (float(edge) for edge in query["crop"][0].split(","))
    if path := re.search(r'<path d="([^"]+)"', html):
        return SeenCrop(id_, item_id, (x_min, y_min, x_max, y_max), outline=_within(path[1], x_min, y_min))
    left, top, wide, high = (float(share) / 100 for share in re.findall(r":([0-9.]+)%", html))
    across, down = x_max - x_min, y_max - y_min
    start_x, start_y = x_min + left * across, y_min + top * down
    frame = (start_x, start_y, start_x + wide * across, start_y + high * down)
    return SeenCrop(id_, item_id, (x_min, y_min, x_max, y_max), frame)


def _within(path: str, left: float, top: float) -> Raster:
    """Return the pixels within the lines of a path, in pixels of the item: what two of them go around is a hole."""
    rings = [[tuple(map(float, pair.split(","))) for pair in line.split()] for line in re.findall("M([^Z]+)Z", path)]
    lines = [rasterised(Polygon(points=tuple((x + left, y + top) for x, y in ring))) for ring in rings]
    start_x, start_y = min(one.left for one in lines), min(one.top for one in lines)
    size = max(one.bottom for one in lines) - start_y, max(one.right for one in lines) - start_x
    inside = np.zeros(size, np.bool_)
    for one in lines:
        inside[one.top - start_y : one.bottom - start_y, one.left - start_x : one.right - start_x] ^= one.pixels
    return Raster(start_x, start_y, inside)


def _is_right(crop: SeenCrop, class_name: str, picture: TruePicture) -> bool:
    if crop.outline is not None:
        there = [rasterised(box.seen_shape) for box in picture.boxes if box.class_name == class_name]
        return any(mask_iou(one, crop.outline) >= KEEP_IOU for one in there)
    if crop.frame is None:
        return picture.class_name == class_name
    objects = [box.xyxy for box in picture.boxes if box.class_name == class_name]
    if not objects:
        return False
    overlaps = iou_of_all(np.array([crop.frame], np.float64), np.array(objects, np.float64))
    return bool(overlaps.max() >= KEEP_IOU)
