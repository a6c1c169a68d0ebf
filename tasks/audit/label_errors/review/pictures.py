"""Pictures of the most suspicious items of a label-error review, each with its reasons in words and the answers."""

from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item
from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.shapes import Bounds
from blocks.storage.stores import Store
from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.review.answers import LookedAt
from tasks.intake.images import read_item
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.settle.pictures import BLUE, ORANGE, Coloured, draw_with_legend, jpeg_data_uri
from tasks.triage.summary import escape_cell

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
    parts = ["## The most suspicious"]
    for one in chosen:
        item = items[one.item_id]
        parts += [f"### {escape_cell(item.name)}", "\n".join(f"- {_told(one, finding)}" for finding in one.findings)]
        try:
            image = read_item(store, item.key)
        except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
            parts.append(f"No picture: {escape_cell(str(error))}")
            continue
        groups = [
            _drawn(BLUE, [box for box in one.payload.boxes if box.sure], 2, "as it was before anybody looked again"),
            _drawn(ORANGE, [box for box in one.payload.boxes if not box.sure], DOUBT_LINE_PX, "in doubt"),
        ]
        parts.append(f"![what was asked]({jpeg_data_uri(draw_with_legend(image, groups))})")
        del image  # before the next one is decoded
    return "\n\n".join(parts)


def _told(one: LookedAt, finding: LabelFinding) -> str:
    if one.said is None:
        outcome = "nobody has answered"
    else:
        outcome = "people changed it" if one.is_confirmed(finding) else "people left it"
    return escape_cell(f"{finding.fault.value}: {finding.reason} ({outcome})")


def _drawn(colour_bgr: tuple[int, int, int], boxes: Sequence[ShownBox], line_px: int, words: str) -> Coloured:
    corners: list[Bounds] = [(box.x_min, box.y_min, box.x_max, box.y_max) for box in boxes]
    return Coloured(colour_bgr, corners, line_px, words, [box.class_name for box in boxes])
