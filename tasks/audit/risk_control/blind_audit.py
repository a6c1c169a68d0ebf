"""What full-image audits say: items that people labelled blind, against what the machine would have done with them.

For every audited item there are verdicts as for any other, only nobody acted on them. So of each class we know which
proposals would have been accepted unseen and are wrong, and which objects no proposal found. A proposal has found an
object if the two are as alike as the kind of label asks for: boxes by IoU, outlines by the pixels that both cover.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Audit, Batch, BatchItem, Label, Outcome, Proposal, Verdict
from blocks.shapes import shape_type
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit
from tasks.audit.bounds.missed_objects import AuditedItem
from tasks.intake.label_kinds import noted_kind
from tasks.kinds.boxes.kind import BOXES
from tasks.kinds.matching import ALONE, match_in_order
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import kind_with_shapes
from tasks.settle.in_force import labels_in_force
from tasks.triage.audit import RANDOM


@dataclass(frozen=True, slots=True)
class BlindProposal:
    """A proposal on an audited item, and what triage would have done with it."""

    row: Proposal
    outcome: str


@dataclass(frozen=True, slots=True)
class BlindItem:
    """One audited item: what was proposed on it, and what people drew without seeing that."""

    item_id: str
    proposed: tuple[BlindProposal, ...]
    drawn: tuple[Label, ...]
    kind: LabelKind = BOXES
    """Of the collection's labels: says from when on two are one."""


@dataclass(frozen=True, slots=True)
class BlindClass:
    """What the audited items say of one class, in the order of audits."""

    accepted: JudgedSample
    """Proposals that would have been accepted unseen."""
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
    if collection is None or not audited:
        return []
    labels = labels_in_force(engine, audited, collection)
    # Where it was never written down, what was proposed tells; a shape of another kind is compared all the same.
    shapes = {shape_type(one.row) for some in proposed.values() for one in some}
    kind = noted_kind(engine, collection) or kind_with_shapes(shapes)
    return [BlindItem(id_, tuple(proposed.get(id_, ())), tuple(labels[id_]), kind) for id_ in audited]


def _class_of(items: Sequence[BlindItem], name: str) -> BlindClass:
    names, scores, wrong, audited = [], [], [], []
    for item in items:
        proposed = [one for one in item.proposed if one.row.class_name == name]
        proposed.sort(key=lambda one: -_rank(one.row.score))
        drawn = [label for label in item.drawn if label.class_name == name]
        # What is accepted takes its object first: a doubtful one beside it finds nothing new.
        accepted = [one.row for one in proposed if one.outcome == Outcome.ACCEPT]
        hits = _hits(item.kind, accepted, drawn)
        names += [item.item_id] * len(accepted)
        scores += [row.score for row in accepted]
        wrong += [place not in hits for place in range(len(accepted))]
        kept = [one.row for one in proposed if one.outcome != Outcome.DROP]
        found = len(_hits(item.kind, kept, drawn))
        audited.append(AuditedItem(item_id=item.item_id, objects=len(drawn), missed=len(drawn) - found))
    return BlindClass(JudgedSample.of(names, scores, wrong, SampleUnit.ITEMS), tuple(audited))


def _hits(kind: LabelKind, proposed: Sequence[Proposal], drawn: Sequence[Label]) -> set[int]:
    """Return which proposals found an object: the first to come takes the object that it is most like."""
    if not proposed or not drawn:
        return set()
    found = match_in_order(kind.similarity(proposed, drawn), kind.right_from)
    return set(np.flatnonzero(found != ALONE).tolist())


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


def _proposed(session: Session, batch_id: str) -> dict[str, list[BlindProposal]]:
    query = (
        select(Proposal, Verdict.outcome)
        .join(Verdict, col(Verdict.proposal_id) == Proposal.id)
        .join(Audit, (col(Audit.item_id) == Proposal.item_id) & (col(Audit.batch_id) == Verdict.batch_id))
        .where(Verdict.batch_id == batch_id, Audit.why == RANDOM)
        .order_by(col(Proposal.item_id), col(Proposal.id))
    )
    found: dict[str, list[BlindProposal]] = defaultdict(list)
    for row, outcome in session.exec(query).all():
        found[row.item_id].append(BlindProposal(row, outcome))
    return found
