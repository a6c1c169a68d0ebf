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

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Audit, Batch, BatchItem, Item, Outcome, Route, Scan, Verdict
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.detect.refs import NOBODY, Scope
from tasks.detect.unknown_classes import knows_nothing, lacking_classes
from tasks.triage import reasons
from tasks.triage.audit import CONTROL, HELD_OUT, in_control
from tasks.triage.boxes import Boxes, in_shards, read_boxes
from tasks.triage.options import CertifiedThresholds, TriageOptions
from tasks.triage.outliers.batch_normal import odd_reasons
from tasks.triage.outliers.fit import BatchFit, measure
from tasks.triage.report import TriageReport, keep_notes, triage_report
from tasks.triage.thresholds import judge_boxes


@dataclass(frozen=True, slots=True)
class _Unrouted:
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
    thresholds: CertifiedThresholds | None = None,
    store: Store | None = None,
) -> TriageReport:
    """Give every proposal of a batch a verdict and every item a route.

    What was decided stays decided: a later call, also after a crash, decides only what is still open.

    Args:
        engine: The catalogue.
        batch_id: The batch, scanned.
        options: Thresholds, outliers, audit share.
        detector: The version whose proposals count.
        recipe: The scan options whose proposals count.
        classes: The classes of the line, to check thresholds of classes against; None checks nothing. Of a class that
            the detector does not know nobody would be found where nobody looks: then people look at every item.
        thresholds: What audits have certified: accepted is what these say, and people's judgements of boxes that were
            randomly sampled count. None: the accept scores of the options.
        store: Where the images and the detector's weights are: needed to judge surfaces.

    Returns:
        What went where and why, and what could not be judged.

    Raises:
        BadOption: There is no such batch, or surfaces are to be judged without a store.
        UnknownClass: A threshold is for a class that the line does not have.
    """
    if classes is not None:
        options.check_classes(classes)
    scope = Scope(batch_id, detector, recipe)
    waiting = _waiting_items(engine, scope)
    lacking = lacking_classes(engine, detector, classes or ())
    has_model = detector != NOBODY and not knows_nothing(engine, detector)
    lacking = lacking if has_model else ()
    if waiting:
        fit = replace(measure(engine, store, scope, options, thresholds), lacking=lacking, has_model=has_model)
        keep_notes(engine, batch_id, fit.notes)
        for items in in_shards(waiting):
            boxes = read_boxes(engine, scope, [item.id for item in items])
            verdicts, routes = _decide_shard(batch_id, items, boxes, fit, options)
            controls = _controls(batch_id, routes, options)
            with writing(engine) as session:
                # One transaction: an item that has a route has all its verdicts.
                upsert(session, Verdict, verdicts, update=("outcome", "reasons"))
                upsert(session, BatchItem, routes, update=("route", "reasons"))
                upsert(session, Audit, controls)
    return triage_report(engine, batch_id).model_copy(update={"lacking": lacking})


def _decide_shard(
    batch_id: str, items: Sequence[_Unrouted], boxes: Boxes, fit: BatchFit, options: TriageOptions
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows for `Verdict` and for `BatchItem`."""
    oddities = odd_reasons(boxes, fit.usual, options)
    outcomes, said = judge_boxes(boxes, oddities, options, fit.certified)
    verdicts = [
        {"batch_id": batch_id, "proposal_id": proposal_id, "outcome": outcome, "reasons": why}
        for proposal_id, outcome, why in zip(boxes.ids, outcomes.tolist(), said, strict=True)
    ]
    counts = _count_by_item(boxes.item_ids, outcomes)
    routes = []
    for item in items:
        route, why = _route_of(item, counts.get(item.id, {}), fit, options)
        if route == Route.ASK and in_control(options.seed, batch_id, item.id, options.control_share):
            route, why = Route.AUDIT.value, [reasons.control_group(), *why]
        place = {"batch_id": batch_id, "item_id": item.id, "position": item.position}
        routes.append({**place, "route": route, "reasons": why})
    return verdicts, routes


def _route_of(
    item: _Unrouted, outcomes: Mapping[str, int], fit: BatchFit, options: TriageOptions
) -> tuple[str, list[str]]:
    audit = fit.audits.get(item.id)
    if audit:
        return Route.AUDIT.value, [reasons.held_out(item.sequence) if audit == HELD_OUT else reasons.random_audit()]
    doubted, accepted = outcomes.get(Outcome.ASK.value, 0), outcomes.get(Outcome.ACCEPT.value, 0)
    why = []
    if doubted:
        why.append(reasons.boxes_in_doubt(doubted, doubted + accepted))
    why += fit.odd_items.get(item.id, [])
    if fit.lacking:
        why.append(reasons.unknown_classes(fit.lacking))
    elif not fit.has_model:
        why.append(reasons.no_model())
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


def _waiting_items(engine: Engine, scope: Scope) -> list[_Unrouted]:
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
    return [_Unrouted(item_id, position, sequence, bool(scan)) for item_id, position, sequence, scan in rows]
