"""Correct: an item, or a part of one, with the machine's boxes, to be mended and completed; without any: blind."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.errors import UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from tasks.kinds.geometry import SAME_PX, bounds_of
from tasks.review.questions.kinds.boxes.extreme_points import HOW_TO_DRAW, add_points
from tasks.review.questions.kinds.boxes.part import PicturePart
from tasks.review.questions.kinds.boxes.regions import AnsweredBox, ShownBox, sort_boxes, to_regions
from tasks.review.questions.kinds.boxes.strip import STILL_HEIGHT, STRIP, StillPlace, Strip, add_strip
from tasks.review.questions.kinds.controls import (
    BOX,
    HOTKEYS,
    IMAGE,
    RENAME_KEYS,
    UNSURE,
    add_labels,
    add_picture,
    add_question,
)
from tasks.review.questions.kinds.protocol import Asking, ItemToAsk, ParsedAnswer, QuestionKind, SaidLabel, ToShow
from tasks.review.questions.parts import refuse_without_good
from tasks.review.questions.payload import Payload
from tasks.track.identities import track_in_words
from tasks.triage.reasons import in_plain_words

SAID_AT_MOST = 3
SAID_CHARACTERS = 200
"""Reasons above a picture, and how long they are together, two lines: nobody reads more."""


class CorrectPayload(Payload):
    """An item, or a part of one, and the boxes that people begin with; pixels of the upright item."""

    type: Literal["boxes"] = "boxes"
    width: int = 0
    height: int = 0
    blind: bool = False
    prefill: list[str] = Field(default_factory=list)
    boxes: list[ShownBox] = Field(default_factory=list)
    tracks: dict[str, str] = Field(default_factory=dict)
    """Whose boxes are, by their id, as far as it is known."""
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why boxes are asked about, by their id; '' is about the whole item."""
    part: PicturePart | None = None
    """None: all of the item is asked about."""
    still: StillPlace | None = None
    """With which others it is asked on a strip, where its queue has strips; None: alone."""

    def showing(self, boxes: Sequence[ShownBox]) -> "CorrectPayload":
        """Return the same question with other boxes to begin with."""
        return self.model_copy(update={"boxes": list(boxes), "prefill": [box.id for box in boxes]})


