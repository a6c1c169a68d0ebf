"""Rounds of a line whose own labels suggest: each opens a batch of what is sure enough for pages, and of what is not.

What a round asks is planned by `tasks/suggest/paging/plan.py`. Here is read what that must know: what the labels teach
by now, and what people said of earlier pages and of the blind random samples. A batch is opened with the version of
what was learnt for it, and with the chance from which its items come onto pages, so that a run that wakes up asks the
same.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Engine
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, Audit, Batch, BatchItem, Bookmark, Item, Proposal, Question
from blocks.database.tables import utc_now as now
from blocks.frozen import Frozen
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.suggested import embed_items, open_suggested
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen
from tasks.intake.batches import BatchRef
from tasks.monitor.active_learning.choose import free_items
from tasks.review.questions.kinds.page import PageWord
from tasks.review.questions.queue import CONFIRM_PAGE
from tasks.settle.in_force import labels_in_force
from tasks.suggest.asked_for import SUGGEST
from tasks.suggest.paging.plan import OpenItems, RoundOptions, RoundPlan, SaidOfSure, by_lot, plan_round
from tasks.train.teaching import find_taught, labels_that_teach
from tasks.triage.audit import RANDOM
from tasks.triage.boxes import in_shards

SUREST = "kernel-ridge"
"""The learner where a line names none: what it is surest of is right more often than with the others."""

POOL_AT_MOST = 20_000
"""Unlabelled items among which a round chooses, drawn by lot where there are more."""

SPACE_FROM = 1_000
"""Of these, so many also say where vectors lie."""

NEVER = 1.0

log = logging.getLogger(__name__)


class RoundRef(Frozen):
    """The batch of a round, and from which chance on its items come onto pages; of size 0 where nothing is left."""

    batch: BatchRef
    accept: float = NEVER


def open_round(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    collection: str,
    spec: str,
    kind: str,
    options: RoundOptions,
    run_id: str | None = None,
) -> RoundRef:
    """Open the batch of the next round.

    Args:
        engine: The catalogue.
        store: Where pictures, and what is learnt, are.
        experiments: Whose champion's features are the vectors, where there is one.
        collection: Whose items.
        spec: `suggest`, with a learner or weights behind it.
        kind: Of the labels.
        options: How much a round asks.
        run_id: The flow run that goes on with the batch.

    Raises:
        BadOption: There is no such learner.
        BadWeights: The weights cannot be used.
    """
    with reading(engine) as session:
        number = len(_rounds(session, collection)) + 1
        free = list(free_items(session, collection))
    batch = BatchRef(id=f"{_prefix(collection)}{number}", collection=collection, size=0)
    if not free:
        return RoundRef(batch=batch)
    pool = _items(engine, by_lot(free, options.seed)[:POOL_AT_MOST])
    learner = spec if spec != SUGGEST else f"{SUGGEST}:{SUREST}"
    found = find_taught(engine, store, experiments, collection, learner, kind, others=pool[:SPACE_FROM])
    taught = found if found and found.is_taught else DetectorRef.nobody(SUGGEST)
    known = replace(_standing(engine, store, collection, pool, taught), round=number - 1)
    plan = plan_round(known, options)
    accept = NEVER if taught.is_nobody else 1 - (1 - options.least_chance) / known.correction()
    return _open(engine, batch, taught, [known.item_ids[at] for at in plan.places()], max(accept, 0.5), plan, run_id)


def accept_of(engine: Engine, batch_id: str) -> float:
    """Return from which chance on the items of a round's batch come onto pages; never, where it was not noted."""
    with reading(engine) as session:
        kept = session.get(Bookmark, _accept_name(batch_id))
    return float(kept.value) if kept else NEVER


def _open(
    engine: Engine,
    batch: BatchRef,
    taught: DetectorRef,
    item_ids: Sequence[str],
    accept: float,
    plan: RoundPlan,
    run_id: str | None,
) -> RoundRef:
    row = {"id": batch.id, "collection": batch.collection, "flow_run_id": run_id}
    places = [{"batch_id": batch.id, "item_id": item_id, "position": at} for at, item_id in enumerate(item_ids)]
    noted = {"name": _accept_name(batch.id), "value": str(accept), "updated_at": now()}
    with writing(engine) as session:
        upsert(session, Batch, [row | ({} if taught.is_nobody else {"detector": taught.version})])
        upsert(session, BatchItem, places)
        upsert(session, Bookmark, [noted], update=("value", "updated_at"))
    log.info(
        "%s: %d pages, %d asked singly, pages from chance %.3f", batch.id, len(plan.pages), len(plan.singles), accept
    )
    return RoundRef(batch=batch.model_copy(update={"size": len(item_ids)}), accept=accept)


