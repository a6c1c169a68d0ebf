"""Read the followed boxes of a batch in their places, to say which of them are odd."""

from collections import defaultdict

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Item, Proposal
from blocks.storage.stores import Store
from tasks.detect.proposers.propagated import against_flow_of, frames_of
from tasks.detect.refs import Scope
from tasks.kinds.geometry import edges_of
from tasks.triage.outliers.track_motion import TrackedBox, odd_motion_reasons


def odd_track_reasons(engine: Engine, scope: Scope, store: Store | None = None) -> dict[str, list[str]]:
    """Say of the followed boxes of a batch why they are odd, by proposal id; those that are not are absent.

    Args:
        engine: The catalogue.
        scope: Whose proposals, in which batch.
        store: Where it is kept how boxes moved against the flow; None: only places count.
    """
    query = (
        select(Proposal, Item.sequence)
        .join(Item, col(Item.id) == col(Proposal.item_id))
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(BatchItem.batch_id == scope.batch_id, col(BatchItem.set_aside).is_(None))
        .where(Proposal.detector == scope.detector, Proposal.recipe == scope.recipe, col(Proposal.track).is_not(None))
    )
    by_sequence: dict[str, list[Proposal]] = defaultdict(list)
    with reading(engine) as session:
        for proposal, sequence in session.exec(query):
            by_sequence[sequence].append(proposal)
        batch = session.get(Batch, scope.batch_id) if by_sequence else None
    if batch is None:
        return {}
    boxes: list[TrackedBox] = []
    for sequence, proposals in by_sequence.items():
        places = {item.id: place for place, item in enumerate(frames_of(engine, batch.collection, sequence))}
        against = against_flow_of(store, scope.detector, sequence) if store else {}
        boxes += [
            TrackedBox(
                one.id,
                sequence,
                places[one.item_id],
                one.track or "",
                one.class_name,
                edges_of([one])[0],
                against.get((one.item_id, one.track or ""), 0.0),
            )
            for one in proposals
            if one.item_id in places
        ]
    return odd_motion_reasons(boxes)
