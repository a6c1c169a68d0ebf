"""Which network makes the vectors of a collection: the one that is named; else champion or default, by held answers.

A champion has learnt a collection's own classes, and from few labels little of them; the default has seen the world and
nothing of the collection. Which of them tells more is not hoped but counted, on items that were labelled whatever was
proposed of them and that the champion has not learnt.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item
from blocks.errors import BadInput, BadOption
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import files_of, version_of
from tasks.detect.models import keys_of
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.class_models.linear_head import LINEAR
from tasks.detect.proposers.suggested import embed_items, embedder_of, embedder_of_weights
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen
from tasks.intake.sequences import splits_of
from tasks.intake.texts.media import medium_of_collection
from tasks.suggest.asked_for import SUGGEST, AskedFor
from tasks.suggest.class_sets import parted
from tasks.suggest.embedders.kept import Vector
from tasks.suggest.embedders.named.registry import keep_named
from tasks.suggest.embedders.protocol import Embedder
from tasks.suggest.embedders.registry import EMBEDDERS
from tasks.suggest.embedders.text_axes import axes_of_texts, key_of_axes
from tasks.suggest.held import right_when_held
from tasks.suggest.learners.protocol import Example
from tasks.suggest.learners.registry import learner_named
from tasks.suggest.space import Space
from tasks.train import registry
from tasks.train.naming import registry_name
from tasks.train.suggesting.rest import labelled_by_lot

logger = logging.getLogger(__name__)

JUDGED_AT_MOST, KNOWN_AT_MOST = 400, 1_000
"""Labels on which champion and default are compared, and labels from which each learns for it: by lot."""

ITEMS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Vectoring:
    """What makes vectors, and where its weights are kept."""

    embedder: Embedder
    network: DetectorRef


def whose_vectors(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    collection: str,
    asked: AskedFor,
    kind: str,
    labels: Mapping[str, str],
) -> Vectoring | None:
    """Return what makes the vectors of a collection's items; None: there is nothing to tell its texts apart by.

    Args:
        engine: The catalogue.
        store: Where weights are, and are kept.
        experiments: Whose registry says who is champion.
        collection: Whose items.
        asked: What a person wants.
        kind: Of the labels.
        labels: The class of each item that has one.

    Raises:
        BadOption: Weights are named that see something else, or whose library is not installed.
        BadWeights: They cannot be used, or the champion's cannot.
    """
    medium = medium_of_collection(engine, collection) or "pictures"
    if asked.is_named:
        version, key = keep_named(engine, store, asked.weights, medium)
        return _opened(store, DetectorRef(version=version, weights_key=key, name=asked.weights))
    if medium == "texts":
        axes = _axes_of_texts(engine, store, collection, asked)
        return _opened(store, axes) if axes else None
    if asked.file is not None:
        return _opened(store, _stored(store, asked.file))
    if asked.is_embedder:
        return Vectoring(EMBEDDERS[asked.weights], DetectorRef.nobody(asked.weights))
    champion = registry.resolve_detector(experiments, store, collection, registry.CHAMPION, kind)
    default = _opened(store, DetectorRef.nobody(SUGGEST))
    if champion.is_nobody or champion.weights_key.endswith(LINEAR):  # such a head has no vectors of its own
        return default
    judged = _held(engine, experiments, collection, labels)
    return better_of(engine, store, labels, judged, (_opened(store, champion), default), asked.learner)


def better_of(
    engine: Engine,
    store: Store,
    labels: Mapping[str, str],
    judged: Sequence[str],
    rivals: Sequence[Vectoring],
    learner: str,
) -> Vectoring:
    """Return what makes the vectors by which most judged items are told right; of as good ones, the first.

    Args:
        engine: The catalogue, where vectors are kept.
        store: Where pictures are.
        labels: The class of each item that has one.
        judged: Items among them that were asked about whatever was thought of them.
        rivals: What makes vectors.
        learner: By name.
    """
    if not judged:
        logger.info("vectors by %s: no held answer says otherwise", rivals[0].embedder.name)
        return rivals[0]
    known = [*judged, *(one for one in _by_lot(labels) if one not in set(judged))][:KNOWN_AT_MOST]
    items = items_by_id(engine, known)
    right: list[int] = []
    for rival in rivals:
        vectors = vectors_of(engine, store, items, rival.embedder)
        finite = [one for one in known if one in vectors and np.isfinite(vectors[one]).all()]
        try:
            space = Space.of(rival.embedder.name, np.array([vectors[one] for one in finite]))
        except BadInput:  # it gives the same vector of everything
            right.append(0)
            continue
        placed = space.place(np.array([vectors[one] for one in finite]), rival.embedder.name)
        examples = [Example(one, row, parted(labels[one])) for one, row in zip(finite, placed, strict=True)]
        right.append(sum(right_when_held(examples, judged, learner_named(learner)).values()))
    best = rivals[int(np.argmax(right))]
    told = ", ".join(f"{rival.embedder.name} {count}" for rival, count in zip(rivals, right, strict=True))
    logger.info("vectors by %s: of %d held answers right by %s", best.embedder.name, len(judged), told)
    return best


def vectors_of(engine: Engine, store: Store, items: Sequence[Item], embedder: Embedder) -> dict[str, Vector]:
    """Return the vectors of items, without those that cannot be read."""
    found = dict(embed_items(engine, store, items, embedder, TilingOptions()))
    return {item.id: vector for item in items if not isinstance(vector := found[item.id], Unseen)}


def items_by_id(engine: Engine, item_ids: Sequence[str]) -> list[Item]:
    """Return items by their ids."""
    found: list[Item] = []
    with reading(engine) as session:
        for start in range(0, len(item_ids), ITEMS_AT_ONCE):
            some = col(Item.id).in_(item_ids[start : start + ITEMS_AT_ONCE])
            found += session.exec(select(Item).where(some).order_by(Item.id)).all()
    return found


def _held(engine: Engine, experiments: Experiments, collection: str, labels: Mapping[str, str]) -> list[str]:
    """Return labelled items that were asked about by lot and that the champion has not learnt, in an order by lot."""
    by_lot = labelled_by_lot(engine, collection)
    champion = registry.champion_of(experiments, registry_name(collection))
    if champion is not None and "snapshot" in champion.tags:  # it was trained here: on all but the test split
        splits = splits_of(engine, collection)
        by_lot = frozenset(one for one in by_lot if splits.get(one) == "test")
    return [one for one in _by_lot(labels) if one in by_lot][:JUDGED_AT_MOST]


def _by_lot(labels: Mapping[str, str]) -> list[str]:
    return sorted(labels)  # items are named by a hash


def _opened(store: Store, network: DetectorRef) -> Vectoring:
    return Vectoring(embedder_of(store, network), network)


def _axes_of_texts(engine: Engine, store: Store, collection: str, asked: AskedFor) -> DetectorRef | None:
    """Return what makes vectors of a collection's texts; None where there is nothing to tell them apart by.

    Raises:
        BadOption: Weights were given.
    """
    if asked.weights:
        raise BadOption(
            f"`{asked}`: {collection!r} has texts, and these weights see pictures: leave them out, or name a model of "
            "texts, `sentence-transformers:NAME`"
        )
    version = axes_of_texts(engine, store, collection)
    return DetectorRef(version=version, weights_key=key_of_axes(version), name="texts") if version else None


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
