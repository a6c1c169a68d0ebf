"""In which order people are asked about the items of a batch: strategies by name, mixed by the ranks that they give.

What the order is worth shows where people stop early (`Until.share`, `Until.hours`): what comes first is answered.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Label, Outcome, Proposal, Route, Scan, Verdict
from blocks.errors import BadOption
from blocks.frozen import warn_once
from tasks.triage.active_learning.diversity import Embeddings, k_center
from tasks.triage.active_learning.strategies import STRATEGIES, Candidates, Floats, ranks, score_by
from tasks.triage.boxes import in_shards

FAR_APART = "far-apart"
"""The order of a whole batch by its embeddings: each next item far from all before it."""

RETIRED = {"margin": "entropy", "disagreement": "entropy", "gain-per-second": "entropy", "clusters": FAR_APART}
"""Strategies that saved nothing, and what is asked instead: lines that are saved with their names still load."""

MOST_CHOSEN = 2000
"""So many items are ordered by embedding; nobody gets as far as the others before the next batch."""


def known_strategies() -> tuple[str, ...]:
    """Return the names that may be given a weight."""
    return (*sorted(STRATEGIES), FAR_APART)


def check_strategies(weights: Mapping[str, float]) -> None:
    """Check the names and weights of a mix.

    Raises:
        BadOption: A strategy has no such name, a weight is negative, or none is above 0.
    """
    for name in weights:
        if name not in known_strategies():
            raise BadOption(f"no strategy is called {name!r} (known: {', '.join(known_strategies())})")
    if not sum(weights.values()) > 0 or min(weights.values()) < 0:
        raise BadOption(f"strategy weights {dict(weights)}: expected none below 0 and one above")


def _known(weights: dict[str, float]) -> dict[str, float]:
    kept: dict[str, float] = {}
    for name, weight in weights.items():
        if name in RETIRED:
            warn_once("ask_first", name, f"it saved nothing, and {RETIRED[name]!r} is used instead")
        kept[RETIRED.get(name, name)] = kept.get(RETIRED.get(name, name), 0.0) + weight
    try:
        if kept:
            check_strategies(kept)
    except BadOption as error:
        raise ValueError(str(error)) from error  # an option's refusal names the option
    return kept


Mix = Annotated[dict[str, float], AfterValidator(_known)]
"""An option: weights of strategies by name, checked; it may be empty."""


def ask_order(engine: Engine, batch_id: str, weights: Mapping[str, float], seed: int = 0) -> dict[str, float]:
    """Return the priority, 0 to 1, of every item of a triaged batch that people are asked about with proposals shown.

    Items in which nothing was found have priority 1: only a look can tell whether all was missed.

    Args:
        engine: The catalogue.
        batch_id: The batch.
        weights: By strategy; mixed by rank, so that their units do not matter.
        seed: For ties and `random`.

    Raises:
        BadOption: See `check_strategies`; or there is no such batch.
        OtherModelVersion: An embedding is of another detector than the batch's.
    """
    check_strategies(weights)
    with reading(engine) as session:
        batch = session.get(Batch, batch_id)
        if batch is None:
            raise BadOption(f"batch {batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        item_ids = _asked_items(session, batch_id)
        labels = _labels_by_class(session, batch.collection)
    rows = [row for part in in_shards(item_ids) for row in _read_boxes(engine, batch_id, part)]
    boxed = {row[0] for row in rows}
    places = [item_id for item_id in item_ids if item_id in boxed]
    found: dict[str, float] = {item_id: 1.0 for item_id in item_ids if item_id not in boxed}
    if places:
        candidates = candidates_of(places, rows, labels, seed)
        mixed = mixed_ranks(engine, batch.detector or "", weights, candidates)
        found |= dict(zip(places, mixed.tolist(), strict=True))
    return found


def mixed_ranks(engine: Engine, detector: str, weights: Mapping[str, float], candidates: Candidates) -> Floats:
    """Mix strategies by the ranks that they give candidates.

    Args:
        engine: The catalogue, for embeddings.
        detector: The version whose embeddings are compared, where a strategy compares them.
        weights: By strategy, as `check_strategies` wants them.
        candidates: n items.

    Returns:
        Shape (n,), 0 to 1; higher is asked first.

    Raises:
        OtherModelVersion: Embeddings of one detector are of different lengths.
    """
    mixed = np.zeros(len(candidates))
    for name, share in _shares(weights):
        mixed += share * _ranks_of(engine, detector, name, candidates)
    return mixed


def _shares(weights: Mapping[str, float]) -> list[tuple[str, float]]:
    total = sum(weights.values())
    return [(name, weight / total) for name, weight in weights.items() if weight > 0]


def _ranks_of(engine: Engine, detector: str, name: str, candidates: Candidates) -> Floats:
    if name != FAR_APART:
        return ranks(score_by(name, candidates))
    embeddings, known = _read_embeddings(engine, detector, candidates.item_ids)
    worth = np.zeros(len(candidates))
    if len(known):
        order = k_center(embeddings, MOST_CHOSEN)
        worth[np.asarray(known)[order]] = np.linspace(1.0, 0.5, len(order))
    return worth


ProposedBox = tuple[str, str, float]
"""Item, class, score."""


def candidates_of(
    item_ids: Sequence[str], boxes: Sequence[ProposedBox], labels: Mapping[str, int], seed: int
) -> Candidates:
    """Return items as strategies take them, from what is proposed on them and the labels so far, by class."""
    classes = [box[1] for box in boxes]
    return Candidates.of(
        item_ids,
        [box[0] for box in boxes],
        [box[2] for box in boxes],
        classes,
        labels_by_class={name: labels.get(name, 0) for name in classes} if labels else None,
        seed=seed,
    )


def _asked_items(session: Session, batch_id: str) -> list[str]:
    query = select(BatchItem.item_id).where(
        BatchItem.batch_id == batch_id, BatchItem.route == Route.ASK.value, col(BatchItem.set_aside).is_(None)
    )
    return list(session.exec(query.order_by(col(BatchItem.position))).all())


def _labels_by_class(session: Session, collection: str) -> Counter[str]:
    query = (
        select(Label.class_name, func.count())
        .where(col(Label.batch_id).in_(select(Batch.id).where(Batch.collection == collection)))
        .where(col(Label.retracted).is_(False))
        .group_by(col(Label.class_name))
    )
    return Counter(dict(session.exec(query).all()))


def _read_boxes(engine: Engine, batch_id: str, item_ids: Sequence[str]) -> list[ProposedBox]:
    query = (
        select(Proposal.item_id, Proposal.class_name, Proposal.score)
        .join(Verdict, (col(Verdict.proposal_id) == Proposal.id) & (col(Verdict.batch_id) == batch_id))
        .where(col(Proposal.item_id).in_(item_ids), Verdict.outcome != Outcome.DROP.value)
        .order_by(col(Proposal.item_id), col(Proposal.id))
    )
    with reading(engine) as session:
        return list(session.exec(query).all())


def _read_embeddings(engine: Engine, detector: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[int]]:
    """Return the embeddings of items by a detector, and the places of the items that have one."""
    stored: dict[str, bytes] = {}
    for part in in_shards(item_ids):
        query = select(Scan.item_id, Scan.embedding).where(
            col(Scan.item_id).in_(part), Scan.detector == detector, col(Scan.embedding).is_not(None)
        )
        with reading(engine) as session:
            stored |= {item_id: embedding or b"" for item_id, embedding in session.exec(query).all()}
    known = [place for place, item_id in enumerate(item_ids) if stored.get(item_id)]
    rows = [stored[item_ids[place]] for place in known]
    return Embeddings.from_bytes(rows, [detector] * len(rows), detector), known
