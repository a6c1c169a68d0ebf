"""Tracks of settled labels: of key frames as they were followed, and of all others once a sequence is settled.

A label without a track, or of one that broke, gets a revision that says whose it is; nothing else of it changes.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label
from blocks.storage.stores import Store
from tasks.detect.proposers.propagated import frames_of, names_given, propagated_ref
from tasks.detect.settled_evidence import triaged_by
from tasks.intake.label_kinds import noted_kind
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import newest_rows
from tasks.settle.revisions import further_revision
from tasks.track.clip import KeyBox
from tasks.track.identities import name_all
from tasks.triage.boxes import in_shards

log = logging.getLogger(__name__)


def settle_tracks(engine: Engine, store: Store, batch_id: str, detector: str) -> int:
    """Say whose the labels are of the sequences of a batch, as far as that is known; a second call changes nothing.

    Args:
        engine: The catalogue.
        store: Where it is kept what was followed.
        batch_id: A settled batch.
        detector: The version by which it was looked at: a propagation, or what proposed on the first key frames.

    Returns:
        How many labels got a track.
    """
    with reading(engine) as session:
        collection = session.get_one(Batch, batch_id).collection
        mine = select(Item.sequence).join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        sequences = sorted(set(session.exec(mine.where(BatchItem.batch_id == batch_id))))
    return sum(_settle_sequence(engine, store, collection, one, detector) for one in sequences)


def settle_tracks_again(engine: Engine, store: Store, batch_id: str) -> int:
    """Say whose the labels are of a batch of which something was settled later than by its line.

    As `settle_tracks`, by what proposed on it; nothing where nothing was followed and labels are not of anybody.
    """
    detector, _ = triaged_by(engine, batch_id)
    if propagated_ref(store, detector) is None:
        with reading(engine) as session:
            collection = session.get_one(Batch, batch_id).collection
        kind = noted_kind(engine, collection)
        if kind is None or not kind.has_identity:
            return 0
    return settle_tracks(engine, store, batch_id, detector)


def _settle_sequence(engine: Engine, store: Store, collection: str, sequence: str, detector: str) -> int:
    frames = frames_of(engine, collection, sequence)
    ids = [item.id for item in frames]
    known = labels_in_force(engine, ids, collection)
    labels = [label for item_id in ids for label in known[item_id] if label.x_min is not None]
    given = names_given(store, detector, sequence)
    tracks = {(one.item_id, one.region): one.track or given.get(one.item_id, {}).get(one.region) for one in labels}
    if _is_complete(engine, collection, ids):
        boxes = {place: [_key(label, tracks) for label in known[item_id]] for place, item_id in enumerate(ids)}
        tracks = {(ids[place], box.id): box.track for place, some in name_all(boxes).items() for box in some}
    named = ((one, tracks[one.item_id, one.region]) for one in labels)
    changed = {(one.item_id, one.region): track for one, track in named if track != one.track}
    _write(engine, changed)
    log.info("%s: %d of %d labels got a track", sequence, len(changed), len(labels))
    return len(changed)


def _key(label: Label, tracks: Mapping[tuple[str, str], str | None]) -> KeyBox:
    edges = (label.x_min, label.y_min, label.x_max, label.y_max)
    return KeyBox(label.region, label.class_name, edges, tracks[label.item_id, label.region])


def _is_complete(engine: Engine, collection: str, item_ids: Sequence[str]) -> bool:
    over = col(BatchItem.settled_at).is_not(None) | col(BatchItem.set_aside).is_not(None)
    query = select(BatchItem.item_id).join(Batch, col(Batch.id) == col(BatchItem.batch_id))
    query = query.where(Batch.collection == collection, over)
    with reading(engine) as session:
        parts = (
            (part, set(session.exec(query.where(col(BatchItem.item_id).in_(part))))) for part in in_shards(item_ids)
        )
        return all(set(part) <= done for part, done in parts)


def _write(engine: Engine, changed: Mapping[tuple[str, str], str | None]) -> None:
    wanted = sorted({item_id for item_id, _ in changed})
    with writing(engine) as session:
        for part in in_shards(wanted):
            rows: list[dict[str, Any]] = [
                further_revision(row, track=changed[item_id, row.region])
                for item_id, some in newest_rows(session, part).items()
                for row in some
                if (item_id, row.region) in changed and not row.retracted
            ]
            upsert(session, Label, rows)
