"""What full-image audits say: items that people labelled blind, against what the machine would have done with them.

For every audited item there are verdicts as for any other, only nobody acted on them. So of each class we know which
boxes would have been accepted unseen and are wrong, and which objects no proposal found.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Audit, Batch, BatchItem, Outcome, Proposal, Verdict
from blocks.shapes import Bounds
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit
from tasks.audit.bounds.missed_objects import AuditedItem
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all, place_of
from tasks.kinds.matching import ALONE, match_in_order
from tasks.settle.in_force import labels_in_force
from tasks.triage.audit import RANDOM


@dataclass(frozen=True, slots=True)
class BlindBox:
    """A proposal on an audited item: what triage would have done, and whether an object of its class is there."""

    class_name: str
    score: float
    box_px: Bounds
    outcome: str


@dataclass(frozen=True, slots=True)
class BlindItem:
    """One audited item: what was proposed on it, and what people drew without seeing that."""

    item_id: str
    proposed: tuple[BlindBox, ...]
    drawn: tuple[tuple[str, Bounds], ...]


@dataclass(frozen=True, slots=True)
class BlindClass:
    """What the audited items say of one class, in the order of audits."""

    accepted: JudgedSample
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
            tuple((one.class_name, place_of(one)) for one in labels[item_id]),
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
    return BlindClass(JudgedSample.of(names, scores, wrong, SampleUnit.ITEMS), tuple(audited))


def _hits(proposed: Sequence[Bounds], drawn: Sequence[Bounds]) -> set[int]:
    """Return which proposals found an object: the first to come takes the object that it overlaps most."""
    edges, true = (np.array(boxes, np.float64).reshape(-1, 4) for boxes in (proposed, drawn))
    return set(np.flatnonzero(match_in_order(iou_of_all(edges, true), RIGHT_IOU) != ALONE).tolist())


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
        found[row.item_id].append(BlindBox(row.class_name, row.score, place_of(row), outcome))
    return found
