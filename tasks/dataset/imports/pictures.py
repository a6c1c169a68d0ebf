"""Some items of an import with their labels, small enough to travel inside an artifact."""

from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import BatchItem, Item, Label, Proposal, Scan
from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.storage.stores import Store
from tasks.dataset.imports.options import TRUTH
from tasks.dataset.imports.report import ImportReport
from tasks.detect.proposers.imported import RECIPE
from tasks.intake.images import read_item
from tasks.intake.texts.text_items import is_text
from tasks.kinds.geometry import bounds_of
from tasks.settle.in_force import labels_in_force
from tasks.settle.pictures import (
    ORANGE,
    VERMILION,
    Coloured,
    draw_with_legend,
    jpeg_data_uri,
    named_places,
    quoted_text,
)
from tasks.triage.summary import escape_cell

LOOK_AT_MOST = 200
"""Pictures that are looked through for some with labels."""

MOST_BYTES = 150_000


def import_pictures(engine: Engine, store: Store, report: ImportReport, count: int = 3) -> str:
    """Return Markdown with some items of an import; one that cannot be read is named with the reason."""
    parts = [f"## Some of its {report.medium}"]
    for item, rows in islice(_labelled(engine, report), count):
        parts.append(f"### {escape_cell(item.name)}")
        if is_text(item):
            parts.append(quoted_text(store, item, named_places(rows)))
            continue
        try:
            image = read_item(store, item.key)
        except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
            parts.append(f"No picture: {escape_cell(str(error))}")
            continue
        drawn = draw_with_legend(image, [_coloured(rows, report)])
        parts.append(f"![labels]({jpeg_data_uri(drawn, MOST_BYTES)})")
        del image  # before the next one is decoded
    return "\n\n".join(parts if len(parts) > 1 else [*parts, "None of those looked at has a label."])


def _coloured(rows: Sequence[Label] | Sequence[Proposal], report: ImportReport) -> Coloured:
    is_truth = report.purpose == TRUTH
    return Coloured(
        VERMILION if is_truth else ORANGE,
        [None if row.x_min is None else bounds_of(row) for row in rows],
        words=f"{report.name}, as {report.purpose}",
        names=[row.class_name for row in rows],
    )


def _labelled(engine: Engine, report: ImportReport) -> list[tuple[Item, Sequence[Label] | Sequence[Proposal]]]:
    if report.purpose == TRUTH:
        items = _items_in_batch(engine, report.batch_id or "")
        labels = labels_in_force(engine, [item.id for item in items], report.collection)
        return [(item, labels[item.id]) for item in items if labels[item.id]]
    with reading(engine) as session:
        scanned = (Scan.detector == report.import_id, Scan.recipe == RECIPE, col(Scan.proposals) > 0)
        query = select(Item).join(Scan, col(Scan.item_id) == col(Item.id)).where(*scanned).order_by(col(Item.id))
        found = list(session.exec(query.limit(3)).all())
        return [(item, _proposals(session, item.id, report.import_id)) for item in found]


def _proposals(session: Session, item_id: str, version: str) -> Sequence[Proposal]:
    query = select(Proposal).where(Proposal.item_id == item_id, Proposal.detector == version, Proposal.recipe == RECIPE)
    return session.exec(query).all()


def _items_in_batch(engine: Engine, batch_id: str) -> list[Item]:
    query = (
        select(Item)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(BatchItem.batch_id == batch_id)
        .order_by(col(BatchItem.position))
        .limit(LOOK_AT_MOST)
    )
    with reading(engine) as session:
        return list(session.exec(query).all())
