"""Settle a batch: verdicts and answers become labels, as revisions that are only ever added.

Safe to call at any time and again: after an edited, deleted or late answer it adds what changed, else nothing.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, update
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Label, Proposal, utc_now
from blocks.errors import BadOption, BadShape
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import noted_shapes
from tasks.review.questions.bookmarks import read_bookmarks, write_bookmarks
from tasks.settle.evidence import BatchPlace, read_evidence, read_places
from tasks.settle.films.mending import settle_mended
from tasks.settle.report import ItemAside, SettleCounts, SettleReport
from tasks.settle.revisions import COLUMNS, Home, LabelRow, new_revisions, newest_per_region
from tasks.settle.truth import TruthStatus
from tasks.triage.boxes import in_shards

_LAST = "settle batch {} last"
"""The bookmark that says when a batch was last settled as a whole."""

_OF_FORMER_KIND = "answered with labels of type {}, and since then its collection was converted to those of type {}"


def settle(engine: Engine, batch_id: str, detector: str, recipe: str) -> SettleReport:
    """Turn what triage and people said about a batch into labels.

    Works shard by shard, each in one transaction. An item whose answer cannot be read, or has shapes of another kind
    than its collection was converted to since, is reported and left as it is.

    Args:
        engine: The catalogue.
        batch_id: The batch, triaged.
        detector: The version whose proposals were triaged.
        recipe: The scan options whose proposals were triaged.

    Returns:
        What the labels in force of the batch are and how they came about. Items that a later batch of the same
        collection has settled again are left out.

    Raises:
        BadOption: There is no such batch.
    """
    began = utc_now()
    tally = SettleCounts(batch_id)
    with reading(engine) as session:
        places = read_places(session, batch_id)
        tally.leave_out(_read_left_out(session, batch_id))
    _settle_places(engine, Scope(batch_id, detector, recipe), places, tally)
    report = tally.report()
    with writing(engine) as session:
        write_bookmarks(session, {_LAST.format(batch_id): began.isoformat()})
        is_over = not report.items_waiting and not report.set_aside
        if is_over and (places or _is_all_left_out(session, batch_id)):
            _note_batch_settled(session, batch_id)
    return report


def settle_items(engine: Engine, batch_id: str, detector: str, recipe: str, item_ids: Collection[str]) -> SettleReport:
    """Settle some items of a batch again, which has been settled as a whole before; the others stay as they are.

    Returns:
        As `settle`, of these items alone; those that are not of the batch, or set aside, are none.

    Raises:
        BadOption: There is no such batch.
    """
    tally = SettleCounts(batch_id)
    with reading(engine) as session:
        places = [place for place in read_places(session, batch_id) if place.item_id in item_ids]
    _settle_places(engine, Scope(batch_id, detector, recipe), places, tally)
    return tally.report()


def last_settled(session: Session, batch_id: str) -> datetime | None:
    """Return when a batch was last settled as a whole, so that asking was over; None where it never was."""
    name = _LAST.format(batch_id)
    noted = read_bookmarks(session, [name]).get(name)
    if noted is not None:
        return datetime.fromisoformat(noted)
    batch = session.get(Batch, batch_id)
    return batch.settled_at if batch else None


def _settle_places(engine: Engine, scope: Scope, places: Sequence[BatchPlace], tally: SettleCounts) -> None:
    with reading(engine) as session:
        home, later = _home_of(session, scope.batch_id)
    for part in in_shards(places):
        with writing(engine) as session:
            _settle_shard(session, scope, home, _without(session, part, later), tally)


def _settle_shard(
    session: Session, scope: Scope, home: Home, places: Sequence[BatchPlace], tally: SettleCounts
) -> None:
    evidence, broken = read_evidence(session, scope, places)
    latest = newest_rows(session, [place.item_id for place in places])
    for item_id, error in broken.items():
        tally.set_aside(item_id, error)
    rows = []
    moved: dict[bool, list[str]] = {True: [], False: []}
    for place in places:
        known = evidence.get(place.item_id)
        if known is None:
            continue
        settlement = settle_mended(known, home.batch_id)
        added = new_revisions(home, place.item_id, settlement, latest.get(place.item_id, []))
        strange = home.strange(added)
        if strange:
            types = " and ".join(strange), " and ".join(sorted(home.shapes))
            tally.set_aside(place.item_id, BadShape(_OF_FORMER_KIND.format(*types)))
            continue
        tally.add(place, known, settlement, len(added))
        rows += added
        is_settled = settlement.standing is TruthStatus.SETTLED
        if is_settled != (place.settled_at is not None):
            moved[is_settled].append(place.item_id)
    upsert(session, Label, _with_tracks(session, rows))
    for is_settled, item_ids in moved.items():
        _note_items_settled(session, scope.batch_id, item_ids, is_settled)


def _with_tracks(session: Session, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of labels with the track that each has; one that has none gets that of the proposal it came from."""
    wanted = {row["proposal_id"] for row in rows if row["proposal_id"]}
    query = select(Proposal.id, Proposal.track).where(col(Proposal.track).is_not(None))
    known: dict[str, str | None] = {}
    for part in in_shards(sorted(wanted)):
        known |= dict(session.exec(query.where(col(Proposal.id).in_(part))).all())
    return [row | {"track": row["track"] or known.get(row["proposal_id"])} for row in rows]


