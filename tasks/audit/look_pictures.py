"""Pictures of the most suspicious items of a second look, each with its reasons in words and what people said."""

from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading
from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.stores import Store
from blocks.tables import Item
from tasks.audit.faults import Finding
from tasks.audit.look_answers import LookedAt
from tasks.intake.images import read_item
from tasks.review.regions import ShownBox
from tasks.settle.pictures import BLUE, ORANGE, Coloured, draw_boxes, jpeg_data_uri
from tasks.settle.truth import Corners
from tasks.triage.summary import escape_cell

LEGEND = "**Orange**: what was doubted. **Blue**: the other labels, as they were before anybody looked again."
DOUBT_LINE_PX = 4


def look_pictures(engine: Engine, store: Store, looked_at: Sequence[LookedAt], count: int) -> str:
    """Return Markdown with pictures of the first items; empty where there is none to show.

    An item whose picture cannot be read is named with the reason instead: pictures are an ornament.
    """
    chosen = looked_at[:count]
    if not chosen:
        return ""
    with reading(engine) as session:
        query = select(Item).where(col(Item.id).in_([one.item_id for one in chosen]))
        items = {item.id: item for item in session.exec(query).all()}
    parts = ["## The most suspicious", LEGEND]
    for one in chosen:
        item = items[one.item_id]
        parts += [f"### {escape_cell(item.name)}", "\n".join(f"- {_told(one, finding)}" for finding in one.findings)]
        try:
            image = read_item(store, item.key)
        except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
            parts.append(f"No picture: {escape_cell(str(error))}")
            continue
        groups = [
            Coloured(BLUE, [_corners(box) for box in one.payload.boxes if box.sure]),
            Coloured(ORANGE, [_corners(box) for box in one.payload.boxes if not box.sure], DOUBT_LINE_PX),
        ]
        parts.append(f"![what was asked]({jpeg_data_uri(draw_boxes(image, groups))})")
    return "\n\n".join(parts)


def _told(one: LookedAt, finding: Finding) -> str:
    if one.said is None:
        outcome = "nobody has answered"
    else:
        outcome = "people changed it" if one.is_confirmed(finding) else "people left it"
    return escape_cell(f"{finding.fault.value}: {finding.reason} ({outcome})")


def _corners(box: ShownBox) -> Corners:
    return box.x_min, box.y_min, box.x_max, box.y_max
