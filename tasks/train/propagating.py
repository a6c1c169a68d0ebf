"""What the key frames of a collection teach about the frames between them: read when a batch is opened, and kept."""

import logging
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Item, Label, Route, Source
from blocks.errors import BadOption
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.proposers.propagated import propagated_ref
from tasks.detect.refs import PROPAGATED, DetectorRef
from tasks.settle.in_force import labels_in_force
from tasks.track.asked_for import PROPAGATE, TRACK, TrackAsked, propagate_asked, track_asked
from tasks.track.known import KnownBox, KnownFrames, version_of_known
from tasks.track.trackers import check_tracker
from tasks.train import registry
from tasks.train.between_rounds import learnt_between_rounds, learnt_by_version

logger = logging.getLogger(__name__)

BY_PEOPLE = tuple(route.value for route in (Route.ASK, Route.AUDIT, Route.IMPORT))
"""Routes on which all of an item was seen by a person."""


def find_propagated(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    collection: str,
    spec: str,
    kind: str = "boxes",
    batch_id: str | None = None,
    *,
    learns: bool = False,
) -> DetectorRef | None:
    """Return what stands for a propagation, made now where `propagate` is asked for; None: something else is meant.

    While no sequence of the batch has a key frame it is the detector alone: it proposes on the first key frames.

    Args:
        engine: The catalogue.
        store: Where it is kept.
        experiments: Whose registry knows the detector.
        collection: Whose labels.
        spec: `propagate`, with a detector behind it or without, or the version of what was kept before.
        kind: Of the labels of the collection.
        batch_id: What is to be looked at; None: nothing yet.
        learns: Whether the line learns between its rounds: then what was learnt of the detector that is asked for is
            taken in its place.

    Raises:
        BadOption: There is no such detector.
        BadWeights: Its weights cannot be used.
    """
    if tracks := track_asked(spec):
        return _find_tracked(store, experiments, collection, tracks, kind)
    asked = propagate_asked(spec)
    if asked is None:
        return propagated_ref(store, spec) or learnt_by_version(engine, collection, spec)
    detector = registry.resolve_detector(experiments, store, collection, asked.detector or registry.CHAMPION, kind)
    if learns:
        detector = learnt_between_rounds(engine, collection, spec, detector) or detector
    keys = key_frames(engine, collection, batch_id) if batch_id else ()
    if not keys:
        return detector
    others = [] if detector.is_nobody else set(settled_frames(engine, collection, batch_id)) - set(keys)
    labels = labels_in_force(engine, keys, collection)
    settled = labels_in_force(engine, sorted(others), collection)
    known = KnownFrames(
        collection=collection,
        network_version="" if detector.is_nobody else detector.version,
        network_key=detector.weights_key,
        classes=tuple(sorted({label.class_name for some in labels.values() for label in some})),
        frames={item_id: tuple(map(_known, some)) for item_id, some in sorted(labels.items())},
        settled={item_id: tuple(map(_known, some)) for item_id, some in settled.items()},
    )
    ref = _kept(store, known, PROPAGATE)
    logger.info("propagation %s of %s: %d key frames", ref.version, collection, len(keys))
    return ref


def _find_tracked(
    store: Store, experiments: Experiments, collection: str, asked: TrackAsked, kind: str
) -> DetectorRef | None:
    """Return what stands for a tracker with its detector.

    Raises:
        BadOption: There is no such tracker, no such detector, or no detector at all.
    """
    tracker = check_tracker(asked.tracker)
    detector = registry.resolve_detector(experiments, store, collection, asked.detector or registry.CHAMPION, kind)
    if detector.is_nobody:
        raise BadOption(
            f"{collection!r} has no detector yet whose boxes {tracker} could track: name weights "
            f"(`{TRACK}:{tracker}:FILE.pt`), or follow what people draw (`{PROPAGATE}`)"
        )
    known = KnownFrames(
        collection=collection,
        network_version=detector.version,
        network_key=detector.weights_key,
        classes=(),
        frames={},
        tracker=tracker,
    )
    return _kept(store, known, f"{TRACK}:{tracker}")


def _kept(store: Store, known: KnownFrames, name: str) -> DetectorRef:
    data = known.to_bytes()
    version = version_of_known(data)
    ref = DetectorRef(version=version, weights_key=f"{PROPAGATED}{version}.json", name=name)
    store.put(ref.weights_key, data)
    return ref


def key_frames(engine: Engine, collection: str, batch_id: str | None = None) -> Sequence[str]:
    """Return the items of a collection of which people have said all that is there.

    Args:
        engine: The catalogue.
        collection: Whose.
        batch_id: Only those in a sequence of which this batch has a frame; None: all.
    """
    return _read_settled(engine, collection, batch_id, BY_PEOPLE)


def settled_frames(engine: Engine, collection: str, batch_id: str | None = None) -> Sequence[str]:
    """Return the items of a collection that are settled, whoever looked; the arguments are those of `key_frames`."""
    return _read_settled(engine, collection, batch_id, tuple(Route))


def _read_settled(engine: Engine, collection: str, batch_id: str | None, routes: Sequence[str]) -> Sequence[str]:
    answered = (
        select(Item.id)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection, col(BatchItem.settled_at).is_not(None))
        .where(col(BatchItem.route).in_(routes))
    )
    if batch_id is not None:
        mine = select(Item.sequence).join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        answered = answered.where(col(Item.sequence).in_(mine.where(BatchItem.batch_id == batch_id)))
    taken = select(Source.item_id).where(Source.collection == collection)
    with reading(engine) as session:
        return list(session.exec(answered.where(col(Item.id).in_(taken)).distinct().order_by(Item.id)))


def _known(label: Label) -> KnownBox:
    edges = (label.x_min, label.y_min, label.x_max, label.y_max)
    return KnownBox(region=label.region, class_name=label.class_name, box_xyxy_px=edges, track=label.track)
