"""Which settled items people look at a second time: findings become questions of the mark-missed queue, with reasons.

Labels stay in force until somebody answers. What is over the budget is counted and listed, not forgotten. Audited items
are left out: a detector that points at their labels would no longer be measured by them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import asdict, dataclass

import numpy as np
from sqlalchemy import Engine

from blocks.errors import UnknownClass
from blocks.storage.stores import Store
from tasks.audit.label_errors.find import find_faults, ranked
from tasks.audit.label_errors.finding import LabelErrorOptions, LabelFinding
from tasks.audit.label_errors.outliers import find_unusual
from tasks.audit.label_errors.record import (
    Look,
    LookScope,
    claim_round,
    is_open,
    keep_look,
    kept_looks,
    look_id,
    look_of_run,
    note_run,
    read_look,
)
from tasks.audit.label_errors.report import LISTED, LabelErrorReport
from tasks.audit.label_errors.review.drafts import draft_look
from tasks.audit.label_errors.scores import ItemBoxes
from tasks.audit.label_errors.settled_labels import (
    SettledItem,
    SettledItems,
    as_boxes,
    count_own,
    read_items,
    read_settled,
)
from tasks.detect.refs import Scope
from tasks.detect.settled_evidence import triaged_by
from tasks.review.decide.aggregate import weigh_again
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.posting.outbox import Draft
from tasks.review.questions.queue import Queue
from tasks.settle.identities import settle_tracks_again
from tasks.settle.labels import settle
from tasks.triage.boxes import Boxes, in_shards, read_boxes
from tasks.triage.outliers.box_shape import MIN_BOXES

MOST_ITEMS = 10_000


def open_look(
    engine: Engine,
    store: Store,
    scope: LookScope,
    options: LabelErrorOptions,
    run_id: str | None = None,
    *,
    most_items: int = MOST_ITEMS,
    items_learned: int | None = None,
) -> Look:
    """Find the labels that look wrong, and say which items people look at again: once, however often it is called.

    A run keeps its look. An earlier one of the same scope that people have not finished is gone on with. What was asked
    about in any earlier look is not asked again, and what this detector had asked counts against its budget.

    Args:
        engine: The catalogue.
        store: Where looks are kept.
        scope: Whose labels, and the detector and recipe whose proposals are held against them.
        options: Budget and least suspicion.
        run_id: The run that asks; None: nobody's.
        most_items: How many items are judged at most.
        items_learned: How many of the items the detector was trained on, for the report; None: not known.

    Raises:
        BadOption: There is no such batch, or cleanlab's scores are asked for and it is not installed.
        UnknownClass: A label or a proposal has a class that the look does not have.
        NotEnoughData: Items are settled, and not one has a label.
    """
    known = look_of_run(engine, run_id) if run_id else None
    if known:
        return read_look(store, scope.collection, known)
    earlier = kept_looks(store, scope.collection)
    look = next((one for one in earlier if one.is_of(scope) and is_open(engine, one)), None)
    if look is None:
        settled = read_settled(engine, scope, most_items)
        id_ = look_id(scope, [one.item_id for one in settled.items], options)
        look = next((one for one in earlier if one.id == id_), None)
        if look is None:
            look = _judge(engine, scope, options, settled, earlier)
            report = look.report.model_copy(update={"items_learned": items_learned})
            round_ = claim_round(engine, scope.collection, id_)
            look = look.model_copy(update={"id": id_, "round": round_, "report": report})
            keep_look(store, look)
    if run_id:
        note_run(engine, run_id, look.id)
    return look


def write_questions(engine: Engine, queue: Queue, look: Look, parts: PartOptions | None = None) -> dict[str, int]:
    """Write the questions of a look into the outbox, once.

    Args:
        engine: The catalogue.
        queue: Which asks.
        look: What is asked about.
        parts: When an item is asked in parts; None: never.

    Returns:
        How many there are, by batch, each 1 or more.
    """
    counts = {
        batch_id: write_once(engine, queue, batch_id, look.round, _drafts(engine, look, batch_id, parts))
        for batch_id in look.batches
    }
    return {batch_id: count for batch_id, count in counts.items() if count}


def settle_look(engine: Engine, store: Store, look: Look) -> int:
    """Settle the batches in which a look asked, as they were settled before; what it changed are new revisions.

    Where labels are somebody's, it is then said anew whose they are, by what was followed, which the store keeps.

    Returns:
        How many revisions were written now.
    """
    written = 0
    for batch_id in look.batches:
        weigh_again(engine, batch_id)
        written += settle(engine, batch_id, *triaged_by(engine, batch_id)).revisions_written
        settle_tracks_again(engine, store, batch_id)
    return written


def _drafts(engine: Engine, look: Look, batch_id: str, parts: PartOptions | None) -> Iterator[list[Draft]]:
    findings = by_item(look.findings)
    asked = [item_id for item_id, home in look.asked.items() if home == batch_id]
    for part in in_shards(asked):
        items = read_items(engine, look.collection, batch_id, part)
        yield [draft for one in items for draft in draft_look(one, findings[one.item_id], look.round, parts)]


def by_item(findings: Sequence[LabelFinding]) -> dict[str, list[LabelFinding]]:
    """Return findings by item, in the order given."""
    found: dict[str, list[LabelFinding]] = defaultdict(list)
    for one in findings:
        found[one.item_id].append(one)
    return found


def _judge(
    engine: Engine,
    scope: LookScope,
    options: LabelErrorOptions,
    settled: SettledItems,
    earlier: Sequence[Look],
) -> Look:
    """Return what speaks against the labels of some items; its name and round are still to come."""
    report = LabelErrorReport(collection=scope.collection, batch_id=scope.batch_id, detector=scope.detector)
    report = report.model_copy(update=dict(settled.left_out))
    look = Look(id="", round=0, asked={}, findings=(), report=report, **asdict(scope))
    items = settled.items
    if not items:
        return look
    given = as_boxes(items)
    found = _find(engine, scope, options, items, given)
    before = {item_id for one in earlier for item_id in one.asked}
    spent = {item_id for one in earlier if one.detector == scope.detector for item_id in one.asked}
    places = math.ceil(options.budget * len(items)) - len(spent & {one.item_id for one in items})
    share = share_out(found, options, max(0, places), before)
    homes = {one.item_id: one.batch_id for one in items}
    chosen = set(share.asked)
    shown = [one for one in found if one.item_id in chosen]
    counts = {
        "items": len(items),
        "labels": len(given),
        "findings": _by_kind(found),
        "asked": _by_kind(shown),
        "items_asked": len(share.asked),
        "items_asked_before": share.asked_before,
        "items_over_budget": len(share.over),
        "over_budget": tuple(share.over[:LISTED]),
        "items_weak": share.weak,
        "not_judged": _not_judged(given, scope.classes),
        "labels_its_own": count_own(engine, scope.detector, items),
    }
    asked = {item_id: homes[item_id] for item_id in share.asked}
    return look.model_copy(
        update={"asked": asked, "findings": tuple(found), "report": report.model_copy(update=counts)}
    )


def _find(
    engine: Engine,
    scope: LookScope,
    options: LabelErrorOptions,
    items: Sequence[SettledItem],
    given: Boxes,
) -> list[LabelFinding]:
    """Return all that is suspicious, the most suspicious first."""
    ids = [one.item_id for one in items]
    labels = _columns(given, scope.classes)
    against: dict[str, ItemBoxes] = {}
    for some in in_shards(ids):
        boxes = read_boxes(engine, Scope(scope.batch_id or "", scope.detector, scope.recipe), some)
        against |= _columns(boxes, scope.classes)
    nothing = ItemBoxes.of([], [], [])
    both = [{id_: side.get(id_, nothing) for id_ in ids} for side in (labels, against)]
    found = find_faults(both[0], both[1], scope.classes, options)
    return ranked(found + find_unusual(given, ids, options.outlier_z, found))


def _by_kind(found: Sequence[LabelFinding]) -> dict[str, int]:
    return dict(sorted(Counter(one.fault.value for one in found).items()))


def _not_judged(given: Boxes, classes: Sequence[str]) -> tuple[str, ...]:
    counts = {name: int((given.class_names == name).sum()) for name in classes}
    notes = [f"class {name}: {n} labels, too few to know what is usual" for name, n in counts.items() if n < MIN_BOXES]
    return (*notes, "swapped labels: there is one class only") if len(classes) == 1 else tuple(notes)


@dataclass(frozen=True, slots=True)
class ReviewShare:
    """Which of the items with findings people look at."""

    asked: list[str]
    over: list[str]
    """Suspicious, and over the budget; the most suspicious first."""
    weak: int
    asked_before: int


def share_out(found: Sequence[LabelFinding], options: LabelErrorOptions, places: int, before: Set[str]) -> ReviewShare:
    """Choose the items that people look at, most expected faults first: an item is looked at once, whatever is wrong.

    Args:
        found: Findings, the most suspicious first.
        options: The least suspicion.
        places: How many items may be asked about, 0 or more.
        before: Items that people have looked at in an earlier look.
    """
    strong = {
        item_id: sum(one.suspicion for one in mine)
        for item_id, mine in by_item(found).items()
        if mine[0].suspicion >= options.least_suspicion
    }
    order = sorted(strong, key=lambda item_id: (-strong[item_id], item_id))
    fresh = [item_id for item_id in order if item_id not in before]
    weak = len({one.item_id for one in found}) - len(strong)
    return ReviewShare(fresh[:places], fresh[places:], weak, len(order) - len(fresh))


def _columns(boxes: Boxes, classes: Sequence[str]) -> dict[str, ItemBoxes]:
    ids = {name: number for number, name in enumerate(classes)}
    for name in np.unique(boxes.class_names).tolist():
        if name not in ids:
            raise UnknownClass.named(name, classes, "the classes of this look")
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
