"""Rounds of a line that propagates: key frames first, then the middles of gaps that are not followed well, then all.

Which frames are asked is planned by `tasks/track/key_frames.py`. Here is read what that must know: which frames people
have answered, in which round, and whether they left there what was followed.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Proposal, Source
from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.propagated import SEEN, VIEW, cuts_of, frames_of, propagated_ref
from tasks.intake.batches import BatchRef
from tasks.kinds.geometry import edges_of, iou_of_all
from tasks.kinds.matching import match_optimally
from tasks.monitor.active_learning.choose import free_items
from tasks.settle.in_force import labels_in_force
from tasks.track.key_frames import Answered, next_key_frames
from tasks.train.propagating import BY_PEOPLE

log = logging.getLogger(__name__)

RIGHT_FROM = 0.7
"""IoU from which on a box that people left or mended was followed well enough."""

MOST_IN_ROUND = 100_000

LEAST_IN_ROUND = 8
"""Frames that a round asks in a sequence, however few are answered."""

NEARLY_ALL = 2
"""So many times what a round asks are asked at once: another training is not worth the rest."""


def open_key_round(
    engine: Engine, store: Store, batch: BatchRef, step: int, run_id: str | None, *, learns: bool = False
) -> tuple[BatchRef, bool]:
    """Open the next batch: the frames to ask in each sequence; all others, once there are none.

    Args:
        engine: The catalogue.
        store: Where propagations are kept.
        batch: Its id and its collection.
        step: From key frame to key frame at first.
        run_id: The flow run that goes on with it.
        learns: Whether a detector learns between rounds: then each asks of a sequence at most as many frames as are
            settled so far.

    Returns:
        The batch, of size 0 where nothing is left; and whether its frames follow from key frames.
    """
    with reading(engine) as session:
        free = set(free_items(session, batch.collection))
        sequences = _sequences(session, batch.collection, free)
    asked: list[str] = []
    rest: list[str] = []
    began = False
    for sequence in sequences:
        frames = frames_of(engine, batch.collection, sequence)
        known = _answered(engine, store, batch.collection, frames)
        cuts = cuts_of(store, frames, TilingOptions()) if known else []
        left = [item.id for item in frames if item.id in free]
        begun = max(len(known), len(frames) - len(left))  # also on pages: so rounds double to the end
        most = max(begun, LEAST_IN_ROUND) if learns else None
        open_places = [place for place, item in enumerate(frames) if item.id in free]
        places = next_key_frames(len(frames), known, step, cuts, most, among=open_places)
        asked += [frames[place].id for place in places]
        rest += _evenly(left, most)
        began = began or bool(known)
    if learns and began and len(asked) < LEAST_IN_ROUND:
        asked = []  # a training for so few is not worth people's waiting: they come with the rest
    chosen = (asked or rest)[:MOST_IN_ROUND]
    if chosen:
        places_of = [{"batch_id": batch.id, "item_id": item_id, "position": at} for at, item_id in enumerate(chosen)]
        with writing(engine) as session:
            upsert(session, Batch, [{"id": batch.id, "collection": batch.collection, "flow_run_id": run_id}])
            upsert(session, BatchItem, places_of)
    log.info("%s: %d frames, %s", batch.id, len(chosen), "key frames" if asked else "all that follow")
    return batch.model_copy(update={"size": len(chosen)}), not asked


def _evenly(item_ids: Sequence[str], most: int | None) -> Sequence[str]:
    """Return so many items at most, spread evenly; all where hardly more are left than that."""
    if most is None or len(item_ids) <= NEARLY_ALL * most:
        return item_ids
    return [item_ids[at * len(item_ids) // most] for at in range(most)]


def _sequences(session: Session, collection: str, free: set[str]) -> list[str]:
    query = (
        select(Item.sequence, Item.id)
        .join(Source, col(Source.item_id) == col(Item.id))
        .where(Source.collection == collection)
        .order_by(col(Item.sequence))
    )
    return list(dict.fromkeys(sequence for sequence, item_id in session.exec(query) if item_id in free))


def _answered(engine: Engine, store: Store, collection: str, frames: Sequence[Item]) -> dict[int, Answered]:
    at = {item.id: place for place, item in enumerate(frames)}
    sequence = {item.sequence for item in frames}
    query = (
        select(BatchItem.item_id, Batch.id, Batch.detector, Batch.created_at)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .join(Item, col(Item.id) == col(BatchItem.item_id))
        .where(Batch.collection == collection, col(Item.sequence).in_(sequence))
        .where(col(BatchItem.settled_at).is_not(None), col(BatchItem.route).in_(BY_PEOPLE))
        .order_by(col(Batch.created_at), col(Batch.id))
    )
    with reading(engine) as session:
        rows = [row for row in session.exec(query) if row[0] in at]
    number = {batch_id: place for place, batch_id in enumerate(dict.fromkeys(row[1] for row in rows))}
    followed = {detector for _, _, detector, _ in rows if detector and propagated_ref(store, detector)}
    return {
        at[item_id]: Answered(
            number[batch_id], _was_right(engine, collection, item_id, detector) if detector in followed else None
        )
        for item_id, batch_id, detector, _ in rows
    }


def _was_right(engine: Engine, collection: str, item_id: str, detector: str) -> bool:
    """Say whether people left what was followed in a frame, but for the last pixels, and drew nothing beside it.

    What only a detector has seen may be wrong: that says nothing of how well is followed.
    """
    query = select(Proposal).where(Proposal.item_id == item_id, Proposal.detector == detector)
    with reading(engine) as session:
        shown = session.exec(query.where(col(Proposal.view).in_((VIEW, SEEN)))).all()
    labels = labels_in_force(engine, [item_id], collection)[item_id]
    overlap = iou_of_all(edges_of(labels), edges_of(shown))
    pairs = [pair for pair in match_optimally(overlap) if overlap[pair] >= RIGHT_FROM]
    same = all(labels[row].class_name == shown[column].class_name for row, column in pairs)
    left = {column for _, column in pairs}
    kept = all(one.view == SEEN or at in left for at, one in enumerate(shown))
    return same and len(pairs) == len(labels) and kept
