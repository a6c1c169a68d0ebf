"""Which settled items people look at a second time: findings become questions of the mark-missed queue, with reasons.

Labels stay in force until somebody answers. What is over the budget is counted and listed, not forgotten. Audited items
are left out: a detector that points at their labels would no longer be measured by them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading
from blocks.errors import BadOption, UnknownClass
from blocks.stores import Store
from blocks.tables import Batch, BatchItem, Item, Label, Route, Scan
from tasks.audit.fault_scores import Fault, ItemBoxes
from tasks.audit.faults import FaultOptions, Finding, find_faults, ranked
from tasks.audit.unusual_labels import find_unusual, read_colours
from tasks.review.drafts import write_once
from tasks.review.outbox import Draft
from tasks.review.queues import Queue
from tasks.review.regions import ShownBox
from tasks.review.task_data import Payload
from tasks.settle.in_force import labels_in_force
from tasks.triage.boxes import Boxes, Scope, boxes_from_rows, in_shards, read_boxes
from tasks.triage.oddities import MIN_BOXES

SECOND_LOOK_ROUND = 100
"""Far from the rounds in which a question is asked again because nobody answered."""

LISTED = 100


class SecondLookReport(BaseModel):
    """What a detector has to say against the labels of a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: str
    items: int = Field(default=0, description="Settled items that were judged")
    labels: int = 0
    findings: dict[str, int] = Field(default_factory=dict, description="By kind of fault, weak ones included")
    items_asked: int = Field(default=0, description="Sent back to people")
    items_over_budget: int = Field(default=0, description="Suspicious too, and not sent back: the budget is spent")
    over_budget: tuple[str, ...] = Field(default=(), description=f"The first {LISTED} of those, most suspicious first")
    items_weak: int = Field(default=0, description="With findings below the least suspicion only")
    items_not_scanned: int = Field(default=0, description="Not judged: this detector has not looked at them")
    items_audited: int = Field(default=0, description="Left out: audits are never shown what a detector says")
    not_judged: tuple[str, ...] = Field(default=(), description="What could not be judged at all, and why")


@dataclass(frozen=True, slots=True)
class SecondLooks:
    """The questions, the findings behind them and the report."""

    drafts: list[Draft]
    findings: list[Finding]
    report: SecondLookReport


@dataclass(frozen=True, slots=True)
class _Settled:
    item_id: str
    key: str
    width: int
    height: int
    labels: list[Label]


def draft_second_looks(
    engine: Engine,
    queue: Queue,
    scope: Scope,
    options: FaultOptions,
    round_: int = SECOND_LOOK_ROUND,
    store: Store | None = None,
) -> SecondLooks:
    """Find labels of a batch that look wrong, and draft questions about the items with the most of them.

    Args:
        engine: The catalogue.
        queue: The mark-missed queue.
        scope: The batch, and the detector and recipe whose proposals are held against its labels; best a detector that
            has not learned from them.
        options: Budget and least suspicion.
        round_: Of which round the questions are.
        store: Where the images are; left out, colours are not judged.

    Raises:
        BadOption: There is no such batch, or cleanlab's scores are asked for and it is not installed.
        UnknownClass: A label or a proposal has a class that the queue does not know.
        NotEnoughData: Items are settled, and not one has a label.
    """
    settled, left_out = _read_settled(engine, scope)
    report = SecondLookReport(batch_id=scope.batch_id, **left_out)
    if not settled:
        return SecondLooks([], [], report)
    given = _as_boxes(settled)
    labels, against = _both_sides(engine, queue, scope, settled, given)
    found = find_faults(labels, against, queue.classes, options)
    colours = read_colours(store, {one.item_id: one.key for one in settled}, given) if store else None
    found = ranked(found + find_unusual(given, [one.item_id for one in settled], options.odd_z, found, colours))
    asked, over, weak = _within_budget(found, options, len(settled))
    by_id = {one.item_id: one for one in settled}
    drafts = [_draft(scope.batch_id, by_id[item_id], some, round_) for item_id, some in asked.items()]
    counts = {
        "items": len(settled),
        "labels": len(given),
        "findings": dict(sorted(Counter(one.fault.value for one in found).items())),
        "items_asked": len(asked),
        "items_over_budget": len(over),
        "over_budget": tuple(over[:LISTED]),
        "items_weak": weak,
        "not_judged": _not_judged(given, queue),
    }
    return SecondLooks(drafts, found, report.model_copy(update=counts))


def raise_questions(engine: Engine, queue: Queue, looks: SecondLooks, round_: int = SECOND_LOOK_ROUND) -> int:
    """Write the questions of second looks into the outbox, once for a batch and round.

    Returns:
        How many questions the batch has in this queue and round.
    """
    return write_once(engine, queue, looks.report.batch_id, round_, [looks.drafts])


def _both_sides(
    engine: Engine, queue: Queue, scope: Scope, settled: Sequence[_Settled], given: Boxes
) -> tuple[dict[str, ItemBoxes], dict[str, ItemBoxes]]:
    """Return labels and proposals by item id, for every item."""
    ids = [one.item_id for one in settled]
    labels = _by_item(given, queue)
    proposals: dict[str, ItemBoxes] = {}
    for some in in_shards(ids):
        proposals |= _by_item(read_boxes(engine, scope, some), queue)
    nothing = ItemBoxes.of([], [], [])
    return {id_: labels.get(id_, nothing) for id_ in ids}, {id_: proposals.get(id_, nothing) for id_ in ids}


