"""Spans of texts, as a tagger finds them."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from blocks.database.tables import Item
from blocks.errors import BadInput, ObjectMissing
from blocks.shapes import Span, shape_columns
from blocks.storage.stores import Store
from tasks.detect.models import fetch_weights
from tasks.detect.options import SHOW_SCORE, TilingOptions
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.detect.refs import DetectorRef
from tasks.detect.tagging.crf import FoundSpan, Tagger, open_tagger
from tasks.intake.texts.media import Medium
from tasks.intake.texts.text_items import is_text, read_text

WARM_AT_MOST = 4

_lock = threading.Lock()


class TagProposer:
    """A tagger of texts."""

    name = "tagger"
    sees: Medium = "texts"

    def fit(self, store: Store, ref: DetectorRef, options: TilingOptions) -> TilingOptions:  # noqa: ARG002  (protocol)
        """Return the options as they are, but for tiles by the size of objects: there are none."""
        return options.model_copy(update={"fit_objects": False})

    def check(self, weights: Path, version: str) -> tuple[str, ...]:  # noqa: ARG002  (protocol)
        """Open a tagger's weights, and return its class names."""
        return open_tagger(weights).classes

    def open(self, store: Store, ref: DetectorRef, options: TilingOptions) -> "TagLooker":
        """Return the warm tagger of a reference."""
        return TagLooker(store, warm_tagger(store, ref), options)


@dataclass(frozen=True, slots=True)
class TagLooker:
    """A tagger that looks at texts."""

    store: Store
    tagger: Tagger
    options: TilingOptions

    @property
    def classes(self) -> tuple[str, ...]:
        """What the tagger knows."""
        return self.tagger.classes

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        """Say of each text which spans of the wanted classes are in it, without those that score too little."""
        for item in items:
            try:
                if not is_text(item):
                    raise BadInput(f"item {item.id[:12]} is no text, and only texts have spans")
                found = self.tagger.find(read_text(self.store, item.key))
            except (BadInput, ObjectMissing) as error:
                yield UnreadItem(item_id=item.id, reason=str(error))
                continue
            kept = [one for one in found if one.span.class_name in wanted and one.score >= self.options.min_score]
            rows = [span_row(item.id, one) for one in sorted(kept, key=lambda one: (-one.score, one.span))]
            scan = {
                "proposals": len(rows),
                "whole_frame": sum(row["score"] >= SHOW_SCORE for row in rows),
                "tiles": 0,
                "embedding": None,
            }
            yield Looked(item.id, scan, rows)


def warm_tagger(store: Store, ref: DetectorRef) -> Tagger:
    """Return the tagger that a reference names, its weights fetched from the store and checked by hash.

    Raises:
        BadWeights: The stored file is not the one that the reference names, or cannot be used.
        ObjectMissing: The store has no such weights.
    """
    path = fetch_weights(store, ref)
    with _lock:  # a second thread waits for the first one's tagger instead of loading its own
        return _warm(path, ref.version)


@lru_cache(maxsize=WARM_AT_MOST)
def _warm(path: Path, version: str) -> Tagger:  # noqa: ARG001  (part of what it is kept by)
    return open_tagger(path)


def span_row(item_id: str, found: FoundSpan) -> dict[str, Any]:
    """Return the row of a proposal of a span."""
    score = round(found.score, 5)
    part = {"index": 0, "view": "whole", "tile": None, "class_name": found.span.class_name, "score": score}
    return {
        "item_id": item_id,
        "class_name": found.span.class_name,
        "score": score,
        **shape_columns(Span(start=found.span.start, end=found.span.end)),
        "view": "whole",
        "tile": None,
        "seam": False,
        "merged_from": [part],
    }
