"""Classes that are suggested by a collection's own labels: each item's vector is held against those of labelled ones.

It stands where a classifier would, and nothing is trained: what was learnt is made anew from what `taught.py` keeps.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Engine

from blocks.database.tables import Item
from blocks.storage.stores import Store
from tasks.detect.options import SHOW_SCORE, TilingOptions
from tasks.detect.proposers.classifier import class_row, fit_square, open_classifier
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.detect.refs import TAUGHT, DetectorRef
from tasks.detect.tiling.read_ahead import Unseen, read_ahead, stored_images
from tasks.intake.images import Pixels
from tasks.suggest.asked_for import SUGGEST
from tasks.suggest.embedders import registry
from tasks.suggest.embedders.kept import Vector, keep_vectors, read_vectors
from tasks.suggest.embedders.protocol import Embedder, Vectors
from tasks.suggest.suggester import Suggester
from tasks.suggest.taught import Taught

if TYPE_CHECKING:
    from tasks.detect.proposers.class_network import ClassNetwork

AT_ONCE = 32
WARM_AT_MOST = 4

_warm: OrderedDict[str, tuple[Taught, Suggester]] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class NetworkEmbedder:
    """The features of a collection's own classifier."""

    name: str
    network: "ClassNetwork"

    def fit(self, picture: Pixels) -> Pixels:
        """Return a picture as the classifier sees it."""
        return fit_square(picture, self.network.side_px)

    def embed(self, fitted: Sequence[Pixels]) -> Vectors:
        """Return what stands before the classifier's last layer."""
        return np.asarray(self.network.say(fitted)[1], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SuggestedLooker:
    """What labels teach, as what looks at items."""

    engine: Engine
    store: Store
    suggester: Suggester
    embedder: Embedder
    options: TilingOptions

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that have a label."""
        return self.suggester.classes

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        """Say of each item which of the wanted classes is the most likely one; of none that is too unlikely."""
        known = [place for place, name in enumerate(self.classes) if name in wanted]
        for item_id, seen in embed_items(self.engine, self.store, items, self.embedder, self.options):
            if isinstance(seen, Unseen):
                yield UnreadItem(item_id=item_id, reason=seen.reason)
            else:
                yield self._looked(item_id, seen, known)

    def _looked(self, item_id: str, vector: Vector, known: Sequence[int]) -> Looked:
        chances = self.suggester.suggest(vector[None], self.embedder.name).probabilities[0]
        best = max(known, key=lambda place: chances[place])
        chance, finite = float(chances[best]), bool(np.isfinite(vector).all())
        rows = [class_row(item_id, self.classes[best], chance)] if chance >= self.options.min_score else []
        scan = {
            "proposals": len(rows),
            "whole_frame": int(chance >= SHOW_SCORE),
            "tiles": 0,
            "embedding": vector.tobytes() if finite else None,
        }
        return Looked(item_id, scan, rows, dropped=int(not finite))


def embed_items(
    engine: Engine, store: Store, items: Sequence[Item], embedder: Embedder, options: TilingOptions
) -> Iterator[tuple[str, Vector | Unseen]]:
    """Yield of each item its vector, (d,) float16: as it is kept, or made now and kept.

    Args:
        engine: The catalogue.
        store: Where the pictures are.
        items: Each once; in no order that counts.
        embedder: What makes vectors.
        options: How many pictures are read ahead.
    """
    kept = read_vectors(engine, [item.id for item in items], embedder.name)
    yield from kept.items()
    todo = [item for item in items if item.id not in kept]
    with ThreadPoolExecutor(options.decode_threads, thread_name_prefix="read") as readers:
        fitted = (
            (source.name, seen if isinstance(seen, Unseen) else embedder.fit(seen))
            for source, seen in read_ahead(stored_images(store, todo), readers, options)
        )
        while some := list(islice(fitted, AT_ONCE)):
            good = [(name, seen) for name, seen in some if not isinstance(seen, Unseen)]
            rows = embedder.embed([seen for _, seen in good]).astype(np.float16) if good else ()
            made: dict[str, Vector] = {name: row for (name, _), row in zip(good, rows, strict=True)}
            keep_vectors(engine, embedder.name, made)
            yield from made.items()
            yield from ((name, seen) for name, seen in some if isinstance(seen, Unseen))


def embedder_of(store: Store, network: DetectorRef) -> tuple[Embedder, str]:
    """Return what makes vectors, and where its weights are: a classifier's features; without one, how pictures look.

    Raises:
        BadWeights: The classifier's file is missing, corrupt, or not the one that the reference names.
    """
    if network.is_nobody:
        return registry.DEFAULT, ""
    return NetworkEmbedder(f"network-{network.version}", open_classifier(store, network)), network.weights_key


def open_suggested(engine: Engine, store: Store, ref: DetectorRef, options: TilingOptions) -> SuggestedLooker:
    """Return what was learnt, kept warm between calls.

    Raises:
        BadWeights: It is not what was kept, or the weights of its embedder are not.
        ObjectMissing: The store does not have it.
    """
    taught, suggester = _kept_warm(store, ref)
    if not taught.network_key:
        return SuggestedLooker(engine, store, suggester, registry.EMBEDDERS[taught.space.embedder], options)
    version = taught.space.embedder.removeprefix("network-")
    network = DetectorRef(version=version, weights_key=taught.network_key, name=ref.name)
    return SuggestedLooker(engine, store, suggester, embedder_of(store, network)[0], options)


def taught_ref(store: Store, version: str, name: str = SUGGEST) -> DetectorRef | None:
    """Return what was learnt under a version, as flows pass a detector on; None: there is none."""
    key = f"{TAUGHT}{version}.npz"
    is_version = re.fullmatch(r"[0-9a-f]{12}", version)  # anything else may be a path
    return DetectorRef(version=version, weights_key=key, name=name) if is_version and store.has(key) else None


def _kept_warm(store: Store, ref: DetectorRef) -> tuple[Taught, Suggester]:
    with _lock:  # a second thread waits for the first one's learner instead of making its own
        if ref.version not in _warm:
            taught = Taught.from_bytes(store.get(ref.weights_key), ref.version)
            suggester = taught.suggester()
            _ = suggester.trust  # measured once, here
            _warm[ref.version] = taught, suggester
            while len(_warm) > WARM_AT_MOST:
                _warm.popitem(last=False)
        _warm.move_to_end(ref.version)
        return _warm[ref.version]