def _not_judged(given: Boxes, queue: Queue) -> tuple[str, ...]:
    counts = {name: int((given.class_names == name).sum()) for name in queue.classes}
    notes = [f"class {name}: {n} labels, too few to know what is usual" for name, n in counts.items() if n < MIN_BOXES]
    return (*notes, "swapped labels: there is one class only") if len(queue.classes) == 1 else tuple(notes)


def _within_budget(
    found: Sequence[Finding], options: FaultOptions, items: int
) -> tuple[dict[str, list[Finding]], list[str], int]:
    """Return findings of the items to ask about, suspicious items over the budget, and how many have weak ones only."""
    by_item: dict[str, list[Finding]] = defaultdict(list)
    for one in found:
        by_item[one.item_id].append(one)
    strong = {
        item_id: sum(one.suspicion for one in mine)
        for item_id, mine in by_item.items()
        if mine[0].suspicion >= options.least_suspicion
    }
    # Most expected faults first: an item is looked at once, whatever is wrong with it.
    order = sorted(strong, key=lambda item_id: (-strong[item_id], item_id))
    places = math.ceil(options.budget * items)
    return {item_id: by_item[item_id] for item_id in order[:places]}, order[places:], len(by_item) - len(strong)


def _draft(batch_id: str, item: _Settled, findings: Sequence[Finding], round_: int) -> Draft:
    """Show an item with its labels; what is suspicious has thick outlines, comes first and carries its reason."""
    suspicious = {one.subject: one for one in findings}
    shown = [
        ShownBox(
            id=label.region,
            class_name=label.class_name,
            score=1 - suspicious[label.region].suspicion if label.region in suspicious else 1.0,
            sure=label.region not in suspicious,
            x_min=label.x_min,
            y_min=label.y_min,
            x_max=label.x_max,
            y_max=label.y_max,
        )
        for label in item.labels
    ]
    shown += [_missing_box(one, item) for one in findings if one.fault is Fault.OVERLOOKED]
    payload = Payload(
        type="boxes",
        width=item.width,
        height=item.height,
        prefill=[box.id for box in shown],
        boxes=sorted(shown, key=lambda box: (box.sure, box.score, box.id)),
        reasons={one.subject: one.reason for one in reversed(findings)},
    )
    expected = sum(one.suspicion for one in findings)
    return Draft(batch_id, item.item_id, payload.model_dump(mode="json"), round=round_, priority=expected)


def _missing_box(one: Finding, item: _Settled) -> ShownBox:
    x_min, y_min, x_max, y_max = one.box_px
    return ShownBox(
        id=one.subject,
        class_name=one.class_name,
        score=1 - one.suspicion,
        sure=False,
        x_min=max(0.0, x_min),
        y_min=max(0.0, y_min),
        x_max=min(float(item.width), x_max),
        y_max=min(float(item.height), y_max),
    )


def _by_item(boxes: Boxes, queue: Queue) -> dict[str, ItemBoxes]:
    ids = {name: number for number, name in enumerate(queue.classes)}
    for name in np.unique(boxes.class_names).tolist():
        if name not in ids:
            raise UnknownClass.named(name, queue.classes, f"queue {queue.name!r}")
    rows: dict[str, list[int]] = defaultdict(list)
    for row, item_id in enumerate(boxes.item_ids):
        rows[item_id].append(row)
    return {
        item_id: ItemBoxes.of(
            [boxes.ids[row] for row in mine],
            [ids[boxes.class_names[row]] for row in mine],
            boxes.xyxy_px[mine].tolist(),
            boxes.scores[mine].tolist(),
        )
        for item_id, mine in rows.items()
    }


def _as_boxes(settled: Sequence[_Settled]) -> Boxes:
    rows = []
    for one in settled:
        for label in one.labels:
            corners = (label.x_min, label.y_min, label.x_max, label.y_max)
            rows.append((label.region, one.item_id, label.class_name, 1.0, *corners, one.width, one.height))
    return boxes_from_rows(rows)


def _read_settled(engine: Engine, scope: Scope) -> tuple[list[_Settled], dict[str, int]]:
    """Return the settled items that can be judged, and how many of the others there are and why."""
    seen = (col(Scan.item_id) == Item.id) & (col(Scan.detector) == scope.detector) & (col(Scan.recipe) == scope.recipe)
    query = (
        select(Item.id, Item.key, Item.width, Item.height, BatchItem.route, Scan.item_id)  # type: ignore[call-overload]
        .join(BatchItem, col(BatchItem.item_id) == Item.id)
        .outerjoin(Scan, seen)
        .where(BatchItem.batch_id == scope.batch_id, col(BatchItem.set_aside).is_(None))
        .where(col(BatchItem.settled_at).is_not(None))
        .order_by(col(BatchItem.position))
    )
    with reading(engine) as session:
        batch = session.get(Batch, scope.batch_id)
        if batch is None:
            raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        collection, rows = batch.collection, session.exec(query).all()
    asked = [row for row in rows if row[4] != Route.AUDIT.value]
    scanned = [row for row in asked if row[5] is not None]
    labels: Mapping[str, list[Label]] = labels_in_force(engine, [row[0] for row in scanned], collection)
    settled = [_Settled(id_, key, width, height, labels[id_]) for id_, key, width, height, *_ in scanned]
    return settled, {"items_audited": len(rows) - len(asked), "items_not_scanned": len(asked) - len(scanned)}
