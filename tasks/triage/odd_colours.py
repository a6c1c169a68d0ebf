"""Which boxes have a colour that their class never has: the median colour of the inner part, in CIELAB.

In CIELAB equal distances look about equally far, and its axes have names that people know. A class of many colours has
a wide spread, and then no colour is odd; nor is one that some others of its class have too, such as red among cars that
are mostly grey.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blocks.errors import BadInput
from tasks.triage import reasons
from tasks.triage.oddities import MIN_BOXES
from tasks.triage.robust import Floats, Spread, spread_of

INNER_SHARE = 0.6
"""Of a box's sides: its corners show what is behind the object."""

LAB_FLOOR = 4.0
"""Of L (0 to 100), a and b: less is hardly seen on photographs under changing light."""

ALIKE_LAB = 10.0
"""Colours that are no farther apart than this pass for the same at a glance."""

SHARED = 0.02
"""A colour that at least this share of the others have too is one of the class's own."""

MOST_KNOWN = 2000
"""Colours of a class that are remembered, evenly picked, to compare with."""

WORDS = (("darker", "brighter"), ("greener", "redder"), ("bluer", "yellower"))
"""What less and more of L, a and b look like."""


@dataclass(frozen=True, slots=True)
class UsualColours:
    """The colours of a class."""

    spreads: tuple[Spread, Spread, Spread]
    """Of L, a and b."""
    known: Floats
    """Shape (k, 3): some of its colours, or all."""

    def is_shared(self, colour: Floats) -> bool:
        """Say whether others of the class have about this colour; shape (3,), itself among those known or not."""
        alike = int((np.linalg.norm(self.known - colour, axis=1) <= ALIKE_LAB).sum())
        return alike - 1 >= SHARED * len(self.known)


def box_colours(image: npt.NDArray[np.uint8], boxes_xyxy_px: Floats) -> Floats:
    """Return the colours of an image's boxes.

    Args:
        image: Shape (height, width, 3), blue green red.
        boxes_xyxy_px: Shape (n, 4) in pixels of the image. n may be 0.

    Returns:
        Shape (n, 3): L from 0 to 100, a and b around 0; not a number for a box without a pixel of the image.
    """
    import cv2

    height, width = image.shape[:2]
    found = np.full((len(boxes_xyxy_px), 3), np.nan)
    for place, (x_min, y_min, x_max, y_max) in enumerate(boxes_xyxy_px.tolist()):
        if not np.isfinite([x_min, y_min, x_max, y_max]).all():
            continue
        aside, down = (1 - INNER_SHARE) / 2 * (x_max - x_min), (1 - INNER_SHARE) / 2 * (y_max - y_min)
        left, right = max(0, int(x_min + aside)), min(width, int(np.ceil(x_max - aside)))
        top, bottom = max(0, int(y_min + down)), min(height, int(np.ceil(y_max - down)))
        if left < right and top < bottom:
            part = np.ascontiguousarray(image[top:bottom, left:right]).astype(np.float32) / 255
            found[place] = np.median(cv2.cvtColor(part, cv2.COLOR_BGR2LAB).reshape(-1, 3), axis=0)
    return found


def learn_colours(colours: Floats, class_names: npt.NDArray[np.str_]) -> dict[str, UsualColours]:
    """Learn the usual colours of each class; classes with fewer than `MIN_BOXES` colours are absent.

    Args:
        colours: Shape (n, 3), from `box_colours`; rows that are no numbers are left out.
        class_names: Shape (n,).

    Raises:
        BadInput: Not one colour of three numbers for each class name.
    """
    _check(colours, class_names)
    usual = {}
    known = np.isfinite(colours).all(axis=1)
    for name in np.unique(class_names[known]).tolist():
        mine = colours[known & (class_names == name)]
        light, red, yellow = (spread_of(column, LAB_FLOOR) for column in mine.T)
        if len(mine) >= MIN_BOXES and light and red and yellow:
            step = -(-len(mine) // MOST_KNOWN)
            usual[name] = UsualColours((light, red, yellow), mine[::step])
    return usual


def odd_colour_reasons(
    colours: Floats,
    class_names: npt.NDArray[np.str_],
    usual: Mapping[str, UsualColours],
    odd_z: float,
) -> list[list[str]]:
    """Say of each box why its colour is odd, such as "much darker and bluer than a car usually is".

    Returns:
        For each of the n boxes its reasons: none or one; none where it has no colour or its class is not known.

    Raises:
        BadInput: Not one colour of three numbers for each class name.
    """
    _check(colours, class_names)
    found: list[list[str]] = []
    for colour, name in zip(colours, class_names.tolist(), strict=True):
        said = []
        if name in usual and np.isfinite(colour).all():
            for value, spread, (less, more) in zip(colour, usual[name].spreads, WORDS, strict=True):
                z = (value - spread.middle) / spread.sigma
                if abs(z) >= odd_z:
                    said.append(less if z < 0 else more)
        is_odd = said and not usual[name].is_shared(colour)
        found.append([reasons.odd_colour(" and ".join(said), name)] if is_odd else [])
    return found


def _check(colours: Floats, class_names: npt.NDArray[np.str_]) -> None:
    if colours.shape != (len(class_names), 3):
        raise BadInput(f"colours of shape {colours.shape} for {len(class_names)} boxes; expected (boxes, 3)")
