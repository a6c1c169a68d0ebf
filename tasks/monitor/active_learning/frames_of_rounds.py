"""What becomes of a round's frame once people have answered: it is shown, drawn from further, or given up.

What waits for pages is a batch. Where more is drawn, the next items of the same lots leave it for a batch of their own,
which keeps what was learnt when the frame was set: an item is judged by what was suggested for it then.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import Engine, delete
from sqlmodel import col, select

from blocks.database.audit_tables import CertifiedThreshold
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Audit, Batch, BatchItem
from blocks.database.tables import utc_now as now
from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.frames import Frame, further_draws, is_certified
from tasks.audit.risk_control.certified_pages import RoundFrame, certify_pages, read_frames, read_page_thresholds
from tasks.intake.batches import BatchRef, hand_over
from tasks.monitor.active_learning.said_in_rounds import is_further, name_further, rounds_of, said_of_drawn
from tasks.suggest.paging.plan import LIKELY, STAGE, RoundOptions, by_lot
from tasks.triage.audit import FRAME

log = logging.getLogger(__name__)


def decide_frame(
    engine: Engine, asked: str, waiting: str, accept: float, options: RoundOptions, run_id: str | None
) -> BatchRef | None:
    """Return what is asked next of a frame: its pages, or more that is drawn; None: it is given up, its items are free.

    Called again it returns the same, until that is settled.

    Args:
        engine: The catalogue.
        asked: The batch of its round, settled.
        waiting: The batch of what waits for pages.
        accept: The chance from which on items were in the frame.
        options: What is promised, and how much may be drawn.
        run_id: The flow run that goes on with it.
    """
    with reading(engine) as session:
        first, collection = session.get_one(Batch, asked), session.get_one(Batch, waiting).collection
        left = list(session.exec(select(BatchItem.item_id).where(BatchItem.batch_id == waiting)))
    further = [batch for batch in rounds_of(engine, collection) if is_further(batch.id, asked)]
    for batch in further:
        if batch.settled_at is None:
            hand_over(engine, batch.id, run_id)
            return _ref(engine, batch.id, collection)
    stages = [said for batch in (first, *further) if (said := said_of_drawn(engine, collection, batch))]
    if not stages:
        return None
    drawn, wrong = sum(stage.size for stage in stages), sum(stage.wrong for stage in stages)
    frame = Frame(len(left) + drawn, drawn, wrong)
    promise = Promise(max_error_rate=options.max_error_rate, confidence=options.confidence)
    decided: Sequence[CertifiedThreshold] = read_page_thresholds(engine, collection)
    if asked not in {row.batch_id for row in decided}:
        earlier = read_frames(engine, collection)
        more = None
        if not is_certified([*earlier, frame], promise):
            more = further_draws(earlier, frame, promise, options.most_drawn, LIKELY, STAGE)
        if more:
            log.info("%s: %d of %d drawn were wrong: %d more are drawn of the same items", asked, wrong, drawn, more)
            return _draw_on(engine, first, name_further(asked, len(further) + 1), waiting, left, more, options, run_id)
    decision = RoundFrame(asked, collection, first.detector or "", accept, frame, tuple(stage.size for stage in stages))
    if certify_pages(engine, decision, promise):
        return BatchRef(id=waiting, collection=collection, size=len(left))
    with writing(engine) as session:
        session.exec(delete(BatchItem).where(col(BatchItem.batch_id) == waiting))
        session.exec(delete(Batch).where(col(Batch.id) == waiting))
    log.warning("%s: %d of %d drawn were wrong: nothing is certified, no page is shown", asked, wrong, drawn)
    return None


def _draw_on(
    engine: Engine,
    first: Batch,
    batch_id: str,
    waiting: str,
    left: Sequence[str],
    more: int,
    options: RoundOptions,
    run_id: str | None,
) -> BatchRef:
    with reading(engine) as session:
        round_ = session.exec(select(Audit.seed).where(Audit.batch_id == first.id, Audit.why == FRAME)).first() or 0
    lots = by_lot(left, options.seed + round_)[:more]  # those after what was drawn, in the order of the same lots
    row = {"id": batch_id, "created_at": now(), "collection": first.collection, "flow_run_id": run_id}
    row |= {"detector": first.detector} if first.detector else {}
    drawn = [{"batch_id": batch_id, "item_id": item_id, "why": FRAME, "seed": round_} for item_id in lots]
    places = [{"batch_id": batch_id, "item_id": item_id, "position": at} for at, item_id in enumerate(lots)]
    with writing(engine) as session:
        upsert(session, Batch, [row])
        session.exec(delete(BatchItem).where(col(BatchItem.batch_id) == waiting, col(BatchItem.item_id).in_(lots)))
        upsert(session, BatchItem, places)
        upsert(session, Audit, drawn)
    return BatchRef(id=batch_id, collection=first.collection, size=len(lots))


def _ref(engine: Engine, batch_id: str, collection: str) -> BatchRef:
    with reading(engine) as session:
        items = session.exec(select(BatchItem.item_id).where(BatchItem.batch_id == batch_id)).all()
    return BatchRef(id=batch_id, collection=collection, size=len(items))
