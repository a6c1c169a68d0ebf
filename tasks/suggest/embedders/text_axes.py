"""What makes vectors of a collection's texts: fitted to the texts that there are, and anew when they have doubled.

Vectors are kept under its name, which is that of what it computes: those of an earlier fit are not mixed with others.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Bookmark, Item, Source, utc_now
from blocks.errors import BadInput
from blocks.storage.stores import Store
from tasks.intake.texts.text_items import MEDIA_TYPE, read_text
from tasks.suggest.embedders.texts import CHARACTERS_AT_MOST, POOL_AT_MOST, TextEmbedder
from tasks.suggest.taught import version_of_bytes

logger = logging.getLogger(__name__)

AXES_OF_TEXTS = "embedders/"
"""Where in the object store they are."""

GROWTH = 2
"""So many times as many texts are worth a new fit: all vectors are made anew with it."""


@dataclass(frozen=True, slots=True)
class KeptTexts:
    """The embedder of texts under its name."""

    name: str
    embedder: TextEmbedder

    def fit(self, text: str) -> str:
        """Return what of a text is read."""
        return text[:CHARACTERS_AT_MOST]

    def embed(self, fitted: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (n, d) of texts."""
        return self.embedder.embed(fitted)


def axes_of_texts(engine: Engine, store: Store, collection: str) -> str | None:
    """Return the version of what makes vectors of a collection's texts, fitted now where it is time; None: too few.

    Args:
        engine: The catalogue.
        store: Where texts are, and the axes of their vectors.
        collection: Whose.
    """
    texts = select(col(Source.item_id)).where(Source.collection == collection, col(Source.item_id).is_not(None))
    name = axes_bookmark(collection)
    with reading(engine) as session:
        count = int(
            session.exec(select(func.count(func.distinct(Source.item_id))).where(Source.collection == collection)).one()
        )
        noted = session.get(Bookmark, name)
    known = json.loads(noted.value) if noted else None
    if known and count < GROWTH * known["texts"] and store.has(key_of_axes(known["version"])):
        return str(known["version"])
    pool = select(Item.key).where(col(Item.id).in_(texts), Item.media_type == MEDIA_TYPE).order_by(Item.id)
    with reading(engine) as session:
        keys = session.exec(pool.limit(POOL_AT_MOST)).all()
    try:
        data = TextEmbedder.of([read_text(store, key)[:CHARACTERS_AT_MOST] for key in keys]).to_bytes()
    except BadInput as error:
        logger.info("%s: no vectors of texts: %s", collection, error)
        return None
    version = version_of_bytes(data)
    store.put(key_of_axes(version), data)
    value = json.dumps({"version": version, "texts": count})
    with writing(engine) as session:
        upsert(
            session, Bookmark, [{"name": name, "value": value, "updated_at": utc_now()}], update=("value", "updated_at")
        )
    logger.info("%s: vectors of texts by axes %s of %d texts", collection, version, len(keys))
    return version


def key_of_axes(version: str) -> str:
    """Return where in the object store the axes of a version are."""
    return f"{AXES_OF_TEXTS}{version}.npz"


def texts_by(store: Store, version: str) -> KeptTexts:
    """Return what makes vectors of texts by the axes of a version.

    Raises:
        BadWeights: They cannot be read.
        ObjectMissing: The store does not have them.
    """
    return KeptTexts(f"texts-{version}", TextEmbedder.from_bytes(store.get(key_of_axes(version))))


def axes_bookmark(collection: str) -> str:
    """Name the bookmark that holds which axes the vectors of a collection's texts have."""
    return f"text axes of {collection}"
