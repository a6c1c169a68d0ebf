"""Classes of the whole of an item: a classifier sees each picture made to fit a square, and says what it shows."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from blocks.database.tables import Item
from blocks.errors import BadWeights
from blocks.shapes import SEVERAL, Whole, shape_columns
from blocks.storage.stores import Store
from tasks.detect.detector import Embeddings
from tasks.detect.models import fetch_weights
from tasks.detect.options import SHOW_SCORE, TilingOptions
from tasks.detect.proposers.class_models.protocol import ClassModel
from tasks.detect.proposers.class_models.registry import open_class_model
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import ImageSource, Unseen, read_ahead, stored_images
from tasks.detect.tiling.tiles import Floats
from tasks.detect.tiling.views import GREY
from tasks.intake.images import Pixels
from tasks.intake.texts.media import Medium

SQUARES_AT_ONCE = 32
WARM_AT_MOST = 4

_lock = threading.Lock()


class ClassProposer:
    """A classifier of whole pictures: of one class each, or of several."""

    sees: Medium = "pictures"

    def __init__(self, name: str = "classifier", *, several: bool = False) -> None:
        self.name, self._several = name, several

    def fit(self, store: Store, ref: DetectorRef, options: TilingOptions) -> TilingOptions:  # noqa: ARG002  (protocol)
        """Return the options as they are, but for tiles by the size of objects: there are none."""
        return options.model_copy(update={"fit_objects": False})

    def check(self, weights: Path, version: str) -> tuple[str, ...]:  # noqa: ARG002  (protocol)
        """Open a classifier's weights, see that they run, and return its class names.

        Raises:
            BadWeights: It gives one class an item where several are asked for, or the other way round.
        """
        model = open_class_model(weights)
        check_several(weights, model.several, wanted=self._several)
        return model.classes

    def open(self, store: Store, ref: DetectorRef, options: TilingOptions) -> "ClassLooker":
        """Return the warm classifier of a reference."""
        return ClassLooker(store, open_classifier(store, ref), options)


@dataclass(frozen=True, slots=True)
class ClassLooker:
    """A classifier that looks at whole pictures."""

    store: Store
    network: ClassModel
    options: TilingOptions

    @property
    def classes(self) -> tuple[str, ...]:
        """What the classifier knows."""
        return self.network.classes

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        """Say of each item which of the wanted classes it shows: see `class_rows`."""
        for name, said in classify(self.network, stored_images(self.store, items), self.options):
            if isinstance(said, Unseen):
                yield UnreadItem(item_id=name, reason=said.reason)
            else:
                yield self._looked(name, *said, wanted)

    def _looked(self, item_id: str, scores: Floats, features: Embeddings, wanted: Sequence[str]) -> Looked:
        known = {name: float(score) for name, score in zip(self.classes, scores, strict=True) if name in wanted}
        rows = class_rows(item_id, known, self.options.min_score, several=self.network.several)
        scan = {
            "proposals": len(rows),
            "whole_frame": count_shown(rows),
            "tiles": 0,
            "embedding": features.astype("float16").tobytes() if np.isfinite(features).all() else None,
        }
        return Looked(item_id, scan, rows, dropped=int(not np.isfinite(list(known.values())).all()))


def classify(
    network: ClassModel, sources: Iterable[ImageSource], options: TilingOptions
) -> Iterator[tuple[str, tuple[Floats, Embeddings] | Unseen]]:
    """Look at pictures, read ahead in threads, and yield of each its name, and probabilities (classes,) with features.

    Args:
        network: The classifier.
        sources: The pictures.
        options: How many are read ahead.
    """
    with ThreadPoolExecutor(options.decode_threads, thread_name_prefix="read") as readers:
        fitted = (
            (source.name, seen if isinstance(seen, Unseen) else fit_square(seen, network.side_px))
            for source, seen in read_ahead(sources, readers, options)
        )
        while some := list(islice(fitted, SQUARES_AT_ONCE)):
            squares = [seen for _, seen in some if not isinstance(seen, Unseen)]
            said = iter(zip(*network.say(squares), strict=True)) if squares else iter(())
            for name, seen in some:
                yield name, seen if isinstance(seen, Unseen) else next(said)


def fit_square(picture: Pixels, side_px: int) -> Pixels:
    """Return a picture made to fit a square as it is, with grey beside it: nothing is cut off, nothing is squeezed.

    Args:
        picture: Shape (h, w, 3).
        side_px: Of the square.
    """
    import cv2

    height, width = picture.shape[:2]
    scale = side_px / max(height, width)
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.full((side_px, side_px, 3), GREY, dtype=np.uint8)
    left, top = (side_px - size_wh[0]) // 2, (side_px - size_wh[1]) // 2
    resized = cv2.resize(picture, size_wh, interpolation=interpolation)
    square[top : top + size_wh[1], left : left + size_wh[0]] = resized
    return square


def open_classifier(store: Store, ref: DetectorRef) -> ClassModel:
    """Return the warm network that a reference names, its weights fetched from the store and checked by hash.

    Raises:
        BadWeights: The stored file is not the one that the reference names, or cannot be used.
        ObjectMissing: The store has no such weights.
    """
    return warm_classifier(fetch_weights(store, ref), ref.version)


def warm_classifier(weights: Path, version: str) -> ClassModel:
    """Return the warm network of a file; `version` is what `version_of` says of it.

    Raises:
        BadWeights: It cannot be used, or is no classifier.
    """
    with _lock:  # a second thread waits for the first one's network instead of loading its own
        return _warm(weights, version)


@lru_cache(maxsize=WARM_AT_MOST)
def _warm(weights: Path, version: str) -> ClassModel:  # noqa: ARG001  (part of what it is kept by)
    return open_class_model(weights)


def class_rows(item_id: str, scores: Mapping[str, float], least: float, *, several: bool) -> list[dict[str, Any]]:
    """Return the rows of proposals that a whole item shows classes: those that score enough.

    Args:
        item_id: Of the item.
        scores: By class, 0 to 1, or no number, which is never enough. May be empty.
        least: What is enough.
        several: Whether an item may show several classes; else only the most likely one is proposed.
    """
    ordered = sorted(scores.items(), key=lambda one: -one[1])
    if not several:
        best = max(scores.items(), key=lambda one: one[1], default=None)
        ordered = [] if best is None else [best]
    good = [(name, score) for name, score in ordered if score >= least]
    return [class_row(item_id, name, score, several=several) for name, score in good]


def count_shown(rows: Sequence[Mapping[str, Any]]) -> int:
    """Count the proposals that one pass over the whole item would show people."""
    return sum(row["score"] >= SHOW_SCORE for row in rows)


def class_row(item_id: str, class_name: str, score: float, *, several: bool = False) -> dict[str, Any]:
    """Return the row of a proposal that a whole item shows a class; score 0 to 1."""
    rounded = round(score, 5)
    part = {"index": 0, "view": "whole", "tile": None, "class_name": class_name, "score": rounded}
    return {
        "item_id": item_id,
        "class_name": class_name,
        "score": rounded,
        **shape_columns(Whole(type=SEVERAL) if several else Whole()),
        "view": "whole",
        "tile": None,
        "seam": False,
        "merged_from": [part],
    }


def check_several(weights: Path, several: bool, *, wanted: bool) -> None:
    """Refuse a model that shares one chance among classes where several may hold, or the other way round.

    Raises:
        BadWeights: It does.
    """
    if several and not wanted:
        raise BadWeights(
            f"weights {weights.name} judge each class on its own, for lines of `multilabel`: expected a model that "
            "gives an item one class"
        )
    if wanted and not several:
        raise BadWeights(
            f"weights {weights.name} give an item one class, and a line of `multilabel` asks for each on its own: let "
            "`labelline train` make its model, or take `suggest`"
        )
