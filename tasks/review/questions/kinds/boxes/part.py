"""A part of a picture: which objects it asks about, what is shown around it, and how the answers to all parts are one.

A picture with many objects is asked in parts, so that a person is through with each in about a minute. Parts share no
pixel and leave none out. An object belongs to the part in which its middle lies, and is asked about there alone; what
is shown reaches beyond the part, so that every object of it is seen whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from blocks.frozen import Frozen
from blocks.shapes import Bounds, Shape
from blocks.storage.links import Box
from tasks.kinds.geometry import RIGHT_IOU, Flags, Floats, bounds_of, iou_of_all, same_edges
from tasks.kinds.outlines.raster import mask_iou, rasterised
from tasks.review.questions.kinds.boxes.regions import AnsweredBox, ShownBox

SUBJECT = "part "
"""How the subject of a question about a part begins; a region's id holds no blank."""


class PicturePart(Frozen):
    """Which part of an item a question is about; whole pixels of the upright item."""

    frame: Box
    """Whose middle lies here, is meant: x_min, y_min, x_max, y_max, without the last two."""
    crop: Box
    """What is shown: the frame, and around it as much as its objects need."""
    number: int = 1
    of: int = 1

    @property
    def subject(self) -> str:
        """What tells this part's question from those about the others."""
        return SUBJECT + ",".join(map(str, self.frame))

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of what is shown, in pixels."""
        return self.crop[2] - self.crop[0], self.crop[3] - self.crop[1]

    def shown(self, boxes: Sequence[ShownBox]) -> list[ShownBox]:
        """Return boxes of the item as boxes of what is shown."""
        return [box.model_copy(update=_moved(bounds_of(box), -self.crop[0], -self.crop[1])) for box in boxes]

    def answered(self, boxes: Sequence[AnsweredBox], asked: Sequence[ShownBox]) -> list[AnsweredBox]:
        """Return boxes of what is shown as boxes of the item; one that nobody moved keeps its numbers to the last bit.

        Args:
            boxes: Of an answer.
            asked: The boxes that the question began with, in pixels of the item.
        """
        before = {box.id: bounds_of(box) for box in asked}
        found = []
        for box in boxes:
            edges = _moved(bounds_of(box), *self.crop[:2])
            known = before.get(box.id)
            if known is not None and same_edges(known, tuple(edges.values())):  # type: ignore[arg-type]
                edges = dict(zip(edges, known, strict=True))
            found.append(box.model_copy(update=edges))
        return found


def is_part(subject: str) -> bool:
    """Say whether a question's subject is a part of a picture."""
    return subject.startswith(SUBJECT)


def middles_in(frame: Bounds, edges: Floats) -> Flags:
    """Say of boxes whether their middles lie in a frame.

    Args:
        frame: Of a part.
        edges: Shape (n, 4), pixels of the item.

    Returns:
        Shape (n,).
    """
    x, y = (edges[:, 0] + edges[:, 2]) / 2, (edges[:, 1] + edges[:, 3]) / 2
    return np.asarray((x >= frame[0]) & (x < frame[2]) & (y >= frame[1]) & (y < frame[3]), dtype=np.bool_)


def is_middle_in(frame: Bounds, bounds: Bounds) -> bool:
    """Say of one box whether its middle lies in a frame; both in pixels of the item."""
    return bool(middles_in(frame, np.array([bounds], np.float64))[0])


@dataclass(frozen=True, slots=True)
class DrawnPart:
    """What was said of one part."""

    frame: Box
    edges: Floats
    """Shape (n, 4), pixels of the item."""
    names: Sequence[str]
    """Classes of the n boxes."""
    were_shown: Sequence[bool] = field(default=())
    """Of each, whether the question began with it; empty: none."""
    shapes: Sequence[Shape | None] = field(default=())
    """Of each its outline or pixels; empty, or None: it is a box."""


def said_twice(parts: Sequence[DrawnPart]) -> set[tuple[int, int]]:
    """Return the boxes that are another part's object: an object at a cut that two people have drawn counts once.

    Two boxes of one class in two parts are one object from an IoU of 0.5 on, as everywhere, and two outlines if their
    pixels share so much, too. The one whose middle lies
    in its own part stays, of two such the one that a question began with, then that of the earlier part. Two that
    questions began with stay both: whoever answered saw them as they are.

    Args:
        parts: All answered parts of one item.

    Returns:
        Places of parts, and of boxes in them.
    """
    own = [middles_in(part.frame, part.edges) for part in parts]
    gone: set[tuple[int, int]] = set()
    for first, one in enumerate(parts):
        for second in range(first + 1, len(parts)):
            other = parts[second]
            overlaps = iou_of_all(one.edges, other.edges)
            for here, there in zip(*np.nonzero(overlaps >= RIGHT_IOU), strict=True):
                shown = _was_shown(one, int(here)), _was_shown(other, int(there))
                if one.names[here] != other.names[there] or all(shown):
                    continue
                if not _share_pixels(one, int(here), other, int(there)):
                    continue
                keeps = (bool(own[first][here]), shown[0]), (bool(own[second][there]), shown[1])
                gone.add((second, int(there)) if keeps[0] >= keeps[1] else (first, int(here)))
    return gone


def _was_shown(part: DrawnPart, at: int) -> bool:
    return bool(part.were_shown and part.were_shown[at])


def _share_pixels(one: DrawnPart, here: int, other: DrawnPart, there: int) -> bool:
    """Say whether the outlines of two whose boxes are alike are so as well; of boxes nothing more is known."""
    first, second = (part.shapes[at] if part.shapes else None for part, at in ((one, here), (other, there)))
    return first is None or second is None or mask_iou(rasterised(first), rasterised(second)) >= RIGHT_IOU


def _moved(edges: tuple[float, float, float, float], right: float, down: float) -> dict[str, float]:
    x_min, y_min, x_max, y_max = edges
    return {"x_min": x_min + right, "y_min": y_min + down, "x_max": x_max + right, "y_max": y_max + down}
