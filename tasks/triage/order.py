"""In which order people are asked about the items of a batch: strategies by name, mixed by the ranks that they give.

What the order is worth shows where people stop early (`Until.share`, `Until.hours`): what comes first is answered.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database import reading
from blocks.errors import BadOption
from blocks.tables import Batch, BatchItem, Label, Outcome, Proposal, Route, Scan, Verdict
from tasks.triage.boxes import in_shards
from tasks.triage.diversity import Embeddings, cluster_balanced, k_center
from tasks.triage.strategies import STRATEGIES, Candidates, Floats, ranks, score_by

FAR_APART = "far-apart"
CLUSTERS = "clusters"
MIXTURES = (FAR_APART, CLUSTERS)
"""Orders of a whole batch by its embeddings: each next item far from all before it, or from the next cluster."""

MOST_CHOSEN = 2000
"""So many items are ordered by embedding; nobody gets as far as the others before the next batch."""

COMPARES_VIEWS = frozenset({"disagreement", "gain-per-second"})
"""Strategies that compare two views of an object: only for these is it read what each view saw."""


def known_strategies() -> tuple[str, ...]:
    """Return the names that may be given a weight."""
    return (*sorted(STRATEGIES), *MIXTURES)


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
    try:
        if weights:
            check_strategies(weights)
    except BadOption as error:
        raise ValueError(str(error)) from error  # an option's refusal names the option
    return weights


Mix = Annotated[dict[str, float], AfterValidator(_known)]
"""An option: weights of strategies by name, checked; it may be empty."""


def ask_order(engine: Engine, batch_id: str, weights: Mapping[str, float], seed: int = 0) -> dict[str, float]:
    """Return the priority, 0 to 1, of every item of a triaged batch that people are asked about with proposals shown.

    Items in which nothing was found have priority 1: only a look can tell whether all was missed.

    Args:
        engine: The catalogue.
        batch_id: The batch.
        weights: By strategy; mixed by rank, so that their units do not matter.
        seed: For ties, clusters and `random`.

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
    rows = [row for part in in_shards(item_ids) for row in _read_boxes(engine, batch_id, part, weights)]
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
    if name not in MIXTURES:
        return ranks(score_by(name, candidates))
    embeddings, known = _read_embeddings(engine, detector, candidates.item_ids)
    worth = np.zeros(len(candidates))
    if len(known):
        wanted = min(MOST_CHOSEN, len(known))
        choose = k_center if name == FAR_APART else cluster_balanced
        order = choose(embeddings, wanted)
        worth[np.asarray(known)[order]] = np.linspace(1.0, 0.5, len(order))
    return worth


ProposedBox = tuple[str, str, float, float | None]
"""Item, class, score, and the score that another view gave the same object (None: it saw nothing, or is not read)."""


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
        # A view that saw nothing of any box did not look.
        other_scores=[box[3] or 0.0 for box in boxes] if any(box[3] is not None for box in boxes) else None,
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


def _read_boxes(
    engine: Engine, batch_id: str, item_ids: Sequence[str], weights: Mapping[str, float]
) -> list[ProposedBox]:
    """Return item, class, score and the other view's score (None: it saw nothing, or is not read) of kept boxes."""
    needs_views = bool(COMPARES_VIEWS & weights.keys())
    # What a box was merged from is large: it is read only where it is needed.
    parts = Proposal.merged_from if needs_views else Proposal.view
    query = (
        select(Proposal.item_id, Proposal.class_name, Proposal.score, Proposal.view, parts)  # type: ignore[call-overload]
        .join(Verdict, (col(Verdict.proposal_id) == Proposal.id) & (col(Verdict.batch_id) == batch_id))
        .where(col(Proposal.item_id).in_(item_ids), Verdict.outcome != Outcome.DROP.value)
        .order_by(col(Proposal.item_id), col(Proposal.id))
    )
    with reading(engine) as session:
        rows = session.exec(query).all()
    return [(row[0], row[1], row[2], other_score(row[3], row[4]) if needs_views else None) for row in rows]


def other_score(view: str, merged_from: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the best score that another view than a proposal's own gave its object; None where none saw it."""
    scores = [float(part["score"]) for part in merged_from if part.get("view") != view and "score" in part]
    return max(scores, default=None)


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
