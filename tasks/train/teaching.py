"""What the labels of a collection teach, learnt when a batch is about to be looked at: no training, a few seconds.

Labels that people gave, or that came in as truth, teach. What a machine accepted does not: it would teach itself.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Item, Label
from blocks.errors import BadInput, BadOption
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import files_of, version_of
from tasks.detect.models import keys_of
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.suggested import embed_items, embedder_of, embedder_of_weights, taught_ref
from tasks.detect.refs import NOBODY, TAUGHT, DetectorRef
from tasks.detect.tiling.read_ahead import Unseen
from tasks.intake.batches import items_of
from tasks.intake.texts.media import medium_of_collection
from tasks.settle.in_force import is_in_force
from tasks.suggest.asked_for import SUGGEST, AskedFor, asked_of, check_suggested
from tasks.suggest.embedders.kept import Vector
from tasks.suggest.embedders.protocol import Embedder
from tasks.suggest.embedders.registry import EMBEDDERS
from tasks.suggest.embedders.text_axes import axes_of_texts, key_of_axes
from tasks.suggest.space import Space
from tasks.suggest.taught import Taught, version_of_bytes
from tasks.train import registry
from tasks.train.rest import with_rest

logger = logging.getLogger(__name__)

LABELS_AT_MOST = 20_000
"""The newest ones; vectors of more would have to be held in memory, and teach little that these do not."""

FROM_BATCH = 1_000
"""Unlabelled items of the batch that are looked at beforehand: where vectors lie is found from these as well."""

ITEMS_AT_ONCE = 500

BY_MACHINE = "machine"


def find_taught(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    collection: str,
    spec: str,
    kind: str = "boxes",
    batch_id: str | None = None,
    others: Sequence[Item] = (),
) -> DetectorRef | None:
    """Return what a collection's labels teach, learnt now where `suggest` is asked for; None: something else is meant.

    Where a batch is to be looked at, what there is learnt of may be no label at all: its vectors are what people's
    answers to it are learnt with while they answer.

    Args:
        engine: The catalogue.
        store: Where it is kept.
        experiments: Whose registry says whether there is a champion, whose features are then the vectors.
        collection: Whose labels.
        spec: `suggest`, with a learner or weights behind it (see `AskedFor`), or the version of what was learnt before.
        kind: Of the labels of the collection.
        batch_id: What is to be looked at; None: nothing yet.
        others: Items without a label from which is found where vectors lie, beside the first of the batch.

    Raises:
        BadOption: There is no such learner, or labels of this kind have no vectors.
        BadWeights: The champion's weights cannot be used.
    """
    asked = asked_of(spec)
    if asked is None:
        return None if spec == NOBODY else taught_ref(store, spec)
    check_suggested(spec, kind)
    labels = labels_that_teach(engine, collection)
    if batch_id is None and len(set(labels.values())) < 2:
        logger.info("%s: nobody suggests before two classes have a label (%d labels)", collection, len(labels))
        return DetectorRef.nobody(SUGGEST)
    if medium_of_collection(engine, collection) == "texts":
        network = _axes_of_texts(engine, store, collection, asked)
        if network.is_nobody:
            return network
    elif asked.file is not None:
        network = _stored(store, asked.file)
    elif asked.is_embedder:
        network = DetectorRef.nobody(asked.weights)
    else:
        network = registry.resolve_detector(experiments, store, collection, registry.CHAMPION, kind)
    unlabelled = [*(items_of(engine, batch_id, 0, FROM_BATCH) if batch_id else []), *others]
    taught = _teach(engine, store, collection, labels, unlabelled, asked, network)
    return _keep(store, taught, SUGGEST) if taught else DetectorRef.nobody(SUGGEST)


def _axes_of_texts(engine: Engine, store: Store, collection: str, asked: AskedFor) -> DetectorRef:
    """Return what makes vectors of a collection's texts; nobody where there is nothing to tell them apart by.

    Raises:
        BadOption: Weights were given.
    """
    if asked.weights:
        raise BadOption(f"`{asked}`: {collection!r} has texts, and weights see pictures: leave them out")
    version = axes_of_texts(engine, store, collection)
    if version is None:
        return DetectorRef.nobody(SUGGEST)
    return DetectorRef(version=version, weights_key=key_of_axes(version), name="texts")


def _stored(store: Store, weights: Path) -> DetectorRef:
    """Keep weights that only make vectors: they are nobody's champion."""
    version = version_of(weights)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}{weights.suffix}", name=weights.name)
    kept = dict(zip(keys_of(ref.weights_key), files_of(weights), strict=True))
    if not all(store.has(key) for key in kept):
        embedder_of_weights(weights, version)  # it can be used, before anything is kept of it
        for key, part in kept.items():
            store.put(key, part)
    return ref


