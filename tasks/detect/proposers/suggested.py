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
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from blocks.database.tables import Item
from blocks.errors import BadWeights
from blocks.storage.stores import Store
from tasks.detect.detector import Detector
from tasks.detect.models import fetch_weights, load_detector
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.class_models.protocol import ClassModel
from tasks.detect.proposers.classifier import class_rows, count_shown, fit_square, warm_classifier
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.detect.proposers.text_classifier import stored_texts
from tasks.detect.refs import TAUGHT, DetectorRef
from tasks.detect.tiling.read_ahead import Unseen, read_ahead, stored_images
from tasks.intake.images import Pixels
from tasks.intake.texts.text_items import is_text
from tasks.suggest.asked_for import SUGGEST
from tasks.suggest.embedders import registry
from tasks.suggest.embedders.kept import Vector, keep_vectors, read_vectors
from tasks.suggest.embedders.named.registry import NAMED, open_named
from tasks.suggest.embedders.protocol import Embedder, Vectors
from tasks.suggest.embedders.text_axes import AXES_OF_TEXTS, texts_by
from tasks.suggest.suggester import Suggester
from tasks.suggest.taught import Taught

AT_ONCE = 32

SIDE_PX = 224
"""Longer side of pictures as a detector sees them for their vectors: 320 is hardly better, and takes twice the
time."""

WARM_AT_MOST = 4

_warm: OrderedDict[str, tuple[Suggester, Embedder]] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class NetworkEmbedder:
    """The features of a collection's own classifier."""

    name: str
    network: ClassModel

    def fit(self, picture: Pixels) -> Pixels:
        """Return a picture as the classifier sees it."""
        return fit_square(picture, self.network.side_px)

    def embed(self, fitted: Sequence[Pixels]) -> Vectors:
        """Return what stands before the classifier's last layer."""
        return np.asarray(self.network.say(fitted)[1], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class DetectorEmbedder:
    """The features of a detector of boxes: of the whole picture, from the deepest layer before its head."""

    name: str
    detector: Detector

    def fit(self, picture: Pixels) -> Pixels:
        """Return a picture whose longer side is what the detector is shown."""
        import cv2

        height, width = picture.shape[:2]
        scale = SIDE_PX / max(height, width)
        size_wh = max(1, round(width * scale)), max(1, round(height * scale))
        return np.asarray(cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))

    def embed(self, fitted: Sequence[Pixels]) -> Vectors:
        """Return the pooled features of pictures."""
        return self.detector.embed(fitted)


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
        """Say of each item which of the wanted classes it shows: see `class_rows`."""
        for item_id, seen in embed_items(self.engine, self.store, items, self.embedder, self.options):
            if isinstance(seen, Unseen):
                yield UnreadItem(item_id=item_id, reason=seen.reason)
            else:
                yield self._looked(item_id, seen, wanted)

    def _looked(self, item_id: str, vector: Vector, wanted: Sequence[str]) -> Looked:
        chances = self.suggester.suggest(vector[None], self.embedder.name).probabilities[0]
        known = {name: float(chance) for name, chance in zip(self.classes, chances, strict=True) if name in wanted}
        finite = bool(np.isfinite(vector).all())
        rows = class_rows(item_id, known, self.options.min_score, several=self.suggester.several)
        scan = {
            "proposals": len(rows),
            "whole_frame": count_shown(rows),
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
        read = _read(store, todo, readers, options)
        fitted = ((name, seen if isinstance(seen, Unseen) else embedder.fit(seen)) for name, seen in read)
        while some := list(islice(fitted, AT_ONCE)):
            good = [(name, seen) for name, seen in some if not isinstance(seen, Unseen)]
            rows = embedder.embed([seen for _, seen in good]).astype(np.float16) if good else ()
            made: dict[str, Vector] = {name: row for (name, _), row in zip(good, rows, strict=True)}
            keep_vectors(engine, embedder.name, made)
            yield from made.items()
            yield from ((name, seen) for name, seen in some if isinstance(seen, Unseen))


def _read(
    store: Store, items: Sequence[Item], readers: ThreadPoolExecutor, options: TilingOptions
) -> Iterator[tuple[str, Any]]:
    """Yield of each item its name and its pixels, or what it says; or why it cannot be read."""
    yield from stored_texts(store, [item for item in items if is_text(item)])
    pictures = stored_images(store, (item for item in items if not is_text(item)))
    yield from ((source.name, seen) for source, seen in read_ahead(pictures, readers, options))


def embedder_of(store: Store, network: DetectorRef) -> Embedder:
    """Return what makes vectors: the features of a network in the store; without one, the default.

    Raises:
        BadWeights: The file is missing, corrupt, or not the one that the reference names.
    """
    if network.is_nobody:
        return registry.DEFAULT
    if network.weights_key.startswith(AXES_OF_TEXTS):
        return texts_by(store, network.version)
    if network.weights_key.startswith(NAMED):
        return open_named(store, network.weights_key)
    return embedder_of_weights(fetch_weights(store, network), network.version)


def embedder_of_weights(weights: Path, version: str) -> Embedder:
    """Return the features of a classifier, or of a detector of boxes, as an embedder.

    Raises:
        BadWeights: The file is missing or corrupt, or is neither.
    """
    try:
        return NetworkEmbedder(f"network-{version}", warm_classifier(weights, version))
    except BadWeights:  # no classifier: the next line says what else is wrong with it
        return DetectorEmbedder(f"detector-{version}", load_detector(weights, version, SIDE_PX))


def open_suggested(engine: Engine, store: Store, ref: DetectorRef, options: TilingOptions) -> SuggestedLooker:
    """Return what was learnt, kept warm between calls.

    Raises:
        BadWeights: It is not what was kept, or the weights of its embedder are not.
        ObjectMissing: The store does not have it.
    """
    suggester, embedder = _kept_warm(store, ref)
    return SuggestedLooker(engine, store, suggester, embedder, options)


def taught_ref(store: Store, version: str, name: str = SUGGEST) -> DetectorRef | None:
    """Return what was learnt under a version, as flows pass a detector on; None: there is none."""
    key = f"{TAUGHT}{version}.npz"
    is_version = re.fullmatch(r"[0-9a-f]{12}", version)  # anything else may be a path
    return DetectorRef(version=version, weights_key=key, name=name) if is_version and store.has(key) else None


def _kept_warm(store: Store, ref: DetectorRef) -> tuple[Suggester, Embedder]:
    with _lock:  # a second thread waits for the first one's learner instead of making its own
        if ref.version not in _warm:
            taught = Taught.from_bytes(store.get(ref.weights_key), ref.version)
            suggester = taught.suggester()
            _ = suggester.trust  # measured once, here
            _warm[ref.version] = suggester, _embedder_again(store, taught)
            while len(_warm) > WARM_AT_MOST:
                _warm.popitem(last=False)
        _warm.move_to_end(ref.version)
        return _warm[ref.version]


def _embedder_again(store: Store, taught: Taught) -> Embedder:
    name = taught.space.embedder
    if not taught.network_key:
        return registry.EMBEDDERS[name]
    version = name.rpartition("-")[2]
    return embedder_of(store, DetectorRef(version=version, weights_key=taught.network_key, name=name))