def _standing(engine: Engine, store: Store, collection: str, pool: Sequence[Item], taught: DetectorRef) -> OpenItems:
    labelled = len(labels_that_teach(engine, collection))
    ids = tuple(item.id for item in pool)
    if taught.is_nobody:
        nothing = np.zeros(len(ids))
        return OpenItems(
            ids, np.zeros(len(ids), dtype=np.intp), nothing, np.full((len(ids), 1), np.nan), (), (), labelled
        )
    looker = open_suggested(engine, store, taught, TilingOptions())
    suggester, embedder = looker.suggester, looker.embedder
    seen = dict(embed_items(engine, store, pool, embedder, TilingOptions()))
    length = len(suggester.space.mean)
    rows = np.array([np.full(length, np.nan) if isinstance(seen[id_], Unseen) else seen[id_] for id_ in ids])
    chances = suggester.suggest(rows, embedder.name).probabilities
    best = chances.argmax(axis=1)
    pages, blind = read_said(engine, collection)
    placed = suggester.space.place(rows, embedder.name)
    return OpenItems(ids, best, chances[np.arange(len(ids)), best], placed, pages, blind, labelled)


def read_said(engine: Engine, collection: str) -> tuple[tuple[SaidOfSure, ...], tuple[SaidOfSure, ...]]:
    """Return what people said of sure items in the rounds of a collection: on pages, and asked blind."""
    pages: list[SaidOfSure] = []
    blind: list[SaidOfSure] = []
    with reading(engine) as session:
        rounds = _rounds(session, collection)
        for number, batch in enumerate(rounds):
            for words in session.exec(_pages_of(batch.id)):
                said = [PageWord.model_validate(word) for word in words]
                scores = _scores(session, [word.proposal_id for word in said])
                wrong = sum(word.word == "removed" for word in said)
                pages.append(SaidOfSure(number, len(said), wrong, sum(1 - score for score in scores)))
    for number, batch in enumerate(rounds):
        blind += _said_blind(engine, collection, batch, number)
    return tuple(pages), tuple(blind)


def _pages_of(batch_id: str) -> SelectOfScalar[Any]:
    return (
        select(Answer.raw)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.queue == CONFIRM_PAGE, Question.batch_id == batch_id)
        .where(Answer.state == AnswerState.COUNTED.value)
        .order_by(col(Question.id))
    )


def _scores(session: Session, proposal_ids: Sequence[str]) -> list[float]:
    return list(session.exec(select(Proposal.score).where(col(Proposal.id).in_(proposal_ids))))


def _said_blind(engine: Engine, collection: str, batch: Batch, number: int) -> list[SaidOfSure]:
    sure = (
        select(Proposal.item_id, Proposal.class_name, Proposal.score)
        .join(Audit, col(Audit.item_id) == col(Proposal.item_id))
        .where(Audit.batch_id == batch.id, Audit.why == RANDOM)
        .where(Proposal.detector == (batch.detector or ""), Proposal.score >= accept_of(engine, batch.id))
    )
    with reading(engine) as session:
        proposed = {item_id: (name, score) for item_id, name, score in session.exec(sure)}
    labels = labels_in_force(engine, list(proposed), collection)
    said = {item_id: some[0].class_name for item_id, some in labels.items() if some}
    if not said:
        return []
    wrong = sum(proposed[item_id][0] != name for item_id, name in said.items())
    return [SaidOfSure(number, len(said), wrong, sum(1 - proposed[item_id][1] for item_id in said))]


def _rounds(session: Session, collection: str) -> list[Batch]:
    query = select(Batch).where(Batch.collection == collection).order_by(col(Batch.created_at), col(Batch.id))
    return [batch for batch in session.exec(query) if batch.id.startswith(_prefix(collection))]


def _items(engine: Engine, item_ids: Sequence[str]) -> list[Item]:
    found: dict[str, Item] = {}
    with reading(engine) as session:
        for part in in_shards(item_ids):
            found |= {item.id: item for item in session.exec(select(Item).where(col(Item.id).in_(part)))}
    return [found[item_id] for item_id in item_ids]


def _prefix(collection: str) -> str:
    return f"{collection}-round-"


def _accept_name(batch_id: str) -> str:
    return f"round {batch_id} onto pages from"
