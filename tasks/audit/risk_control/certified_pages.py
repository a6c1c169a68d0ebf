"""Certified pages: from which chance on the items of a round come onto pages, and what a random sample of them proves.

Each round has one threshold for all classes, set before anybody has seen what is drawn. It is kept where the thresholds
of boxes are, a row for each round: what was drawn, what was wrong, whether the rest came onto pages, and why. A row is
what was decided by: an answer that is changed later changes none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine
from sqlmodel import Session, select

from blocks.database.audit_tables import CertifiedThreshold
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import utc_now
from tasks.audit.bounds.certify import Promise, ThresholdStatus
from tasks.audit.bounds.frames import Frame, draws_to_certify, is_certified, wrong_on_pages
from tasks.triage.summary import escape_cell, percent, table

PAGES = "pages"
"""What stands for a recipe, and for what a threshold speaks of: all pages of a collection's rounds."""

EVERY_CLASS = "*"


@dataclass(frozen=True, slots=True)
class RoundFrame:
    """What could come onto pages in a round.

    Attributes:
        batch_id: Of the round.
        collection: Whose.
        detector: What proposed.
        accept_from: The chance, 0 to 1, from which on items were in it.
        frame: How many these were, and what was said of those drawn.
        stages: How many were drawn at a time; empty: all at once.
    """

    batch_id: str
    collection: str
    detector: str
    accept_from: float
    frame: Frame
    stages: tuple[int, ...] = ()


def certify_pages(engine: Engine, one: RoundFrame, promise: Promise) -> bool:
    """Decide whether the items of a round come onto pages, and keep why; a second call finds it decided.

    Args:
        engine: The catalogue.
        one: The round; all that was drawn is answered, or nobody is waited for any more.
        promise: ε and δ, of all pages of the collection so far and these.
    """
    with writing(engine) as session:
        key = (one.batch_id, one.detector, PAGES, EVERY_CLASS)
        kept = session.get(CertifiedThreshold, key)
        if kept is None:
            earlier = [_frame(row) for row in _thresholds(session, one.collection)]
            certified = is_certified([*earlier, one.frame], promise)
            upsert(session, CertifiedThreshold, [_row(one, earlier, certified, promise)])
            return certified
        return kept.standing == ThresholdStatus.CERTIFIED.value


def read_frames(engine: Engine, collection: str) -> list[Frame]:
    """Return the frames of a collection's rounds that were decided, in order, those that were not shown as well."""
    return [_frame(row) for row in read_page_thresholds(engine, collection)]


def read_page_thresholds(engine: Engine, collection: str) -> list[CertifiedThreshold]:
    """Return what is kept of the rounds of a collection that had a frame, in their order."""
    with reading(engine) as session:
        return _thresholds(session, collection)


def pages_in_words(rows: Sequence[CertifiedThreshold]) -> str:
    """Say of all pages of a collection how many of their items are wrong at most; empty where there were none."""
    frames, delta = [_frame(row) for row in rows], max((row.delta for row in rows), default=0.05)
    shown = sum(frame.on_pages for frame in frames)
    if not shown:
        return ""
    most, drawn = wrong_on_pages(frames, delta), sum(frame.drawn for frame in frames)
    promised = max(row.epsilon for row, frame in zip(rows, frames, strict=True) if frame.is_shown)
    # What an earlier rule let onto pages may be more than today's rule proves: then it says why.
    over = f"; that is {most / shown:.2%}, more than the {promised:.2%} promised: decided by an earlier rule, recounted"
    return (
        f"certified pages: of {shown} items on pages at most {percent(most, shown)} were wrong as they were shown, "
        f"with {1 - delta:.0%} confidence ({drawn} drawn at random were asked one by one, "
        f"{sum(frame.wrong for frame in frames)} of them were wrong)"
        f"{over if most > promised * shown else ''}"
    )


def pages_summary(collection: str, rows: Sequence[CertifiedThreshold]) -> str:
    """Return the certificate of a collection's pages as Markdown: round by round, and of all together."""
    title = f"## Certified pages of {escape_cell(collection)}"
    if not rows:
        return f"{title}\n\nNothing is certified yet, so no page is shown: people are asked one by one."
    head = ("round", "sure enough", "randomly sampled", "wrong", "from chance", "standing")
    body = [
        (row.batch_id, row.population, row.judged, row.wrong, _from_chance(row), row.standing.replace("_", " "))
        for row in rows
    ]
    told = pages_in_words(rows) or "No page was shown: nothing was certified, and people are asked one by one."
    why = "\n".join(f"- {escape_cell(row.reason)}" for row in rows)
    return "\n\n".join([title, f"{told[:1].upper()}{told[1:]}.".replace("..", "."), table(head, body), why])


def _from_chance(row: CertifiedThreshold) -> str:
    return "–" if row.accept_from is None else f"{row.accept_from:.3f}"


def _thresholds(session: Session, collection: str) -> list[CertifiedThreshold]:
    query = select(CertifiedThreshold).where(
        CertifiedThreshold.collection == collection, CertifiedThreshold.recipe == PAGES
    )
    return sorted(session.exec(query), key=lambda row: (len(row.batch_id), row.batch_id))


def _frame(row: CertifiedThreshold) -> Frame:
    return Frame(row.population, row.judged, row.wrong, row.standing == ThresholdStatus.CERTIFIED.value)


def _row(one: RoundFrame, earlier: Sequence[Frame], certified: bool, promise: Promise) -> dict[str, object]:
    frame = one.frame
    met = f"{frame.wrong} of {frame.drawn} randomly sampled items of chance {one.accept_from:.3f} or more are wrong"
    met += f" (drawn one after another: {', then '.join(map(str, one.stages))})" if one.stages[1:] else ""
    so_many = f"at most {promise.max_error_rate:.1%} of all items on pages with {promise.confidence:.0%} confidence"
    after = [*earlier, replace(frame, is_shown=False)]
    more = None if certified else draws_to_certify(after, frame.population, 0, promise)
    reason = f"{met}: {so_many}" if certified else f"{met}: that does not certify {so_many}, so no page is shown"
    return {
        "batch_id": one.batch_id,
        "detector": one.detector,
        "recipe": PAGES,
        "class_name": EVERY_CLASS,
        "collection": one.collection,
        "standing": (ThresholdStatus.CERTIFIED if certified else ThresholdStatus.NOT_ENOUGH_EVIDENCE).value,
        "accept_from": one.accept_from if certified else None,
        "epsilon": promise.max_error_rate,
        "delta": promise.delta,
        "scope": PAGES,
        "population": frame.population,
        "share_accepted": frame.on_pages / frame.population if certified else 0.0,
        "draws": frame.drawn,
        "judged": frame.drawn,
        "wrong": frame.wrong,
        "more_audits": more,
        "reason": reason,
        "certified_at": utc_now() if certified else None,
    }
