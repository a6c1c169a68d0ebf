"""From an image to the pictures a network sees, and their boxes back to pixels of the image.

A tile is a view into the image's memory (no copy until its batch is stacked) at native resolution; the whole image is
made smaller as ultralytics' letterbox does it, so a detector sees what it was trained on. A snug picture is as large as
what it shows, rounded up to what networks can see: a square around a wide image would be half grey.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from tasks.detect.tiling.tiles import STEP_PX, Floats, Regions, round_up
from tasks.intake.images import Pixels

GREY = 114
"""What ultralytics pads with; networks have learnt to see nothing in it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a part of an image lies in a picture: `picture = (image − offset) × gain + pad`, by axis."""

    size_wh: tuple[int, int]
    offset_xy: tuple[float, float] = (0.0, 0.0)
    gain_xy: tuple[float, float] = (1.0, 1.0)
    pad_xy: tuple[float, float] = (0.0, 0.0)

    def to_picture(self, boxes_xyxy_px: Floats) -> Floats:
        """Return boxes (n, 4) of the image in pixels of the picture."""
        moved: Floats = boxes_xyxy_px - np.tile(self.offset_xy, 2)
        return np.asarray(moved * np.tile(self.gain_xy, 2) + np.tile(self.pad_xy, 2))

    def to_image(self, boxes_xyxy_px: Floats) -> Floats:
        """Return boxes (n, 4) of the picture in pixels of the image, cut at the edges of the part that is seen."""
        boxes: Floats = (boxes_xyxy_px - np.tile(self.pad_xy, 2)) / np.tile(self.gain_xy, 2)
        boxes = np.clip(boxes, 0.0, np.tile(np.asarray(self.size_wh, dtype=np.float64), 2))
        return np.asarray(boxes + np.tile(self.offset_xy, 2))


@dataclass(frozen=True, slots=True)
class View:
    """One picture for the network: `pixels` (h, w, 3), to be padded when its batch is stacked."""

    pixels: Pixels
    placement: Placement


def cut_views(image: Pixels, regions: Regions, side_px: int, snug: bool = False, step_px: int = STEP_PX) -> list[View]:
    """Return the views of an image in the order of its regions; tiles share the image's memory.

    Args:
        image: The image.
        regions: What each view shows of it.
        side_px: Longest side of the whole image, made smaller; a multiple of the step.
        snug: It is padded only to the next step, not to a square.
        step_px: The network's stride.
    """
    views = []
    for edges, whole in zip(regions.xyxy_px.astype(np.int64), regions.whole, strict=True):
        if whole:
            views.append(letterbox(image, side_px, snug=snug, step_px=step_px))
            continue
        x_min, y_min, x_max, y_max = (int(edge) for edge in edges)
        placement = Placement(size_wh=(x_max - x_min, y_max - y_min), offset_xy=(float(x_min), float(y_min)))
        views.append(View(image[y_min:y_max, x_min:x_max], placement))
    return views


def letterbox(image: Pixels, side_px: int, centred: bool = True, snug: bool = False, step_px: int = STEP_PX) -> View:
    """Fit an image into a square, or snug into a part of one, keeping its shape, on grey: centred, or at the top left.

    Source:
        `ultralytics.data.augment.LetterBox` (snug: `auto=True`) and `ultralytics.utils.ops.scale_boxes`, 8.4.190: the
        same rounding.
    """
    height, width = image.shape[:2]
    gain = min(side_px / height, side_px / width)
    new_w, new_h = max(round(width * gain), 1), max(round(height * gain), 1)
    if (new_w, new_h) != (width, height):
        image = np.asarray(cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    wide, high = (round_up(new_w, step_px), round_up(new_h, step_px)) if snug else (side_px, side_px)
    left, top = (round(spare / 2 - 0.1) if centred else 0 for spare in (wide - new_w, high - new_h))
    picture = image
    if (new_w, new_h) != (wide, high):
        picture = np.full((high, wide, 3), GREY, dtype=np.uint8)
        picture[top : top + new_h, left : left + new_w] = image
    placement = Placement((width, height), (0.0, 0.0), (new_w / width, new_h / height), (float(left), float(top)))
    return View(picture, placement)


def squared(pixels: Pixels, side_px: int) -> Pixels:
    """Return a picture padded with grey at the right and below to a square; itself where it is one already."""
    return _padded(pixels, side_px, side_px)


def rounded_up(pixels: Pixels, step_px: int = STEP_PX) -> Pixels:
    """Return a picture padded with grey at the right and below to sides that a network sees; itself if it has them."""
    return _padded(pixels, round_up(pixels.shape[0], step_px), round_up(pixels.shape[1], step_px))


def at_least(pixels: Pixels, side_px: int) -> Pixels:
    """Return a picture padded with grey at the right and below to sides of at least this; itself if it has them."""
    return _padded(pixels, max(pixels.shape[0], side_px), max(pixels.shape[1], side_px))


def _padded(pixels: Pixels, high: int, wide: int) -> Pixels:
    height, width = pixels.shape[:2]
    if (height, width) == (high, wide):
        return pixels
    padded = np.full((high, wide, 3), GREY, dtype=np.uint8)
    padded[:height, :width] = pixels
    return padded
