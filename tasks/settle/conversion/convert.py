"""Settled labels become those of another kind: boxes, polygons or masks, as further revisions of the same labels.

Each keeps its identity, class, origin, and the proposal, answer or import behind it; what it was is its revision
before. The items get a place in a batch of the conversion, which comes after all others: so nothing that an earlier
batch is settled with again turns them back.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import uuid4

from pydantic import Field
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Label, utc_now
from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.shapes import PLACED, shape_columns
from tasks.intake.batches import unsettled
from tasks.intake.label_kinds import change_label_kind, noted_kind
from tasks.kinds.outlines.conversion import converted_with_loss
from tasks.kinds.outlines.raster import shape_in
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import label_kind
from tasks.review.questions.asked import count_open
from tasks.settle.labels import newest_rows
from tasks.settle.revisions import LabelRow, as_columns, next_revision, type_of
from tasks.triage.boxes import in_shards

TARGETS = ("boxes", "polygons", "masks")
"""Kinds that labels can become; tracks can be converted, and what has an identity over frames keeps it."""

SHARD = 8
"""Items converted in one transaction: outlines take milliseconds each, and nobody else can write meanwhile."""


class ConvertReport(Frozen):
    """What a conversion came to."""

    collection: str
    before: str = Field(description="Kind of its labels until now")
    to: str
    batch: str | None = Field(default=None, description="In which the items are now; empty: nothing had to be done")
    labels: int = Field(default=0, description="That have another shape now")
    left_out: int = Field(default=0, description="That the kind cannot have, taken back; their revisions are kept")
    lost: dict[str, int] = Field(default={}, description="What the kind has no room for, counted")


def convert_labels(engine: Engine, collection: str, to: str) -> ConvertReport:
    """Turn the labels in force of a collection into those of another kind, and the collection's kind with them.

    A second call does nothing, and after an interrupted one the next goes on. Where the collection is of the kind
    already and labels of another shape came to it since, these are converted.

    Args:
        engine: The catalogue.
        collection: Whose labels.
        to: boxes, polygons or masks.

    Raises:
        BadOption: There is no such kind, or either is nowhere in a picture; nothing is labelled; or people are still
            asked about it, or will be.
    """
    kind, before = label_kind(to), noted_kind(engine, collection)
    if before is None:
        raise BadOption(f"collection {collection!r} has no labels yet: there is nothing to convert")
    if to not in TARGETS or not before.shapes <= PLACED:
        raise BadOption(f"{before.name} cannot become {to}: labels in a picture become {', '.join(TARGETS)}")
    with reading(engine) as session:
        siblings = frozenset(session.exec(select(Batch.id).where(Batch.collection == collection)).all())
        item_ids = _items_of_other_shapes(session, siblings, kind)
    if kind.name == before.name and not item_ids:
        return ConvertReport(collection=collection, before=before.name, to=to)
    _refuse_while_asked(engine, collection, before)
    batch_id, lost = f"convert-{uuid4().hex[:16]}", Counter[str]()
    changed = left_out = position = 0
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection, "settled_at": utc_now()}])
    for shard in in_shards(item_ids, SHARD):
        with writing(engine) as session:
            latest = newest_rows(session, shard)
            rows, moved = list[LabelRow](), list[str]()
            for item_id in shard:
                mine = _in_force(latest.get(item_id, []), siblings)
                new = [one for row in mine if (one := _as(kind, row, lost)) is not None]
                rows += new
                moved += [item_id] if new else []
            upsert(session, Label, [as_columns(row) for row in rows])
            _place(session, batch_id, moved, position, f"converted from {before.name} to {to}")
        position += len(moved)
        left_out += sum(row.retracted for row in rows)
        changed += sum(not row.retracted for row in rows)
    change_label_kind(engine, collection, to)
    return ConvertReport(
        collection=collection,
        before=before.name,
        to=to,
        batch=batch_id,
        labels=changed,
        left_out=left_out,
        lost=dict(lost),
    )


def _refuse_while_asked(engine: Engine, collection: str, before: LabelKind) -> None:
    end = f"convert it when they have answered, or end them first (`labelline stop {collection}`)"
    waiting = unsettled(engine, collection)
    if waiting:
        raise BadOption(
            f"{len(waiting)} batches of {collection!r} have not settled, and people are asked about {before.name}: "
            f"{end}"
        )
    asked = count_open(engine, collection)
    if asked:
        raise BadOption(f"{asked} questions about {collection!r} are open, asked again of people: {end}")


def _items_of_other_shapes(session: Session, siblings: frozenset[str], kind: LabelKind) -> list[str]:
    """Return the items with labels in force of shapes that a kind does not have, by id."""
    type_ = func.coalesce(col(Label.shape)["type"].as_string(), "box")
    mine = col(Label.batch_id).in_(siblings), type_.not_in(sorted(kind.shapes))
    had = session.exec(select(Label.item_id).where(*mine).distinct().order_by(Label.item_id)).all()
    found = list[str]()
    for shard in in_shards(had):
        latest = newest_rows(session, shard)
        found += [
            item_id
            for item_id in shard
            if any(type_of(row.shape) not in kind.shapes for row in _in_force(latest.get(item_id, []), siblings))
        ]
    return found


def _in_force(rows: Sequence[LabelRow], siblings: frozenset[str]) -> list[LabelRow]:
    return [row for row in rows if row.batch_id in siblings and not row.retracted]


def _as(kind: LabelKind, row: LabelRow, lost: Counter[str]) -> LabelRow | None:
    """Return the next revision of a label; None: it is of the kind already."""
    shape = shape_in(row)
    if shape.type in kind.shapes:
        return None
    found, why = converted_with_loss(shape, kind)
    if why is not None:
        lost[why] += 1
    return next_revision(row, {"retracted": True} if found is None else shape_columns(found))


def _place(session: Session, batch_id: str, item_ids: list[str], first: int, why: str) -> None:
    shared = {"batch_id": batch_id, "reasons": [why], "settled_at": utc_now()}
    upsert(session, BatchItem, [shared | {"item_id": one, "position": first + n} for n, one in enumerate(item_ids)])
