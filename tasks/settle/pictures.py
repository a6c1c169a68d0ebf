"""Pictures of some items with proposals and settled labels, small enough to travel inside an artifact."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Item, Label, Outcome, Proposal, Route, Verdict
from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage, UnreadableText
from blocks.shapes import Bounds, shape_type
from blocks.storage.stores import Store
from tasks.detect.refs import Scope
from tasks.intake.images import read_item
from tasks.intake.texts.text_items import is_text, read_text
from tasks.kinds.boxes.kind import draw_edges
from tasks.kinds.geometry import bounds_of
from tasks.kinds.spans.extents import extent_of
from tasks.settle.in_force import labels_in_force
from tasks.settle.lettering import add_legend, write_tags
from tasks.settle.truth import IMPORT, MACHINE, PERSON
from tasks.triage.summary import escape_cell

Pixels = npt.NDArray[np.uint8]

MAX_WIDTH_PX = 900
MAX_BYTES = 200_000

ORANGE, GREEN, BLUE, GREY, PURPLE = (0, 159, 230), (115, 158, 0), (178, 114, 0), (153, 153, 153), (167, 121, 204)
VERMILION = (0, 94, 213)
"""BGR. Okabe and Ito's palette, which colour-blind people can tell apart."""

OUTCOME_COLOURS = {Outcome.DROP.value: GREY, Outcome.ACCEPT.value: GREEN, Outcome.ASK.value: ORANGE}
ORIGIN_COLOURS = {MACHINE: BLUE, PERSON: PURPLE, IMPORT: VERMILION}

OUTCOME_WORDS = {
    Outcome.DROP.value: "dropped",
    Outcome.ACCEPT.value: "accepted",
    Outcome.ASK.value: "people were asked",
}
ORIGIN_WORDS = {MACHINE: "from the machine", PERSON: "from people", IMPORT: "from elsewhere, not checked"}

ROUTE_WORDS = {
    Route.SURE.value: "nobody looked",
    Route.ASK.value: "people looked, and saw the proposals",
    Route.AUDIT.value: "people labelled blind",
    Route.IMPORT.value: "came in with its labels",
}

CHARACTERS_SHOWN = 500
"""Of a text."""

TEXTS_LEGEND = "The beginning of each, and what is settled about it."
LEGEND = "Each picture twice: what the detector proposed, and what is settled. What colours mean stands under each."


@dataclass(frozen=True, slots=True)
class Coloured:
    """What is drawn in one colour: x_min, y_min, x_max, y_max in pixels of the item; None: all of it, as a frame."""

    colour_bgr: tuple[int, int, int]
    boxes_px: Sequence[Bounds | None]
    line_px: int = 2
    words: str = ""
    """What the colour stands for, in the legend; without words it has no place there."""
    names: Sequence[str] = ()
    """What each box is called, or nothing."""


def pictures_markdown(engine: Engine, store: Store, scope: Scope, count: int = 3) -> str:
    """Return Markdown with pictures of some items of a batch, one or more of each route.

    An item whose picture cannot be read is named with the reason instead: pictures are an ornament.
    """
    shown = items_to_show(engine, scope.batch_id, count)
    of_texts = any(is_text(item) for item, _ in shown)
    medium, legend = ("texts", TEXTS_LEGEND) if of_texts else ("images", LEGEND)
    parts = [f"## Some {medium} of batch {escape_cell(scope.batch_id)}", legend]
    for item, route in shown:
        parts.append(f"### {escape_cell(item.name)} ({ROUTE_WORDS[route]})")
        if is_text(item):
            parts.append(quoted_text(store, item, named_places(labels_in_force(engine, [item.id])[item.id])))
            continue
        try:
            image = read_item(store, item.key)
        except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
            parts.append(f"No picture: {escape_cell(str(error))}")
            continue
        for what, groups in (
            ("proposals", _proposals(engine, scope, item.id)),
            ("labels", _labels(engine, scope, item)),
        ):
            parts += [f"**{what.capitalize()}**", f"![{what}]({jpeg_data_uri(draw_with_legend(image, groups))})"]
        del image  # before the next one is decoded
    return "\n\n".join(parts if len(parts) > 2 else [*parts, "No item of this batch was triaged."])


def quoted_text(store: Store, item: Item, labels: Sequence[tuple[str, tuple[int, int] | None]]) -> str:
    """Return the beginning of a text, as code: nothing in it is Markdown or HTML; and what is said about it.

    Args:
        store: Where the text is.
        item: Which.
        labels: Class of each label, and where it is, in code points; None: of the whole text.
    """
    try:
        whole = read_text(store, item.key)
    except (UnreadableText, ObjectMissing) as error:
        return f"No text: {escape_cell(str(error))}"
    quoted = "\n".join(f"    {line}" for line in whole[:CHARACTERS_SHOWN].splitlines())
    names = [name if place is None else f"{name} ({whole[slice(*place)][:40]!r})" for name, place in labels]
    return f"{quoted}\n\n**Labels**: {escape_cell(', '.join(names) or 'none')}"