def _note_items_settled(session: Session, batch_id: str, item_ids: Sequence[str], is_settled: bool) -> None:
    if item_ids:
        mine = (col(BatchItem.batch_id) == batch_id) & col(BatchItem.item_id).in_(item_ids)
        session.connection().execute(update(BatchItem).where(mine).values(settled_at=utc_now() if is_settled else None))


def _read_left_out(session: Session, batch_id: str) -> list[ItemAside]:
    query = (
        select(BatchItem.item_id, BatchItem.set_aside)
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_not(None))
        .order_by(col(BatchItem.position))
    )
    return [ItemAside(item_id=item_id, reason=reason or "") for item_id, reason in session.exec(query).all()]


def _is_all_left_out(session: Session, batch_id: str) -> bool:
    """Say whether nothing of a batch is left to settle, so that no later run takes it up again."""
    in_batch = select(BatchItem.item_id).where(BatchItem.batch_id == batch_id)
    return session.exec(in_batch.where(col(BatchItem.set_aside).is_(None)).limit(1)).first() is None


def _note_batch_settled(session: Session, batch_id: str) -> None:
    open_batch = (col(Batch.id) == batch_id) & col(Batch.settled_at).is_(None)
    session.connection().execute(update(Batch).where(open_batch).values(settled_at=utc_now()))


def _home_of(session: Session, batch_id: str) -> tuple[Home, list[str]]:
    """Return where the batch's labels belong, and the batches of its collection that were opened after it."""
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise BadOption(f"batch {batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
    query = select(Batch.id, Batch.created_at).where(Batch.collection == batch.collection)
    siblings = {sibling: (created_at, sibling) for sibling, created_at in session.exec(query).all()}
    later = [sibling for sibling, age in siblings.items() if age > siblings[batch_id]]
    return Home(batch_id, frozenset(siblings), noted_shapes(session, batch.collection)), later


def _without(session: Session, places: Sequence[BatchPlace], later: Sequence[str]) -> list[BatchPlace]:
    """Leave out items that a later batch has settled: its word is newer."""
    if not later:
        return list(places)
    query = select(BatchItem.item_id).where(
        col(BatchItem.item_id).in_([place.item_id for place in places]),
        col(BatchItem.batch_id).in_(later),
        col(BatchItem.settled_at).is_not(None),
    )
    newer = set(session.exec(query).all())
    return [place for place in places if place.item_id not in newer]


def newest_rows(session: Session, item_ids: Sequence[str]) -> dict[str, list[LabelRow]]:
    """Return the rows of highest revision per region of some items, retracted ones included, by item id."""
    columns = [getattr(Label, name) for name in COLUMNS]
    query = select(*columns).where(col(Label.item_id).in_(item_ids)).order_by(col(Label.item_id), col(Label.region))
    found: dict[str, list[LabelRow]] = {}
    for written in newest_per_region(LabelRow(*row) for row in session.exec(query).all()):
        found.setdefault(written.item_id, []).append(written)
    return found
