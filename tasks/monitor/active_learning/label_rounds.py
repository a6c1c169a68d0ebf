"""Rounds of a line whose own labels suggest: each asks singly what is not sure, and shows what is certified on pages.

What a round asks is planned by `tasks/suggest/paging/plan.py`. Here is read what that must know: what the labels teach
by now, and what people said of earlier pages and of what was drawn from their frames. A round with a frame opens two
batches at once: one of what is asked singly, what is drawn from the frame among it, and one of the rest of the frame,
which waits. Once the first is settled the second is decided (`frames_of_rounds.py`): its items come onto pages, or some
more of them are drawn and asked singly, or it is given up and they are free again. All keep the version of what was
learnt, and pages the chance from which on their items are sure, so that a run that wakes up asks the same.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Audit, Batch, BatchItem, Bookmark, Item
from blocks.database.tables import utc_now as now
from blocks.frozen import Frozen
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.frames import ways_to_certify
from tasks.audit.risk_control.certified_pages import read_frames
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.suggested import embed_items, open_suggested
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen
from tasks.intake.batches import BatchRef, unsettled
from tasks.intake.near_duplicates.find import original_of
from tasks.monitor.active_learning.choose import free_items
from tasks.monitor.active_learning.frames_of_rounds import decide_frame
from tasks.monitor.active_learning.key_rounds import open_key_round
from tasks.monitor.active_learning.said_in_rounds import is_further, prefix_of, read_said, rounds_of
from tasks.suggest.asked_for import SUGGEST
from tasks.suggest.paging.plan import NEVER, OpenItems, RoundOptions, RoundPlan, by_lot, entropy_of, plan_round
from tasks.track.asked_for import propagate_asked
from tasks.train.between_rounds import learnt_between_rounds
from tasks.train.registry import CHAMPION, resolve_detector
from tasks.train.teaching import find_taught, labels_that_teach
from tasks.triage.audit import FRAME
from tasks.triage.boxes import in_shards

SUREST = "kernel-ridge"
"""The learner where a line names none: what it is surest of is right more often than with the others."""

POOL_AT_MOST = 20_000
"""Unlabelled items among which a round chooses, drawn by lot where there are more."""

SPACE_FROM = 1_000
"""Of these, so many also say where vectors lie."""

ON_PAGES = "-pages"
"""What the id of a batch of pages ends with, after that of its round."""

ROUNDING = 1e-6
"""By so much the chance of an item may differ between planning and proposing."""
TRUSTED = 0.5
"""Trust from which on a followed box comes onto a page; see `tasks/track/clip.py`."""

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
    """Open the batch of the next round, or go on with pages that wait, where these are certified by now.

    Args:
        engine: The catalogue.
        store: Where pictures, and what is learnt, are.
        experiments: Whose champion's features are the vectors, where there is one.
        collection: Whose items.
        spec: `suggest`, with a learner or weights behind it; or `propagate`, with a detector behind it.
        kind: Of the labels.
        options: How much a round asks, and what is promised of pages.
        run_id: The flow run that goes on with the batch.

    Raises:
        BadOption: There is no such learner.
        BadWeights: The weights cannot be used.
    """
    for waiting in [id_ for id_, owner in unsettled(engine, collection).items() if owner == run_id and is_pages(id_)]:
        accept = accept_of(engine, waiting)
        if asked_next := decide_frame(engine, waiting.removesuffix(ON_PAGES), waiting, accept, options, run_id):
            return RoundRef(batch=asked_next, accept=accept if is_pages(asked_next.id) else NEVER)
    with reading(engine) as session:
        free = originals_first(free_items(session, collection), original_of(session, collection))
    number = len([batch for batch in rounds_of(engine, collection) if not (is_pages(batch.id) or is_further(batch.id))])
    batch = BatchRef(id=f"{prefix_of(collection)}{number + 1}", collection=collection, size=0)
    if not free:
        return RoundRef(batch=batch)
    if asked := propagate_asked(spec):
        learns = False
        if options.learn:
            base = resolve_detector(experiments, store, collection, asked.detector or CHAMPION, kind)
            learns = learnt_between_rounds(engine, collection, spec, base) is not None
        opened, follows = open_key_round(engine, store, batch, options.key_step, run_id, learns=learns)
        return _noted(engine, opened, TRUSTED if follows else NEVER)
    pool = _items(engine, by_lot(list(free), options.seed)[:POOL_AT_MOST])
    learner = spec if spec != SUGGEST else f"{SUGGEST}:{SUREST}"
    found = find_taught(engine, store, experiments, collection, learner, kind, others=pool[:SPACE_FROM])
    taught = found if found and found.is_taught else DetectorRef.nobody(SUGGEST)
    held_out = frozenset(item_id for item_id, split in free.items() if split == "test")
    tried = tuple(frame.is_shown for frame in read_frames(engine, collection))
    known = replace(_standing(engine, store, collection, pool, taught), round=number, held_out=held_out, tried=tried)
    promise = Promise(max_error_rate=options.max_error_rate, confidence=options.confidence)
    plan = plan_round(known, options, partial(ways_to_certify, read_frames(engine, collection), promise=promise))
    return _open(engine, batch, taught, known, plan, run_id)


def _noted(engine: Engine, batch: BatchRef, accept: float) -> RoundRef:
    noted = {"name": accept_bookmark(batch.id), "value": str(accept), "updated_at": now()}
    with writing(engine) as session:
        upsert(session, Bookmark, [noted], update=("value", "updated_at"))
    return RoundRef(batch=batch, accept=accept)


def originals_first(free: Mapping[str, str | None], originals: Mapping[str, str]) -> dict[str, str | None]:
    """Return items without those whose near-duplicate waits as well: they come when that one has taught."""
    return {item_id: split for item_id, split in free.items() if originals.get(item_id) not in free}


def accept_of(engine: Engine, batch_id: str) -> float:
    """Return from which chance on the items of a round's batch come onto pages; never, where it was not noted."""
    with reading(engine) as session:
        kept = session.get(Bookmark, accept_bookmark(batch_id))
    return float(kept.value) if kept else NEVER