def named_places(rows: Sequence[Label] | Sequence[Proposal]) -> list[tuple[str, tuple[int, int] | None]]:
    """Return class and place of labels of a text, from its beginning."""
    placed = [(row.class_name, extent_of(row) if shape_type(row) == "span" else None) for row in rows]
    return sorted(placed, key=lambda one: (one[1] or (0, 0), one[0]))


def items_to_show(engine: Engine, batch_id: str, count: int) -> list[tuple[Item, str]]:
    """Choose items of a batch and their routes: round the routes in turn, each in the order of the batch."""
    by_route: list[list[tuple[Item, str]]] = []
    with reading(engine) as session:
        for route in (Route.ASK, Route.SURE, Route.AUDIT):
            query = (
                select(Item)
                .join(BatchItem, col(BatchItem.item_id) == Item.id)
                .where(BatchItem.batch_id == batch_id, BatchItem.route == route.value)
                .where(col(BatchItem.set_aside).is_(None))
                .order_by(col(BatchItem.position))
                .limit(count)
            )
            by_route.append([(item, route.value) for item in session.exec(query).all()])
    in_turn = [items[turn] for turn in range(count) for items in by_route if turn < len(items)]
    return in_turn[:count]


def draw_boxes(image: Pixels, groups: Sequence[Coloured], max_width_px: int = MAX_WIDTH_PX) -> Pixels:
    """Shrink an image to a width and draw boxes on it; lines are as thin in the result whatever the image's size."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, max_width_px / width)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    drawn = np.ascontiguousarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA))
    frame = (0.0, 0.0, width - 1.0, height - 1.0)
    for group in groups:
        for box in group.boxes_px:
            draw_edges(drawn, box or frame, group.colour_bgr, group.line_px, scale)
    tags = [
        ((round(left * scale), round(top * scale)), name, group.colour_bgr)
        for group in reversed(groups)  # the last group lies on top
        for box, name in zip(group.boxes_px, group.names, strict=False)
        for left, top, *_ in [box or frame]
    ]
    return write_tags(drawn, tags)


def draw_with_legend(image: Pixels, groups: Sequence[Coloured], max_width_px: int = MAX_WIDTH_PX) -> Pixels:
    """Draw boxes, and say under them what each colour stands for and how many there are."""
    entries = [(f"{group.words}: {len(group.boxes_px):,}", group.colour_bgr) for group in groups if group.words]
    return add_legend(draw_boxes(image, groups, max_width_px), entries)


def jpeg_data_uri(image: Pixels, max_bytes: int = MAX_BYTES) -> str:
    """Return an image as a `data:` address, made coarser and then smaller until its JPEG is not above `max_bytes`."""
    import cv2

    while True:
        for quality in (85, 70, 55, 40):
            _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if encoded.nbytes <= max_bytes or min(image.shape[:2]) <= 16:
                return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
        image = np.asarray(cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _proposals(engine: Engine, scope: Scope, item_id: str) -> list[Coloured]:
    query = (
        select(Verdict.outcome, Proposal)
        .join(Verdict, col(Verdict.proposal_id) == Proposal.id)
        .where(Verdict.batch_id == scope.batch_id, Proposal.item_id == item_id)
        .where(Proposal.detector == scope.detector, Proposal.recipe == scope.recipe)
    )
    with reading(engine) as session:
        rows = session.exec(query).all()
    boxes: dict[str, list[Proposal]] = {outcome: [] for outcome in OUTCOME_COLOURS}
    for outcome, proposal in rows:
        boxes[outcome].append(proposal)
    return _coloured(boxes, OUTCOME_COLOURS, OUTCOME_WORDS)


def _labels(engine: Engine, scope: Scope, item: Item) -> list[Coloured]:
    with reading(engine) as session:
        collection = session.exec(select(Batch.collection).where(Batch.id == scope.batch_id)).one()
    boxes: dict[str, list[Label]] = {origin: [] for origin in ORIGIN_COLOURS}
    for label in labels_in_force(engine, [item.id], collection)[item.id]:
        boxes[label.origin].append(label)
    return _coloured(boxes, ORIGIN_COLOURS, ORIGIN_WORDS)


def _coloured(
    boxes: Mapping[str, Sequence[Proposal] | Sequence[Label]],
    colours: Mapping[str, tuple[int, int, int]],
    words: Mapping[str, str],
) -> list[Coloured]:
    return [
        Coloured(
            colours[name],
            [None if box.x_min is None else bounds_of(box) for box in boxes[name]],
            line_px=1 if colours[name] == GREY else 2,
            words=words[name],
            # Dropped boxes are many, and nobody's concern by name.
            names=() if colours[name] == GREY else [box.class_name for box in boxes[name]],
        )
        for name in colours
        if boxes[name] or name != IMPORT  # few lines have labels from elsewhere: no legend speaks of none
    ]
