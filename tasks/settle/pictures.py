"""Pictures of some items with proposals and settled labels, small enough to travel inside an artifact."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading
from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.stores import Store
from blocks.tables import Batch, BatchItem, Item, Outcome, Proposal, Route, Verdict
from tasks.intake.images import read_item
from tasks.settle.in_force import labels_in_force
from tasks.settle.truth import MACHINE, PERSON, Corners
from tasks.triage.boxes import Scope
from tasks.triage.summary import escape_cell

if TYPE_CHECKING:
    from blocks.tables import Label

Pixels = npt.NDArray[np.uint8]

MAX_WIDTH_PX = 900
MAX_BYTES = 200_000

ORANGE, GREEN, BLUE, GREY, PURPLE = (0, 159, 230), (115, 158, 0), (178, 114, 0), (153, 153, 153), (167, 121, 204)
"""BGR. Okabe and Ito's palette, which colour-blind people can tell apart."""

OUTCOME_COLOURS = {Outcome.DROP.value: GREY, Outcome.ACCEPT.value: GREEN, Outcome.ASK.value: ORANGE}
ORIGIN_COLOURS = {MACHINE: BLUE, PERSON: PURPLE}

LEGEND = (
    "First what the detector proposed: **green** accepted, **orange** asked about, **grey** dropped. "
    "Then what settled: **blue** from the machine, **purple** from people."
)


@dataclass(frozen=True, slots=True)
class Coloured:
    """Boxes that are drawn in one colour: shape (n, 4), x_min, y_min, x_max, y_max in pixels of the item."""

    colour_bgr: tuple[int, int, int]
    boxes_px: Sequence[Corners]
    line_px: int = 2


def pictures_markdown(engine: Engine, store: Store, scope: Scope, count: int = 3) -> str:
    """Return Markdown with pictures of some items of a batch, one or more of each route.

    An item whose picture cannot be read is named with the reason instead: pictures are an ornament.
    """
    parts = [f"## Some images of batch {escape_cell(scope.batch_id)}", LEGEND]
    for item, route in items_to_show(engine, scope.batch_id, count):
        parts.append(f"### {escape_cell(item.name)} ({escape_cell(route)})")
        try:
            image = read_item(store, item.key)
        except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
            parts.append(f"No picture: {escape_cell(str(error))}")
            continue
        for what, boxes in (
            ("proposals", _proposals(engine, scope, item.id)),
            ("labels", _labels(engine, scope, item)),
        ):
            parts.append(f"![{what}]({jpeg_data_uri(draw_boxes(image, boxes))})")
    return "\n\n".join(parts if len(parts) > 2 else [*parts, "No item of this batch was triaged."])


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
    for group in groups:
        for box in group.boxes_px:
            x_min, y_min, x_max, y_max = (round(edge * scale) for edge in box)
            cv2.rectangle(drawn, (x_min, y_min), (x_max, y_max), group.colour_bgr, group.line_px, cv2.LINE_AA)
    return drawn


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
    boxes: dict[str, list[Corners]] = {outcome: [] for outcome in OUTCOME_COLOURS}
    for outcome, proposal in rows:
        boxes[outcome].append(_corners(proposal))
    return _coloured(boxes, OUTCOME_COLOURS)


def _labels(engine: Engine, scope: Scope, item: Item) -> list[Coloured]:
    with reading(engine) as session:
        collection = session.exec(select(Batch.collection).where(Batch.id == scope.batch_id)).one()
    boxes: dict[str, list[Corners]] = {origin: [] for origin in ORIGIN_COLOURS}
    for label in labels_in_force(engine, [item.id], collection)[item.id]:
        boxes[label.origin].append(_corners(label))
    return _coloured(boxes, ORIGIN_COLOURS)


def _corners(box: "Proposal | Label") -> Corners:
    return box.x_min, box.y_min, box.x_max, box.y_max


def _coloured(boxes: Mapping[str, Sequence[Corners]], colours: Mapping[str, tuple[int, int, int]]) -> list[Coloured]:
    return [Coloured(colours[name], boxes[name], 1 if colours[name] == GREY else 2) for name in colours]