def is_pages(batch_id: str) -> bool:
    """Say whether a batch is of what comes onto pages, if that is certified."""
    return batch_id.endswith(ON_PAGES)


def _open(
    engine: Engine, batch: BatchRef, taught: DetectorRef, known: OpenItems, plan: RoundPlan, run_id: str | None
) -> RoundRef:
    singles, pages = (*plan.drawn, *plan.singles), f"{batch.id}{ON_PAGES}"
    row = {"collection": batch.collection, "flow_run_id": run_id}
    row |= {} if taught.is_nobody else {"detector": taught.version}
    ids = {batch.id: singles} | ({pages: plan.on_pages} if plan.on_pages else {})
    places = [
        {"batch_id": id_, "item_id": known.item_ids[place], "position": at}
        for id_, some in ids.items()
        for at, place in enumerate(some)
    ]
    drawn = [
        {"batch_id": batch.id, "item_id": known.item_ids[place], "why": FRAME, "seed": known.round}
        for place in plan.drawn
    ]
    framed = known.chance[[*plan.drawn, *plan.on_pages]]
    accept = max(float(framed.min()) - ROUNDING, 0.0) if plan.on_pages else NEVER
    noted = {"name": accept_bookmark(pages), "value": str(accept), "updated_at": now()}
    with writing(engine) as session:
        for id_ in ids:
            upsert(session, Batch, [{"id": id_, "created_at": now(), **row}])
        upsert(session, BatchItem, places)
        upsert(session, Audit, drawn)
        upsert(session, Bookmark, [noted] if plan.on_pages else [], update=("value", "updated_at"))
    told = "nothing can be certified yet, so there are no pages"
    if plan.on_pages:
        told = f"{len(drawn)} of them drawn to certify {len(plan.on_pages)} more of chance {accept:.3f} for pages"
    log.info("%s: %d asked singly; %s", batch.id, len(singles), told)
    return RoundRef(batch=batch.model_copy(update={"size": len(singles)}))


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
    placed = suggester.space.place(rows, embedder.name)
    chances = suggester.suggest_placed(placed).probabilities
    best = chances.argmax(axis=1)
    pages, blind = read_said(engine, collection)
    at_best, entropy = chances[np.arange(len(ids)), best], entropy_of(chances)
    return OpenItems(ids, best, at_best, placed, pages, blind, labelled, entropy=entropy)


def _items(engine: Engine, item_ids: Sequence[str]) -> list[Item]:
    found: dict[str, Item] = {}
    with reading(engine) as session:
        for part in in_shards(item_ids):
            found |= {item.id: item for item in session.exec(select(Item).where(col(Item.id).in_(part)))}
    return [found[item_id] for item_id in item_ids]


def accept_bookmark(batch_id: str) -> str:
    """Name the bookmark that holds from which chance on a round's batch comes onto pages."""
    return f"round {batch_id} onto pages from"
