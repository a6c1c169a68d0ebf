"""Labels of key frames, followed through the frames between: a propagator, where a detector would stand.

So does a tracker, which says of a detector's boxes in all frames whose they are.

Where there is a detector, what it sees in the frames between joins what is followed: it finds who comes in, and who is
in shots without a key frame. A sequence is followed as a whole and once, when its first frame is asked for, and what
comes of it is kept in the object store; so a shard that begins in the middle of a gap has the same tracks as the one
before it.
"""

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.protocol import Looked, Looker
from tasks.detect.proposers.tiles import TileProposer
from tasks.detect.proposers.tracked import tracked_boxes
from tasks.detect.refs import PROPAGATED, DetectorRef
from tasks.detect.tiling.read_ahead import Unseen, read_ahead, stored_images
from tasks.intake.images import Pixels
from tasks.intake.video.sequence_frames import frame_ids_of, read_frames
from tasks.track.asked_for import PROPAGATE
from tasks.track.clip import FollowedBox, KeyBox, KeyFrame, Seen
from tasks.track.joined import SeenBox, join_seen
from tasks.track.known import KnownFrames
from tasks.track.sequence import SequenceReader, follow_sequence, seen_by_class
from tasks.track.shots import keep_cuts

VIEW = "propagated"

DETECTED_FROM = 0.2
"""Score from which on a detection says where a followed object is."""

LOOKED_AHEAD = 64
"""Frames that a detector looks at together."""

SEEN = "seen"
"""The view of boxes that a detector alone has seen: nobody has drawn them in a key frame."""


