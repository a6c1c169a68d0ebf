"""Triage a batch: what is sure goes on, what is unsure or odd goes to people, a random sample goes to them blind.

Two passes over the proposals, shard by shard: the first learns what is usual, the second decides and writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.audit_tables import Judgement
from blocks.database import reading, upsert, writing
from blocks.errors import BadOption
from blocks.tables import Audit, Batch, BatchItem, Item, Outcome, Route, Scan, Verdict
from tasks.detect.lacking import lacking_classes
from tasks.triage import reasons
from tasks.triage.audit import CONTROL, HELD_OUT, draw_audit, in_control
from tasks.triage.bands import Proven, judge_boxes
from tasks.triage.boxes import Boxes, Scope, in_shards, read_boxes, usable_items
from tasks.triage.odd_images import odd_image_reasons
from tasks.triage.oddities import Usual, learn_usual, odd_box_reasons
from tasks.triage.options import CertifiedBands, TriageOptions
from tasks.triage.report import TriageReport, triage_report


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An item of the batch that has no route yet."""

    id: str
    position: int
    sequence: str
    is_scanned: bool


@dataclass(frozen=True, slots=True)
class _Yardsticks:
    """What the first pass found out about the whole batch."""

    audits: Mapping[str, str]
    usual: Mapping[str, Usual]
    odd_images: Mapping[str, list[str]]
    proven: Proven | None
    lacking: tuple[str, ...]
    """Classes that the detector does not know: where it finds nothing, there may be some."""


def decide(
    engine: Engine,
    batch_id: str,
    options: TriageOptions,
    detector: str,
    recipe: str,
    *,
    classes: tuple[str, ...] | None = None,
    bands: CertifiedBands | None = None,
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

    Returns:
        What went where and why.

    Raises:
        BadOption: There is no such batch.
        UnknownClass: A class band is for a class that the line does not have.
    """
    if classes is not None:
        options.check_classes(classes)
    scope = Scope(batch_id, detector, recipe)
    waiting = _waiting_items(engine, scope)
    lacking = lacking_classes(engine, detector, classes or ())
    if waiting:
        yardsticks = _measure(engine, scope, options, bands, lacking)
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


def _measure(
    engine: Engine, scope: Scope, options: TriageOptions, bands: CertifiedBands | None, lacking: tuple[str, ...]
) -> _Yardsticks:
    return _Yardsticks(
        audits=draw_audit(engine, scope.batch_id, options.audit_share, options.seed),
        usual=learn_usual(_all_boxes(engine, scope), options),
        odd_images=odd_image_reasons(engine, scope, options),
        proven=None if bands is None else Proven(bands, _read_said(engine, scope)),
        lacking=lacking,
    )


def _decide_shard(
    batch_id: str, items: Sequence[_Waiting], boxes: Boxes, yardsticks: _Yardsticks, options: TriageOptions
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows for `Verdict` and for `BatchItem`."""
    oddities = odd_box_reasons(boxes, yardsticks.usual, options.odd_z)
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
    item: _Waiting, outcomes: Mapping[str, int], yardsticks: _Yardsticks, options: TriageOptions
) -> tuple[str, list[str]]:
    audit = yardsticks.audits.get(item.id)
    if audit:
        return Route.AUDIT.value, [reasons.held_out(item.sequence) if audit == HELD_OUT else reasons.random_audit()]
    doubted, accepted = outcomes.get(Outcome.ASK.value, 0), outcomes.get(Outcome.ACCEPT.value, 0)
    why = []
    if doubted:
        why.append(reasons.boxes_in_doubt(doubted, doubted + accepted))
    why += yardsticks.odd_images.get(item.id, [])
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


def _read_said(engine: Engine, scope: Scope) -> dict[str, str]:
    """Return what was said of the proposals that were drawn by lot; those not asked about are as good as not drawn."""
    query = select(Judgement.proposal_id, Judgement.said).where(
        Judgement.batch_id == scope.batch_id,
        Judgement.detector == scope.detector,
        Judgement.recipe == scope.recipe,
    )
    with reading(engine) as session:
        return {proposal_id: said for proposal_id, said in session.exec(query).all() if said is not None}


def _count_by_item(item_ids: Sequence[str], outcomes: npt.NDArray[np.str_]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for item_id, outcome in zip(item_ids, outcomes.tolist(), strict=True):
        mine = counts.setdefault(item_id, {})
        mine[outcome] = mine.get(outcome, 0) + 1
    return counts


def _all_boxes(engine: Engine, scope: Scope) -> Iterator[Boxes]:
    for item_ids in in_shards(usable_items(engine, scope.batch_id)):
        yield read_boxes(engine, scope, item_ids)


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
