"""What full-image audits say: items that people labelled blind, against what the machine would have done with them.

For every audited item there are verdicts as for any other, only nobody acted on them. So of each class we know which
boxes would have been accepted unseen and are wrong, and which objects no proposal found.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database import reading
from blocks.tables import Audit, Batch, BatchItem, Outcome, Proposal, Verdict
from tasks.audit.evidence import Drawn, Evidence
from tasks.audit.misses import AuditedItem
from tasks.review.same_boxes import iou_of_all
from tasks.settle.in_force import labels_in_force
from tasks.triage.audit import RANDOM

FOUND_IOU = 0.5
"""From this IoU on a box is on its object: the yardstick of mAP50, and of simulated people."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class BlindBox:
    """A proposal on an audited item: what triage would have done, and whether an object of its class is there."""

    class_name: str
    score: float
    box_px: Box
    outcome: str


@dataclass(frozen=True, slots=True)
class BlindItem:
    """One audited item: what was proposed on it, and what people drew without seeing that."""

    item_id: str
    proposed: tuple[BlindBox, ...]
    drawn: tuple[tuple[str, Box], ...]


@dataclass(frozen=True, slots=True)
class BlindClass:
    """What the audited items say of one class, in the order of audits."""

    accepted: Evidence
    """Boxes that would have been accepted unseen."""
    items: tuple[AuditedItem, ...]


def read_blind(engine: Engine, batch_ids: Sequence[str]) -> list[BlindItem]:
    """Return the randomly audited, settled items of some batches, in the order of the batches and of their places."""
    return [item for batch_id in batch_ids for item in _blind_items(engine, batch_id)]


def by_class(items: Sequence[BlindItem], classes: Sequence[str]) -> dict[str, BlindClass]:
    """Compare proposals with what people drew, class by class.

    Args:
        items: Audited items, each once; may be empty.
        classes: Each is in the result.
    """
    return {name: _class_of(items, name) for name in classes}


def _blind_items(engine: Engine, batch_id: str) -> list[BlindItem]:
    with reading(engine) as session:
        collection = session.exec(select(Batch.collection).where(Batch.id == batch_id)).first()
        audited, proposed = _audited(session, batch_id), _proposed(session, batch_id)
    labels = labels_in_force(engine, audited, collection)
    return [
        BlindItem(
            item_id,
            tuple(proposed.get(item_id, ())),
            tuple((one.class_name, (one.x_min, one.y_min, one.x_max, one.y_max)) for one in labels[item_id]),
        )
        for item_id in audited
    ]


def _class_of(items: Sequence[BlindItem], name: str) -> BlindClass:
    names, scores, wrong, audited = [], [], [], []
    for item in items:
        proposed = sorted((box for box in item.proposed if box.class_name == name), key=lambda box: -_rank(box.score))
        drawn = [box for class_name, box in item.drawn if class_name == name]
        # What is accepted takes its object first: a doubtful box beside it finds nothing new.
        accepted = [box for box in proposed if box.outcome == Outcome.ACCEPT]
        hits = _hits([box.box_px for box in accepted], drawn)
        names += [item.item_id] * len(accepted)
        scores += [box.score for box in accepted]
        wrong += [place not in hits for place in range(len(accepted))]
        kept = [box.box_px for box in proposed if box.outcome != Outcome.DROP]
        found = len(_hits(kept, drawn))
        audited.append(AuditedItem(item_id=item.item_id, objects=len(drawn), missed=len(drawn) - found))
    return BlindClass(Evidence.of(names, scores, wrong, Drawn.ITEMS), tuple(audited))


def _hits(proposed: Sequence[Box], drawn: Sequence[Box]) -> Mapping[int, int]:
    """Return which proposal found which object: the first to come takes the object that it overlaps most."""
    if not proposed or not drawn:
        return {}
    overlaps = iou_of_all(np.array(proposed, np.float64), np.array(drawn, np.float64))
    taken: dict[int, int] = {}
    for place in range(len(proposed)):
        free = [column for column in range(len(drawn)) if column not in taken.values()]
        best = max(free, key=lambda column: float(overlaps[place, column]), default=None)
        if best is not None and overlaps[place, best] >= FOUND_IOU:
            taken[place] = best
    return taken


def _rank(score: float) -> float:
    return -1.0 if np.isnan(score) else score


def _audited(session: Session, batch_id: str) -> list[str]:
    query = (
        select(BatchItem.item_id)
        .join(Audit, (col(Audit.item_id) == BatchItem.item_id) & (col(Audit.batch_id) == BatchItem.batch_id))
        .where(BatchItem.batch_id == batch_id, Audit.why == RANDOM)
        .where(col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None))
        .order_by(col(BatchItem.position))
    )
    return list(session.exec(query).all())


def _proposed(session: Session, batch_id: str) -> dict[str, list[BlindBox]]:
    query = (
        select(Proposal, Verdict.outcome)
        .join(Verdict, col(Verdict.proposal_id) == Proposal.id)
        .join(Audit, (col(Audit.item_id) == Proposal.item_id) & (col(Audit.batch_id) == Verdict.batch_id))
        .where(Verdict.batch_id == batch_id, Audit.why == RANDOM)
        .order_by(col(Proposal.item_id), col(Proposal.id))
    )
    found: dict[str, list[BlindBox]] = defaultdict(list)
    for row, outcome in session.exec(query).all():
        found[row.item_id].append(
            BlindBox(row.class_name, row.score, (row.x_min, row.y_min, row.x_max, row.y_max), outcome)
        )
    return found
