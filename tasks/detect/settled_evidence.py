"""What the settled labels of a collection say about a detector: how large objects are, and which proposals were right.

Only items that people have looked at can judge a proposal: a label that was accepted without a look agrees with its
proposal by birth.
"""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Label, Proposal, Route, Verdict
from tasks.detect.calibration import Judged, judge
from tasks.detect.tiling.tiles import Floats
from tasks.kinds.boxes.kind import BOXES
from tasks.kinds.protocol import LabelKind

ITEMS_AT_MOST = 5_000
"""The newest items suffice: ten thousand boxes fit curves as well as a million."""

IDS_AT_ONCE = 500


def object_sizes(engine: Engine, collection: str, classes: Sequence[str]) -> Floats:
    """Return width and height (n, 2) in pixels of the objects of some classes that are labelled in a collection."""
    with reading(engine) as session:
        labels = _labels_in_force(session, collection, _settled_items(session, collection, tuple(Route)))
    sizes = [
        (label.x_max - label.x_min, label.y_max - label.y_min)
        for mine in labels.values()
        for label in mine
        if label.class_name in classes and label.x_min is not None
    ]
    return np.array(sizes, dtype=np.float64).reshape(-1, 2)


def judged_proposals(
    engine: Engine,
    collection: str,
    detector: str,
    recipes: Sequence[str],
    classes: Sequence[str],
    kind: LabelKind = BOXES,
) -> Judged:
    """Return what a detector proposed under some recipes on items that people have looked at, and whether it was right.

    An item scanned under several of the recipes counts once, under the first of them.
    """
    with reading(engine) as session:
        items = _settled_items(session, collection, (Route.ASK, Route.AUDIT))
        labels = _labels_in_force(session, collection, items)
        proposals: dict[str, list[Proposal]] = {}
        for recipe in recipes:
            for item_id, found in _proposals(session, items, detector, recipe).items():
                proposals.setdefault(item_id, found)
    wanted = {item: [each for each in found if each.class_name in classes] for item, found in proposals.items()}
    return judge(wanted, {item_id: labels[item_id] for item_id in wanted}, kind)


def _settled_items(session: Session, collection: str, routes: Sequence[Route]) -> list[str]:
    query = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection, col(BatchItem.settled_at).is_not(None))
        .where(col(BatchItem.set_aside).is_(None), col(BatchItem.route).in_([route.value for route in routes]))
        .order_by(col(BatchItem.settled_at).desc(), col(BatchItem.item_id))
        .limit(ITEMS_AT_MOST)
    )
    return list(dict.fromkeys(session.exec(query)))


def _labels_in_force(session: Session, collection: str, item_ids: Sequence[str]) -> dict[str, list[Label]]:
    """Return the last revision of each region, without those that were retracted."""
    newest: dict[str, dict[str, Label]] = {item_id: {} for item_id in item_ids}
    batches = select(Batch.id).where(Batch.collection == collection)
    for start in range(0, len(item_ids), IDS_AT_ONCE):
        some = item_ids[start : start + IDS_AT_ONCE]
        query = select(Label).where(col(Label.item_id).in_(some), col(Label.batch_id).in_(batches))
        for label in session.exec(query.order_by(col(Label.revision))):
            newest[label.item_id][label.region] = label
    return {item_id: [each for each in mine.values() if not each.retracted] for item_id, mine in newest.items()}


def _proposals(session: Session, item_ids: Sequence[str], detector: str, recipe: str) -> dict[str, list[Proposal]]:
    found: dict[str, list[Proposal]] = {}
    for start in range(0, len(item_ids), IDS_AT_ONCE):
        query = select(Proposal).where(
            col(Proposal.item_id).in_(item_ids[start : start + IDS_AT_ONCE]),
            Proposal.detector == detector,
            Proposal.recipe == recipe,
        )
        for proposal in session.exec(query.order_by(col(Proposal.id))):
            found.setdefault(proposal.item_id, []).append(proposal)
    return found


def triaged_by(engine: Engine, batch_id: str) -> tuple[str, str]:
    """Return detector and recipe of the proposals of a batch that triage judged; empty where it judged none.

    Where triage went on with other ones, those of most items: by boxes, the one with the lower scores would win.
    """
    count = func.count(col(Proposal.item_id).distinct())
    query = (
        select(Proposal.detector, Proposal.recipe)
        .join(Verdict, col(Verdict.proposal_id) == col(Proposal.id))
        .where(Verdict.batch_id == batch_id)
        .group_by(col(Proposal.detector), col(Proposal.recipe))
        .order_by(count.desc(), col(Proposal.detector), col(Proposal.recipe))
    )
    with reading(engine) as session:
        return session.exec(query).first() or ("", "")


def is_triaged(engine: Engine, batch_id: str) -> bool:
    """Say whether triage has gone through all of a batch: every item that can be looked at has its route."""
    open_items = select(BatchItem.item_id).where(
        BatchItem.batch_id == batch_id, col(BatchItem.route).is_(None), col(BatchItem.set_aside).is_(None)
    )
    with reading(engine) as session:
        return session.exec(open_items.limit(1)).first() is None
