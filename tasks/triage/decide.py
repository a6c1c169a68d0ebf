"""Triage a batch: what is sure goes on, what is unsure or odd goes to people, a random sample goes to them blind.

Two passes over the proposals, shard by shard: the first learns what is usual, the second decides and writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading, upsert, writing
from blocks.errors import BadOption
from blocks.stores import Store
from blocks.tables import Audit, Batch, BatchItem, Item, Outcome, Route, Scan, Verdict
from tasks.detect.lacking import lacking_classes
from tasks.triage import reasons
from tasks.triage.audit import CONTROL, HELD_OUT, in_control
from tasks.triage.bands import judge_boxes
from tasks.triage.boxes import Boxes, Scope, in_shards, read_boxes
from tasks.triage.options import CertifiedBands, TriageOptions
from tasks.triage.report import TriageReport, keep_notes, triage_report
from tasks.triage.usual import odd_reasons
from tasks.triage.yardsticks import Yardsticks, measure


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An item of the batch that has no route yet."""

    id: str
    position: int
    sequence: str
    is_scanned: bool


def decide(
    engine: Engine,
    batch_id: str,
    options: TriageOptions,
    detector: str,
    recipe: str,
    *,
    classes: tuple[str, ...] | None = None,
    bands: CertifiedBands | None = None,
    store: Store | None = None,
) -> TriageReport:
    """Give every proposal of a batch a verdict and every item a route.

    What was decided stays decided: a later call, also after a crash, decides only what is still open.

    Args:
        engine: The catalogue.
        batch_id: The batch, scanned.
        options: Bands, oddities, audit share.
        detector: The version whose proposals count.
        recipe: The scan options whose proposals count.
        classes: The classes of the line, to check the class bands against; None checks nothing. Of a class that the
            detector does not know nobody would be found where nobody looks: then people look at every item.
        bands: What audits have proven: accepted is what these say, and people's judgements of boxes that were drawn by
            lot count. None: the accept bands of the options.
        store: Where the images and the detector's weights are: needed to judge colours and surfaces.

    Returns:
        What went where and why, and what could not be judged.

    Raises:
        BadOption: There is no such batch, or colours or surfaces are to be judged without a store.
        UnknownClass: A class band is for a class that the line does not have.
    """
    if classes is not None:
        options.check_classes(classes)
    scope = Scope(batch_id, detector, recipe)
    waiting = _waiting_items(engine, scope)
    lacking = lacking_classes(engine, detector, classes or ())
    if waiting:
        yardsticks = replace(measure(engine, store, scope, options, bands), lacking=lacking)
        keep_notes(engine, batch_id, yardsticks.notes)
        for items in in_shards(waiting):
            boxes = read_boxes(engine, scope, [item.id for item in items])
            verdicts, routes = _decide_shard(batch_id, items, boxes, yardsticks, options)
            controls = _controls(batch_id, routes, options)
            with writing(engine) as session:
                # One transaction: an item that has a route has all its verdicts.
                upsert(session, Verdict, verdicts, update=("outcome", "reasons"))
                upsert(session, BatchItem, routes, update=("route", "reasons"))
                upsert(session, Audit, controls)
    return triage_report(engine, batch_id).model_copy(update={"lacking": lacking})


def _decide_shard(
    batch_id: str, items: Sequence[_Waiting], boxes: Boxes, yardsticks: Yardsticks, options: TriageOptions
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows for `Verdict` and for `BatchItem`."""
    oddities = [
        why + yardsticks.odd_boxes.get(proposal_id, [])
        for proposal_id, why in zip(boxes.ids, odd_reasons(boxes, yardsticks.usual, options), strict=True)
    ]
    outcomes, said = judge_boxes(boxes, oddities, options, yardsticks.proven)
    verdicts = [
        {"batch_id": batch_id, "proposal_id": proposal_id, "outcome": outcome, "reasons": why}
        for proposal_id, outcome, why in zip(boxes.ids, outcomes.tolist(), said, strict=True)
    ]
    counts = _count_by_item(boxes.item_ids, outcomes)
    routes = []
    for item in items:
        route, why = _route_of(item, counts.get(item.id, {}), yardsticks, options)
        if route == Route.ASK and in_control(options.seed, batch_id, item.id, options.control_share):
            route, why = Route.AUDIT.value, [reasons.control_group(), *why]
        place = {"batch_id": batch_id, "item_id": item.id, "position": item.position}
        routes.append({**place, "route": route, "reasons": why})
    return verdicts, routes


def _route_of(
    item: _Waiting, outcomes: Mapping[str, int], yardsticks: Yardsticks, options: TriageOptions
) -> tuple[str, list[str]]:
    audit = yardsticks.audits.get(item.id)
    if audit:
        return Route.AUDIT.value, [reasons.held_out(item.sequence) if audit == HELD_OUT else reasons.random_audit()]
    doubted, accepted = outcomes.get(Outcome.ASK.value, 0), outcomes.get(Outcome.ACCEPT.value, 0)
    why = []
    if doubted:
        why.append(reasons.boxes_in_doubt(doubted, doubted + accepted))
    why += yardsticks.odd_items.get(item.id, [])
    if yardsticks.lacking:
        why.append(reasons.unknown_classes(yardsticks.lacking))
    elif not item.is_scanned:
        why.append(reasons.not_scanned())
    elif not doubted + accepted:
        why.append(reasons.nothing_found(options.drop))
    return (Route.ASK.value, why) if why else (Route.SURE.value, [reasons.all_sure(accepted)])


def _controls(batch_id: str, routes: Sequence[Mapping[str, Any]], options: TriageOptions) -> list[dict[str, Any]]:
    """Return rows for `Audit`: the items that go to people blind for the sake of comparison."""
    place = {"batch_id": batch_id, "why": CONTROL, "seed": options.seed}
    return [{**place, "item_id": row["item_id"]} for row in routes if reasons.control_group() in row["reasons"]]


def _count_by_item(item_ids: Sequence[str], outcomes: npt.NDArray[np.str_]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for item_id, outcome in zip(item_ids, outcomes.tolist(), strict=True):
        mine = counts.setdefault(item_id, {})
        mine[outcome] = mine.get(outcome, 0) + 1
    return counts


def _waiting_items(engine: Engine, scope: Scope) -> list[_Waiting]:
    query = (
        select(BatchItem.item_id, BatchItem.position, Item.sequence, Scan.item_id)
        .join(Item, col(Item.id) == BatchItem.item_id)
        .outerjoin(
            Scan,
            (col(Scan.item_id) == BatchItem.item_id)
            & (col(Scan.detector) == scope.detector)
            & (col(Scan.recipe) == scope.recipe),
        )
        .where(BatchItem.batch_id == scope.batch_id)
        .where(col(BatchItem.set_aside).is_(None), col(BatchItem.route).is_(None))
        .order_by(col(BatchItem.position))
    )
    with reading(engine) as session:
        if session.get(Batch, scope.batch_id) is None:
            raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        rows = session.exec(query).all()
    return [_Waiting(item_id, position, sequence, bool(scan)) for item_id, position, sequence, scan in rows]
