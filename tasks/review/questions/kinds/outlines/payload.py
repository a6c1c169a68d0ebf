"""What a question about outlines or masks holds, and how pixels of the item become pixels of what people see of it."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from tasks.kinds.outlines.moving import moved
from tasks.review.questions.kinds.boxes.part import PicturePart
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.payload import Payload


class OutlinesPayload(Payload):
    """An item, and the outlines or masks that people begin with; pixels of the upright item."""

    type: str = ""
    width: int = 0
    height: int = 0
    blind: bool = False
    prefill: list[str] = Field(default_factory=list)
    outlines: list[ShownOutline] = Field(default_factory=list)
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why they are asked about, by their id; '' is about the whole item."""
    part: PicturePart | None = None
    """None: all of the item is asked about."""

    @property
    def seen_wh(self) -> tuple[int, int]:
        """Width and height of what people see, in pixels of the item."""
        return self.part.size_wh if self.part else (self.width, self.height)

    @property
    def corner(self) -> tuple[int, int]:
        """The first pixel of what people see, in pixels of the item."""
        return self.part.crop[:2] if self.part else (0, 0)

    def seen(self) -> list[ShownOutline]:
        """Return the outlines that people begin with, in pixels of what they see."""
        left, top = self.corner
        return [one.model_copy(update={"shape": moved(one.shape, -left, -top)}) for one in self.outlines]

    def in_item(self, said: Sequence[AnsweredOutline]) -> list[AnsweredOutline]:
        """Return what was left of what people saw in pixels of the item; what nobody touched to the last bit."""
        (left, top), before = self.corner, {one.id: one.shape for one in self.outlines}
        return [
            one.model_copy(
                update={
                    "shape": before[one.id] if one.untouched else moved(one.shape, left, top),
                    "clicks": one.clicks and one.clicks.moved(left, top),
                }
            )
            for one in said
        ]

    def showing(self, outlines: Sequence[ShownOutline]) -> "OutlinesPayload":
        """Return the same question with others to begin with."""
        return self.model_copy(update={"outlines": list(outlines), "prefill": [one.id for one in outlines]})


class PolygonsPayload(OutlinesPayload):
    """An item, and its polygons."""

    type: Literal["polygons"] = "polygons"


class MasksPayload(OutlinesPayload):
    """An item, and its masks."""

    type: Literal["masks"] = "masks"