def labels_that_teach(engine: Engine, collection: str) -> dict[str, str]:
    """Return the class of each item of a collection that has one in force, given by people or as truth."""
    query = (
        select(Label.item_id, Label.class_name)
        .join(Batch, col(Batch.id) == Label.batch_id)
        .where(Batch.collection == collection, Label.origin != BY_MACHINE, *is_in_force())
        .order_by(col(Label.created_at).desc(), col(Label.id))
        .limit(LABELS_AT_MOST)
    )
    with reading(engine) as session:
        return dict(sorted((item_id, class_name) for item_id, class_name in session.exec(query)))


def _teach(
    engine: Engine,
    store: Store,
    collection: str,
    labels: dict[str, str],
    others: Sequence[Item],
    asked: AskedFor,
    network: DetectorRef,
) -> Taught | None:
    embedder = EMBEDDERS[asked.weights] if asked.is_embedder else embedder_of(store, network)
    taken = _vectors(engine, store, _items(engine, list(labels)), embedder)
    rest = _vectors(engine, store, others, embedder)
    try:
        space = Space.of(embedder.name, _rows([*taken.values(), *rest.values()]))
    except BadInput as error:
        logger.info("nobody suggests: %s", error)
        return None
    good = [item_id for item_id in labels if item_id in taken and np.isfinite(taken[item_id]).all()]
    if len(good) < len(labels):
        missing = len(labels) - len(good)
        logger.warning("%d of %d labels teach nothing: their items have no vector", missing, len(labels))
    named = tuple(labels[item_id] for item_id in good)
    vectors = _rows([taken[item_id] for item_id in good])
    taught = Taught(asked.learner, network.weights_key, space, tuple(good), named, vectors)
    return with_rest(engine, collection, taught, rest)


def _keep(store: Store, taught: Taught, name: str) -> DetectorRef:
    data = taught.to_bytes()
    ref = DetectorRef(version=(version := version_of_bytes(data)), weights_key=f"{TAUGHT}{version}.npz", name=name)
    store.put(ref.weights_key, data)
    logger.info(
        "%s %s: %d labels of %d classes, vectors by %s", name, version, len(taught.classes), len(set(taught.classes)),
        taught.space.embedder,
    )  # fmt: skip
    return ref


def _vectors(engine: Engine, store: Store, items: Sequence[Item], embedder: Embedder) -> dict[str, Vector]:
    found = dict(embed_items(engine, store, items, embedder, TilingOptions()))
    return {item.id: vector for item in items if not isinstance(vector := found[item.id], Unseen)}


def _rows(vectors: Iterable[Vector]) -> NDArray[np.float16]:
    rows = list(vectors)
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float16)


def _items(engine: Engine, item_ids: Sequence[str]) -> list[Item]:
    found: list[Item] = []
    with reading(engine) as session:
        for start in range(0, len(item_ids), ITEMS_AT_ONCE):
            some = col(Item.id).in_(item_ids[start : start + ITEMS_AT_ONCE])
            found += session.exec(select(Item).where(some).order_by(Item.id)).all()
    return found
