"""Mark: an item, or a part of it, with the machine's outlines or masks, to be mended and completed; without any: blind.

What a part asks about is seen, clicked and drawn in pixels of its crop; payloads and answers have pixels of the item.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from blocks.errors import UnknownClass
from blocks.published_times import DRAW_BOX_FAST, OUTLINE_OBJECT, VERIFY_BOX
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Mask, Polygon, Shape, check_inside, shape_of
from tasks.kinds.outlines.raster import rasterised
from tasks.kinds.outlines.simplify import MOST_CORNERS, corners_of, simplified
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.review.questions.kinds.controls import COLORS, HOTKEYS, IMAGE, RENAME_KEYS, add_picture, add_question
from tasks.review.questions.kinds.correct import why_of_part
from tasks.review.questions.kinds.outlines.brush_regions import BRUSH, sort_brushes, to_brush_regions
from tasks.review.questions.kinds.outlines.four_clicks import (
    CLICKED,
    HOW_TO_OUTLINE,
    HOW_TO_PAINT,
    add_clicks,
    carried,
    clicks_in,
)
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.kinds.outlines.payload import MasksPayload, OutlinesPayload, PolygonsPayload
from tasks.review.questions.kinds.outlines.polygon_regions import HOLE, POLYGON, sort_polygons, to_polygon_regions
from tasks.review.questions.kinds.protocol import (
    Asking,
    ItemToAsk,
    ParsedAnswer,
    QuestionKind,
    SaidLabel,
    ToShow,
)
from tasks.review.questions.parts import SetAsidePart, refuse_without_good
from tasks.suggest.outlining.extremes import Clicks

HOLE_COLOUR, HOLE_KEY = "#000000", "h"


_Asks = QuestionKind[OutlinesPayload]


class MarkOutlines(_Asks):
    """What drawing polygons and painting masks have in common."""

    allows_empty = True
    shows_proposals = True
    settles: ClassVar[Literal["items", "kinds"] | None] = "items"
    is_cut = True
    takes_clicks = True
    draw_s = MappingProxyType(
        {"corners": OUTLINE_OBJECT.seconds, "extreme_points": DRAW_BOX_FAST.seconds + VERIFY_BOX.seconds}
    )
    other_controls = (CLICKED,)
    tag: ClassVar[str]
    """Of the control, as Label Studio calls it."""
    otherwise: ClassVar[str]
    """What it is for, where people click."""

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the item, why it is asked about, and the classes to draw with."""
        add_question(view, queue.title)
        by_clicks, is_one = queue.drawing == "extreme_points", len(queue.classes) == 1
        tools = ElementTree.SubElement(view, "View", className="tools") if by_clicks else view
        if by_clicks:
            add_clicks(tools, queue.classes, HOTKEYS)
            ElementTree.SubElement(tools, "Header", value=f"{self.otherwise}:", size="6")
        control = ElementTree.SubElement(tools, self.tag, name=self.control, toName=IMAGE)
        self.style(control)
        if by_clicks:
            control.set("smart", "false")  # else its own smart tool is in hand where clicks should be
        keys = RENAME_KEYS if by_clicks else "" if is_one else HOTKEYS
        for position, name in enumerate(queue.classes):
            label = ElementTree.SubElement(control, "Label", value=name, background=COLORS[position % len(COLORS)])
            if is_one and not by_clicks:
                label.set("selected", "true")
            if position < len(keys):
                label.set("hotkey", keys[position])
        self.add_more(control)
        add_picture(view)
        if queue.keeps_points and not by_clicks:
            add_clicks(ElementTree.SubElement(view, "View", style="display:none"), queue.classes, is_live=False)

    def style(self, control: ElementTree.Element) -> None:
        """Say how it looks."""

    def add_more(self, control: ElementTree.Element) -> None:
        """Add labels that are no classes."""

    def task_data(
        self, server: AnnotationServer, queue: Asking, item_id: str, payload: OutlinesPayload
    ) -> dict[str, Any]:
        """Return the picture or its part, and what is odd about it and its objects."""
        part = payload.part
        link = server.image_link(item_id, part.crop, part.frame) if part else server.image_link(item_id)
        return {IMAGE: link, "why": why_of_part(payload.reasons, part)}

    def unread(self, payload: OutlinesPayload) -> list[dict[str, Any]]:
        """Return the same as is shown."""
        return self.shown(payload)

    def begin(self, item: ItemToAsk, queue: Asking) -> OutlinesPayload:
        """Return the question with what was proposed, doubtful ones first.

        Raises:
            UnknownClass: One has a class that the queue does not have.
        """
        shown = []
        for one in sorted(item.proposed, key=lambda one: (one.is_sure, one.proposal.score, one.proposal.id)):
            if one.proposal.class_name not in queue.classes:
                raise UnknownClass.named(one.proposal.class_name, queue.classes, f"queue {queue.name!r}")
            shown.append(self._shown(one, (item.width, item.height)))
        ids = [one.id for one in shown]
        return self.payload(
            width=item.width,
            height=item.height,
            blind=item.blind,
            prefill=ids,
            outlines=shown,
            reasons=item.reasons_of(set(ids)),
            part=item.part,
        )

    def _shown(self, one: ToShow, size_wh: tuple[int, int]) -> ShownOutline:
        shape = shape_of(one.proposal)
        check_inside(shape, size_wh)
        known = one.proposal
        return ShownOutline(
            id=known.id, class_name=known.class_name, score=known.score, shape=self.shaped(shape), sure=one.is_sure
        )

    @abstractmethod
    def shaped(self, shape: Shape) -> Shape:
        """Return a shape as this kind of question shows it."""

    @abstractmethod
    def sort(
        self, payload: OutlinesPayload, result: Sequence[Any], classes: Sequence[str]
    ) -> tuple[list[AnsweredOutline], list[SetAsidePart]]:
        """Return what a person left, in pixels of what they saw, and what does not count."""

    def parse(self, payload: OutlinesPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return the outlines, or masks, that a person left."""
        outlines, parts = self.sort(payload, result, queue.classes)
        refuse_without_good(parts, len(outlines))
        return ParsedAnswer([one.model_dump(mode="json") for one in payload.in_item(outlines)], tuple(parts))

    def clicked(self, payload: OutlinesPayload, entries: Sequence[Any]) -> dict[str, list[tuple[float, float]]]:
        """Return the clicks among the entries of a result by class, in their order, in pixels of the item.

        Raises:
            BadRegion: One has no place or not one class, or there are more than anybody clicks.
        """
        left, top = payload.corner
        found = clicks_in(entries, payload.seen_wh)
        return {name: [(x + left, y + top) for x, y in points] for name, points in found.items()}

    def outlined(
        self, payload: OutlinesPayload, class_name: str, outline: Polygon, clicks: Clicks
    ) -> list[dict[str, Any]]:
        """Return the regions of an object that was clicked, in pixels of the item; they carry the clicks along."""
        known = hashlib.sha256(repr((class_name, clicks)).encode()).hexdigest()[:16]
        one = ShownOutline(id=f"{CLICKED}-{known}", class_name=class_name, score=1, shape=self.shaped(outline))
        (left, top), (points, by) = payload.corner, clicks
        told = carried([(x - left, y - top) for x, y in points], by)
        return [{**region, "meta": told} for region in self.shown(payload.showing([one]))]

    def labels(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> tuple[SaidLabel, ...]:
        """Return the outlines, or masks."""
        outlines = map(AnsweredOutline.model_validate, said)
        return tuple(
            SaidLabel(one.id, one.class_name, one.shape.bounds(), one.untouched, one.shape.model_dump(mode="json"))
            for one in outlines
        )

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return all classes of the queue: people mark every object of them."""
        return frozenset(queue.classes)


class MarkPolygons(MarkOutlines, QuestionKind[OutlinesPayload]):
    """Draw and mend polygons on an item, or on a part of it."""

    name = "polygons"
    payload = PolygonsPayload
    control = POLYGON
    compared_as = "polygons"
    answers_are = "polygons"
    tag = "PolygonLabels"
    how_to_draw = HOW_TO_OUTLINE
    otherwise = "corner by corner"

    def style(self, control: ElementTree.Element) -> None:
        """Show thin lines, and corners that can be dragged."""
        control.set("strokeWidth", "2")
        control.set("pointSize", "small")
        control.set("opacity", "0.1")

    def add_more(self, control: ElementTree.Element) -> None:
        """Let people draw holes."""
        ElementTree.SubElement(control, "Label", value=HOLE, background=HOLE_COLOUR, hotkey=HOLE_KEY)

    def shown(self, payload: OutlinesPayload) -> list[dict[str, Any]]:
        """Return the polygons as regions, ring by ring."""
        return to_polygon_regions(payload.seen(), payload.seen_wh)

    def shaped(self, shape: Shape) -> Shape:
        """Return a polygon of few corners."""
        if isinstance(shape, Polygon) and corners_of(shape) <= MOST_CORNERS:
            return shape
        return simplified(shape if isinstance(shape, Polygon) else traced(rasterised(shape)))

    def sort(
        self, payload: OutlinesPayload, result: Sequence[Any], classes: Sequence[str]
    ) -> tuple[list[AnsweredOutline], list[SetAsidePart]]:
        """Return the polygons that a person left."""
        return sort_polygons(result, payload.seen_wh, classes, payload.seen())


class MarkMasks(MarkOutlines, QuestionKind[OutlinesPayload]):
    """Paint and mend masks on an item, or on a part of it."""

    name = "masks"
    payload = MasksPayload
    control = BRUSH
    compared_as = "masks"
    answers_are = "masks"
    tag = "BrushLabels"
    how_to_draw = HOW_TO_PAINT
    otherwise = "by brush"

    def shown(self, payload: OutlinesPayload) -> list[dict[str, Any]]:
        """Return the masks as brushes."""
        return to_brush_regions(payload.seen(), payload.seen_wh)

    def shaped(self, shape: Shape) -> Shape:
        """Return a mask.

        Raises:
            BadShape: It covers no pixel.
        """
        return shape if isinstance(shape, Mask) else mask_of(rasterised(shape))

    def sort(
        self, payload: OutlinesPayload, result: Sequence[Any], classes: Sequence[str]
    ) -> tuple[list[AnsweredOutline], list[SetAsidePart]]:
        """Return the masks that a person left."""
        return sort_brushes(result, payload.seen_wh, classes, payload.seen())


MARK_POLYGONS = MarkPolygons()
MARK_MASKS = MarkMasks()