@dataclass(frozen=True, slots=True)
class PropagatedLooker:
    """What was known when a batch was opened, as what looks at items."""

    engine: Engine
    store: Store
    version: str
    known: KnownFrames
    options: TilingOptions

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that a key frame has; where a tracker follows, those of the detector."""
        return self._network().classes if self.known.tracker else self.known.classes

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked]:
        """Say of each frame what is followed there; of frames of which nothing is known, nothing."""
        for sequence in dict.fromkeys(item.sequence for item in items):
            followed = self._followed(sequence)
            for item in items:
                if item.sequence == sequence and item.id in followed:
                    yield _looked(item, [box for box in followed[item.id] if box.class_name in wanted])

    def _followed(self, sequence: str) -> dict[str, list[FollowedBox]]:
        key = _key_of(self.version, sequence)
        if not self.store.has(key):
            self.store.put(key, json.dumps(self._follow(sequence)).encode(), "application/json")
        found = json.loads(self.store.get(key))["followed"]
        return {
            item_id: [FollowedBox(**{**box, "box_xyxy_px": tuple(box["box_xyxy_px"])}) for box in boxes]
            for item_id, boxes in found.items()
        }

    def _follow(self, sequence: str) -> dict[str, Any]:
        frames = frames_of(self.engine, self.known.collection, sequence)
        read = _Reader(self.store, frames, self.options).read
        if self.known.tracker:
            tracked = tracked_boxes(self.known.tracker, sequence, frames, self._network(), read)
            return {"followed": {id_: [asdict(box) for box in boxes] for id_, boxes in tracked.items()}, "tracks": {}}
        keys = [
            KeyFrame(place, tuple(KeyBox(b.region, b.class_name, b.box_xyxy_px, b.track) for b in boxes))
            for place, item in enumerate(frames)
            if (boxes := self.known.frames.get(item.id)) is not None
        ]
        detections, cuts = self._detections(frames), cuts_of(self.store, frames, self.options)
        reader = SequenceReader(len(frames), read, detections.between, cuts)
        named: dict[int, KeyFrame] = {}
        found = dict(follow_sequence(keys, reader, named))
        joined = detections.joined(found, named)
        followed = {frames[place].id: [asdict(box) for box in some] for place, some in joined.items()}
        names = {frames[place].id: {box.id: box.track for box in frame.boxes} for place, frame in named.items()}
        return {"followed": followed, "tracks": names}

    def _detections(self, frames: Sequence[Item]) -> "_Detections":
        if not self.known.network_key:
            return _Detections(None, frames, self.known.classes)
        settled = {
            place: [SeenBox(box.class_name, box.box_xyxy_px, 1.0) for box in boxes]
            for place, item in enumerate(frames)
            if (boxes := self.known.settled.get(item.id)) is not None
        }
        return _Detections(self._network(), frames, self.known.classes, settled=frozenset(settled), _seen=settled)

    def _network(self) -> Looker:
        """Return the detector, which is kept warm between calls."""
        ref = DetectorRef(
            version=self.known.network_version, weights_key=self.known.network_key, name=self.known.collection
        )
        return TileProposer().open(self.store, ref, TileProposer().fit(self.store, ref, self.options))


def names_given(store: Store, version: str, sequence: str) -> Mapping[str, Mapping[str, str]]:
    """Return the tracks that following gave to the boxes of key frames, by item id and region; empty: none yet.

    Args:
        store: Where it is kept what was followed.
        version: Of what proposed; empty: nothing did.
        sequence: Of the frames.
    """
    if not version:
        return {}
    key = _key_of(version, sequence)
    found: dict[str, dict[str, str]] = json.loads(store.get(key))["tracks"] if store.has(key) else {}
    return found


def against_flow_of(store: Store, version: str, sequence: str) -> dict[tuple[str, str], float]:
    """Return by item id and track how far a followed box moves otherwise than the picture; empty: nothing is kept."""
    key = _key_of(version, sequence)
    found = json.loads(store.get(key))["followed"] if store.has(key) else {}
    return {(item_id, box["track"]): box["against_flow"] for item_id, boxes in found.items() for box in boxes}


def _key_of(version: str, sequence: str) -> str:
    return f"{PROPAGATED}{version}/{sha256(sequence.encode()).hexdigest()[:16]}-tracks.json"


@dataclass(frozen=True, slots=True)
class _Reader:
    store: Store
    frames: Sequence[Item]
    options: TilingOptions

    def read(self, start: int, stop: int) -> Iterator[tuple[int, Pixels]]:
        some = self.frames[start : stop + 1]
        at = {item.id: place for place, item in enumerate(some, start=start)}
        with ThreadPoolExecutor(self.options.decode_threads, thread_name_prefix="read") as readers:
            for source, seen in read_ahead(stored_images(self.store, iter(some)), readers, self.options):
                if not isinstance(seen, Unseen):
                    yield at[source.name], seen


@dataclass(slots=True)
class _Detections:
    """What a detector sees in the frames of a sequence, each looked at once; nothing where there is no detector.

    At settled places it does not look: the labels there stand for what it would see, and nothing is proposed.
    """

    looker: Looker | None
    frames: Sequence[Item]
    classes: Sequence[str]
    settled: frozenset[int] = frozenset()
    unread: set[int] = field(default_factory=set)
    _seen: dict[int, list[SeenBox]] = field(default_factory=dict)

    def between(self, start: int, stop: int) -> Seen:
        if self.looker is None:
            return {}
        self._look_at(range(start, stop + 1))
        return seen_by_class(
            [
                [(one.class_name, one.box_xyxy_px) for one in self._seen[place] if one.score >= DETECTED_FROM]
                for place in range(start, stop + 1)
            ]
        )

    def at(self, place: int) -> list[SeenBox]:
        if self.looker is None:
            return []
        self._look_at(range(place, min(place + LOOKED_AHEAD, len(self.frames))))
        return self._seen[place]

    def joined(self, found: Mapping[int, Sequence[FollowedBox]], named: Container[int]) -> dict[int, list[FollowedBox]]:
        """Return by place what is followed and seen; without frames that cannot be read, which people are asked about.

        Args:
            found: What is followed.
            named: Places of the key frames: there nothing is proposed.
        """
        every = (at for at in range(len(self.frames)) if at not in self.settled)
        wanted = [at for at in every if at in found or (self.looker and at not in named)]
        seen = {place: self.at(place) for place in wanted}
        return {
            place: join_seen(found.get(place, ()), some) for place, some in seen.items() if place not in self.unread
        }

    def _look_at(self, places: range) -> None:
        assert self.looker
        unseen = {self.frames[place].id: place for place in places if place not in self._seen}
        self._seen |= {place: [] for place in unseen.values()}
        wanted = [name for name in self.classes if name in self.looker.classes]
        if not (wanted and unseen):
            return
        for looked in self.looker.look([self.frames[place] for place in unseen.values()], wanted):
            if isinstance(looked, Looked):
                self._seen[unseen[looked.item_id]] = [_detected(row) for row in looked.rows]
            else:
                self.unread.add(unseen[looked.item_id])


def _detected(row: dict[str, Any]) -> SeenBox:
    return SeenBox(row["class_name"], (row["x_min"], row["y_min"], row["x_max"], row["y_max"]), row["score"])


def _looked(item: Item, boxes: Sequence[FollowedBox]) -> Looked:
    rows = [row for box in boxes if (row := _row(item, box)) is not None]
    scan = {"proposals": len(rows), "whole_frame": len(rows), "tiles": 0, "embedding": None}
    return Looked(item.id, scan, rows, dropped=len(boxes) - len(rows))


def _row(item: Item, box: FollowedBox) -> dict[str, Any] | None:
    """Return a box within its picture as a proposal; None: nothing of it is there."""
    x_min, y_min, x_max, y_max = box.box_xyxy_px
    edges = (max(0.0, x_min), max(0.0, y_min), min(float(item.width), x_max), min(float(item.height), y_max))
    x_min, y_min, x_max, y_max = (round(edge, 2) for edge in edges)
    if x_max - x_min < 1 or y_max - y_min < 1:
        return None
    return {
        "item_id": item.id,
        "class_name": box.class_name,
        "score": round(box.trust, 5),
        "x_min": x_min,
        "y_min": y_min,
        "x_max": x_max,
        "y_max": y_max,
        "track": box.track or None,
        "view": VIEW if box.track else SEEN,
        "tile": None,
        "seam": False,
        "merged_from": [],
    }


def sequences_of(engine: Engine, collection: str) -> list[str]:
    """Return the sequences of a collection, by name."""
    query = select(Item.sequence).join(Source, col(Source.item_id) == col(Item.id))
    with reading(engine) as session:
        return sorted(session.exec(query.where(Source.collection == collection).distinct()))


def frames_of(engine: Engine, collection: str, sequence: str) -> list[Item]:
    """Return the frames of a sequence in the order in which they are shown; see `frame_ids_of`."""
    return read_frames(engine, frame_ids_of(engine, collection, sequence))


def cuts_of(store: Store, frames: Sequence[Item], options: TilingOptions) -> list[int]:
    """Return the places among the frames of a sequence at which another shot begins, in order."""
    read = _Reader(store, frames, options).read
    return keep_cuts(store, [item.id for item in frames], read)


def open_propagated(engine: Engine, store: Store, ref: DetectorRef, options: TilingOptions) -> PropagatedLooker:
    """Return what was known when a batch was opened, as what looks at items.

    Raises:
        BadWeights: It is not what was kept.
        ObjectMissing: The store does not have it.
    """
    return PropagatedLooker(engine, store, ref.version, read_known(store, ref), options)


def read_known(store: Store, ref: DetectorRef) -> KnownFrames:
    """Return what a propagation begins with; see `open_propagated` for what is raised."""
    return KnownFrames.from_bytes(store.get(ref.weights_key), ref.version)


def propagated_ref(store: Store, version: str) -> DetectorRef | None:
    """Return a propagation by its version; None: it is none."""
    key = f"{PROPAGATED}{version}.json"
    is_version = re.fullmatch(r"[0-9a-f]{12}", version)  # anything else may be a path
    return DetectorRef(version=version, weights_key=key, name=PROPAGATE) if is_version and store.has(key) else None