class Correct(QuestionKind[CorrectPayload]):
    """Draw and mend boxes on an item, or on a part of it."""

    name = "boxes"
    payload = CorrectPayload
    control = BOX
    compared_as = "boxes"
    allows_empty = True
    shows_proposals = True
    settles: ClassVar[Literal["items", "kinds"] | None] = "items"
    is_cut = True
    answers_are = "boxes"
    how_to_draw = HOW_TO_DRAW
    together = Strip()

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the item, or the stills of a strip, why it is asked about, and the classes to draw with."""
        if queue.stills > 1:
            add_strip(view, queue.stills, lambda still: self._add_still(still, queue))
            return
        add_question(view, queue.title)
        self._add_tools(view, queue)
        add_picture(view)
        self._add_hidden(view, queue)

    def _add_still(self, view: ElementTree.Element, queue: Asking) -> None:
        ElementTree.SubElement(view, "Header", value="$why", size="6")
        self._add_tools(view, queue)
        add_picture(view, STILL_HEIGHT[queue.drawing])
        self._add_hidden(view, queue)

    def _add_tools(self, view: ElementTree.Element, queue: Asking) -> None:
        by_points = queue.drawing == "extreme_points"
        is_one = len(queue.classes) == 1  # there is nothing to choose; a key would only take the choice back
        tools = ElementTree.SubElement(view, "View", className="tools") if by_points else view
        if by_points:
            add_points(tools, queue.classes, HOTKEYS, is_chosen=is_one)
            ElementTree.SubElement(tools, "Header", value="a shown box is:", size="6")
        drawn = add_labels(tools, BOX, queue.classes, strokeWidth="2", fillOpacity="0.05")
        if is_one and not by_points:
            drawn[0].set("selected", "true")
        keys = RENAME_KEYS if by_points else "" if is_one else HOTKEYS
        for label, key in zip(drawn, keys, strict=False):
            label.set("hotkey", key)

    def _add_hidden(self, view: ElementTree.Element, queue: Asking) -> None:
        hidden = ElementTree.SubElement(view, "View", style="display:none")
        add_labels(hidden, UNSURE, queue.classes, strokeWidth="5", fillOpacity="0.3")
        if queue.keeps_points and queue.drawing != "extreme_points":
            add_points(hidden, queue.classes)

    def task_data(
        self, server: AnnotationServer, queue: Asking, item_id: str, payload: CorrectPayload
    ) -> dict[str, Any]:
        """Return the picture or its part, and what is odd about it and its boxes."""
        part = payload.part
        link = server.image_link(item_id, part.crop, part.frame) if part else server.image_link(item_id)
        return {IMAGE: link, "why": why_of_part(payload.reasons, part)}

    def shown(self, payload: CorrectPayload) -> list[dict[str, Any]]:
        """Return the boxes as regions, each with its reason and whose it is."""
        regions = self.unread(payload)
        for region in regions:
            why, track = payload.reasons.get(region["id"]), payload.tracks.get(region["id"])
            told = ([in_plain_words(why)] if why else []) + ([track_in_words(track)] if track else [])
            if told:
                # Label Studio shows it with the region's details.
                region["meta"] = {"text": told}
        return regions

    def unread(self, payload: CorrectPayload) -> list[dict[str, Any]]:
        """Return the boxes as regions."""
        if not payload.boxes:
            return []
        if payload.part is not None:
            return to_regions(payload.part.shown(payload.boxes), *payload.part.size_wh)
        return to_regions(payload.boxes, payload.width, payload.height)

    def begin(self, item: ItemToAsk, queue: Asking) -> CorrectPayload:
        """Return the question with the proposed boxes.

        Raises:
            UnknownClass: One has a class that the queue does not have.
        """
        boxes = shown_boxes(item.proposed, item.width, item.height)
        for box in boxes:
            if box.class_name not in queue.classes:
                raise UnknownClass.named(box.class_name, queue.classes, f"queue {queue.name!r}")
        ids = [box.id for box in boxes]
        return CorrectPayload(
            width=item.width,
            height=item.height,
            blind=item.blind,
            prefill=ids,
            boxes=boxes,
            tracks={
                one.proposal.id: one.proposal.track
                for one in item.proposed
                if one.proposal.track and one.proposal.id in ids
            },
            reasons=item.reasons_of(set(ids)),
            part=item.part,
        )

    def parse(self, payload: CorrectPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return the boxes that a person left."""
        part = payload.part
        size_wh = part.size_wh if part else (payload.width, payload.height)
        boxes, parts = sort_boxes(result, *size_wh, queue.classes, part.shown(payload.boxes) if part else payload.boxes)
        refuse_without_good(parts, len(boxes))
        if part:
            boxes = part.answered(boxes, payload.boxes)
        return ParsedAnswer([box.model_dump() for box in boxes], tuple(parts))

    def labels(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> tuple[SaidLabel, ...]:
        """Return the boxes."""
        boxes = map(AnsweredBox.model_validate, said)
        return tuple(SaidLabel(box.id, box.class_name, bounds_of(box), box.untouched) for box in boxes)

    def about_in(self, queue: Asking) -> str:
        """Return the picture, or the headline of a strip."""
        return STRIP if queue.stills > 1 else IMAGE

    def looks_as(self, queue: Asking, other: Asking) -> bool:
        """A strip's controls are none of a picture alone."""
        return (queue.stills > 1) == (other.stills > 1)

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return all classes of the queue: people mark every object of them."""
        return frozenset(queue.classes)


CORRECT = Correct()


def shown_boxes(proposed: Sequence[ToShow], width: int, height: int) -> list[ShownBox]:
    """Return proposals as boxes to show, cut at the item's edges: doubtful ones first, the lowest score first."""
    boxes = [
        ShownBox(
            id=one.proposal.id,
            class_name=one.proposal.class_name,
            score=one.proposal.score,
            sure=one.is_sure,
            x_min=max(0.0, one.proposal.x_min),
            y_min=max(0.0, one.proposal.y_min),
            x_max=min(float(width), one.proposal.x_max),
            y_max=min(float(height), one.proposal.y_max),
        )
        for one in proposed
    ]
    visible = [box for box in boxes if min(box.x_max - box.x_min, box.y_max - box.y_min) > SAME_PX]
    return sorted(visible, key=lambda box: (box.sure, box.score, box.id))


def why_line(reasons: Mapping[str, str]) -> str:
    """Return the lines above the picture: what is odd about it and its boxes; each box has its own with its details."""
    distinct = list(dict.fromkeys(in_plain_words(reason) for reason in reasons.values()))
    said = distinct[:SAID_AT_MOST]
    while len(said) > 1 and len("; ".join(said)) > SAID_CHARACTERS:
        said.pop()
    line, more = shorten_to("; ".join(said), SAID_CHARACTERS), len(distinct) - len(said)
    return line + (f"; and {more} more, with their boxes" if more else "")


def why_of_part(reasons: Mapping[str, str], part: PicturePart | None) -> str:
    """Return the lines above a picture, or above a part of one, which say what of it is asked about."""
    why = why_line(reasons)
    if part is None:
        return why
    told = f"Part {part.number} of {part.of}: what has its middle in the bright part"
    return f"{told}; {why}" if why else told


def shorten_to(text: str, characters: int) -> str:
    """Return a text that is no longer than so many characters; what is cut off ends in an ellipsis."""
    return text if len(text) <= characters else f"{text[: characters - 1].rstrip()}…"
