"""Classes of the whole of a text: a model of texts says what it is about."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blocks.database.tables import Item
from blocks.errors import BadInput, BadWeights, ObjectMissing
from blocks.storage.outside_files import read_bounded
from blocks.storage.stores import Store
from tasks.detect.models import fetch_weights
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.classifier import check_several, class_rows, count_shown
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen
from tasks.intake.texts.media import Medium
from tasks.intake.texts.text_items import read_text
from tasks.suggest.embedders.texts import CHARACTERS_AT_MOST
from tasks.suggest.learners.protocol import Floats
from tasks.suggest.text_model import ENDING, TextModel

TEXTS_AT_ONCE = 128
WARM_AT_MOST = 4
MOST_BYTES = 2**30

_warm: OrderedDict[str, TextModel] = OrderedDict()
_lock = threading.Lock()


class TextProposer:
    """A classifier of whole texts: of one class each, or of several."""

    sees: Medium = "texts"

    def __init__(self, name: str = "text-classifier", *, several: bool = False) -> None:
        self.name, self._several = name, several

    def fit(self, store: Store, ref: DetectorRef, options: TilingOptions) -> TilingOptions:  # noqa: ARG002  (protocol)
        """Return the options as they are, but for tiles by the size of objects: there are none."""
        return options.model_copy(update={"fit_objects": False})

    def check(self, weights: Path, version: str) -> tuple[str, ...]:  # noqa: ARG002  (protocol)
        """Open a model of texts, and return its class names.

        Raises:
            BadWeights: It gives one class a text where several are asked for, or the other way round.
        """
        model = _opened(weights)
        check_several(weights, model.several, wanted=self._several)
        return model.classes

    def open(self, store: Store, ref: DetectorRef, options: TilingOptions) -> "TextLooker":
        """Return the warm model of a reference."""
        return TextLooker(store, open_text_model(store, ref), options)


@dataclass(frozen=True, slots=True)
class TextLooker:
    """A model of texts that looks at items."""

    store: Store
    model: TextModel
    options: TilingOptions

    @property
    def classes(self) -> tuple[str, ...]:
        """What the model tells apart."""
        return self.model.classes

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        """Say of each text which of the wanted classes it shows: see `class_rows`."""
        for item_id, said in classify_texts(self.store, self.model, items):
            if isinstance(said, Unseen):
                yield UnreadItem(item_id=item_id, reason=said.reason)
            else:
                yield self._looked(item_id, *said, wanted)

    def _looked(self, item_id: str, chances: Floats, vector: NDArray[np.float16], wanted: Sequence[str]) -> Looked:
        known = {name: float(chance) for name, chance in zip(self.classes, chances, strict=True) if name in wanted}
        rows = class_rows(item_id, known, self.options.min_score, several=self.model.several)
        scan = {
            "proposals": len(rows),
            "whole_frame": count_shown(rows),
            "tiles": 0,
            "embedding": vector.tobytes(),
        }
        return Looked(item_id, scan, rows)


class StoredText(Protocol):
    """What is known of a text in the store: a row of the catalogue, or an item of a manifest."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def key(self) -> str:
        """Where it is."""


def stored_texts(store: Store, items: Sequence[StoredText]) -> Iterator[tuple[str, str | Unseen]]:
    """Yield of each item what it says, as far as it is read, or why it cannot be read."""
    for item in items:
        try:
            yield item.id, read_text(store, item.key)[:CHARACTERS_AT_MOST]
        except (BadInput, ObjectMissing) as error:
            yield item.id, Unseen(item.id, str(error))


def classify_texts(
    store: Store, model: TextModel, items: Sequence[StoredText]
) -> Iterator[tuple[str, tuple[Floats, NDArray[np.float16]] | Unseen]]:
    """Yield of each item its chances (classes,) and its vector (d,), or why it cannot be read."""
    texts = stored_texts(store, items)
    while some := list(islice(texts, TEXTS_AT_ONCE)):
        good = [(item_id, text) for item_id, text in some if not isinstance(text, Unseen)]
        said = zip(*model.say([text for _, text in good]), strict=True)
        yield from ((item_id, each) for (item_id, _), each in zip(good, said, strict=True))
        yield from ((item_id, text) for item_id, text in some if isinstance(text, Unseen))


def open_text_model(store: Store, ref: DetectorRef) -> TextModel:
    """Return the warm model that a reference names, fetched from the store and checked by hash.

    Raises:
        BadWeights: The stored file is not the one that the reference names, or cannot be used.
        ObjectMissing: The store has no such model.
    """
    with _lock:  # a second thread waits for the first one's model instead of opening its own
        if ref.version not in _warm:
            _warm[ref.version] = _opened(fetch_weights(store, ref))
            while len(_warm) > WARM_AT_MOST:
                _warm.popitem(last=False)
        _warm.move_to_end(ref.version)
        return _warm[ref.version]


def _opened(weights: Path) -> TextModel:
    if weights.suffix != ENDING:
        raise BadWeights(
            f"weights {weights.name} are no model of texts: expected a {ENDING} file that a training wrote"
        )
    return TextModel.from_bytes(read_bounded(weights, BadWeights, MOST_BYTES))
