"""What a certificate may state of a class: how wrong its unseen labels and how many its missed objects are, at most.

Unseen labels are covered by the certified thresholds of their batches, where each batch has one: those of one batch by
its promise, those of several by all their evidence together (`across_batches.py`). Else by the blind audits of all
batches, whose bound is wider; else by nothing, and that is what is said.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.audit_tables import CertifiedThreshold
from blocks.database.engine import reading
from tasks.audit.bounds.across_batches import BatchSample, wrong_together
from tasks.audit.bounds.betting import upper_bound
from tasks.audit.bounds.certify import ThresholdStatus
from tasks.audit.bounds.missed_objects import bound_misses
from tasks.audit.bounds.scope import WholeBatch
from tasks.audit.certificate.certificate import FEW, Bound
from tasks.audit.risk_control.blind_audit import BlindClass
from tasks.audit.risk_control.judgements import read_judged
from tasks.detect.refs import Scope

DELTA = 0.05
"""Chance that a bound from blind audits is broken; certified thresholds bring their own."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A bound, the score it goes with, and what must be said beside it."""

    bound: Bound | None
    accept_from: float | None = None
    remarks: tuple[str, ...] = ()


def read_threshold_rows(engine: Engine, batch_ids: Sequence[str]) -> dict[tuple[str, str], CertifiedThreshold]:
    """Return the thresholds of some batches by batch and class; the newest detector's where a batch had several."""
    with reading(engine) as session:
        query = (
            select(CertifiedThreshold)
            .where(col(CertifiedThreshold.batch_id).in_(batch_ids), CertifiedThreshold.scope == WholeBatch.name)
            .order_by(col(CertifiedThreshold.certified_at))
        )
        return {(row.batch_id, row.class_name): row for row in session.exec(query).all()}


def read_parts(engine: Engine, rows: Iterable[CertifiedThreshold]) -> dict[tuple[str, str], BatchSample]:
    """Return what was judged of the boxes that thresholds accept, by batch and class; only of thresholds in force."""
    found = {}
    by_scope: dict[Scope, list[CertifiedThreshold]] = defaultdict(list)
    for row in rows:
        if row.standing == ThresholdStatus.CERTIFIED:
            by_scope[Scope(row.batch_id, row.detector, row.recipe)].append(row)
    for scope, mine in by_scope.items():
        judged = read_judged(engine, scope)
        for row in mine:
            seen = judged[row.class_name].evidence if row.class_name in judged else None
            wrong = np.empty(0) if seen is None else seen.wrong[seen.scores >= (row.accept_from or 0.0)]
            found[row.batch_id, row.class_name] = BatchSample(wrong.astype(np.float64), row.population)
    return found


def state_error(
    class_name: str,
    unseen: Mapping[str, int],
    rows: Mapping[tuple[str, str], CertifiedThreshold],
    blind: BlindClass,
    largest_item: int,
    parts: Mapping[tuple[str, str], BatchSample],
) -> Stated:
    """State how many of a class's labels that nobody looked at are wrong, at most.

    Args:
        class_name: The class.
        unseen: How many such labels there are, by batch.
        rows: Thresholds by batch and class.
        blind: What blind audits of the same batches say of the class.
        largest_item: The most boxes of the class that an item is expected to have, from items that were not audited.
        parts: What was judged for the thresholds, by batch and class (`read_parts`).

    Returns:
        No bound where there are no such labels; one without a number where nothing was judged.
    """
    batches = [batch_id for batch_id, labels in unseen.items() if labels]
    mine = [rows[batch_id, class_name] for batch_id in batches if (batch_id, class_name) in rows]
    remarks = tuple(row.reason for row in mine if row.standing == ThresholdStatus.WITHDRAWN)
    certified = [row for row in mine if row.standing == ThresholdStatus.CERTIFIED]
    if not batches:
        return Stated(None)
    if len(certified) == len(batches):
        places = [(row.batch_id, class_name) for row in certified]
        others = [row for place, row in rows.items() if place[1] == class_name and row.judged and place not in places]
        return _from_thresholds(class_name, certified, [parts[place] for place in places], len(others))
    if mine:
        without = f"{len(batches) - len(certified)} of {len(batches)} batches"
        told = f"{class_name}: {without} have no certified threshold in force"
        remarks = (*remarks, f"{told}; the bound on its errors is that of blind audits")
    return Stated(_from_blind(blind, max(1, largest_item)), remarks=remarks)


def state_misses(class_name: str, blind: BlindClass, largest_item: int) -> Stated:
    """State how many objects no proposal found, from full-image audits.

    Args:
        class_name: The class.
        blind: The audits.
        largest_item: The most objects that an item is expected to have, from items that were not audited.
    """
    most = max((item.objects for item in blind.items), default=0)
    found = bound_misses(class_name, blind.items, max(largest_item, most, 1), delta=DELTA)
    if not found.objects:
        return Stated(None)
    remarks: tuple[str, ...] = ()
    if most > largest_item:
        remarks = (
            f"{class_name}: an audited item has {most} objects, more than was expected ({largest_item}): no bound on "
            "false negatives is stated",
        )
    bound = Bound(
        rate=found.rate,
        at_most=found.at_most if not remarks and found.items >= FEW else None,
        confidence=found.confidence,
        judged=found.objects,
        wrong=found.missed,
        draws=found.items,
        drawn="items",
        scope="stream",
    )
    return Stated(bound, remarks=remarks)


def _from_thresholds(
    class_name: str, rows: Sequence[CertifiedThreshold], parts: Sequence[BatchSample], without_threshold: int
) -> Stated:
    judged, wrong = sum(row.judged for row in rows), sum(row.wrong for row in rows)
    accepted, delta = sum(row.population for row in rows), max(row.delta for row in rows)
    at_most: float | None = rows[0].epsilon
    if len(rows) > 1:
        # Each threshold has a chance of its own to be broken; of all of them together the evidence says how much is
        # wrong.
        at_most = wrong_together(parts, delta, without_threshold) / max(accepted, 1)
    is_stated = judged and at_most is not None and at_most < 1
    bound = Bound(
        rate=wrong / judged if judged else None,
        at_most=at_most if is_stated else None,
        confidence=1 - delta,
        judged=judged,
        wrong=wrong,
        draws=sum(row.draws for row in rows),
        drawn="boxes",
        scope="batch",
        of=accepted,
    )
    remarks: tuple[str, ...] = ()
    if len(rows) > 1 and is_stated:
        remarks = (f"{class_name}: the bound is of the boxes that {len(rows)} batches accept together",)
    return Stated(bound, min(row.accept_from or 0.0 for row in rows), remarks)


def _from_blind(blind: BlindClass, largest_item: int) -> Bound:
    evidence = blind.accepted
    judged = np.bincount(evidence.unit, minlength=evidence.units).astype(np.float64)
    wrong = np.bincount(evidence.unit[evidence.wrong], minlength=evidence.units).astype(np.float64)
    boxes, bad = int(judged.sum()), int(wrong.sum())
    # A bound stands on the largest item being known beforehand: where an audit shows a larger one, there is none.
    draws = int((judged > 0).sum())
    is_stated = draws >= FEW and evidence.largest_draw <= largest_item
    at_most = upper_bound(wrong, judged, DELTA, float(largest_item)) if is_stated else 1.0
    return Bound(
        rate=bad / boxes if boxes else None,
        at_most=at_most if at_most < 1 else None,
        confidence=1 - DELTA,
        judged=boxes,
        wrong=bad,
        draws=draws,
        drawn="items",
        scope="stream",
    )
