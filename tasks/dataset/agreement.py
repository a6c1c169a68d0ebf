"""How far people agreed on the answers behind a snapshot, measured as the report about people measures a batch."""

from collections.abc import Collection, Sequence

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database import reading
from blocks.people_tables import Decision
from tasks.audit.certificate import Agreement
from tasks.review.agreement import Statement, measure_agreement
from tasks.review.groups import read_groups
from tasks.review.queues import MARK_MISSED, NAME_KIND
from tasks.settle.people import statements_of

OVERLAPPING = {MARK_MISSED: "boxes", NAME_KIND: "kinds"}
"""Queues in which several people may answer one question, and about what; the first that was measured is told."""


def agreement_behind(engine: Engine, batch_ids: Sequence[str], item_ids: Collection[str]) -> Agreement | None:
    """Measure how people agreed who answered the same questions blind of each other.

    Args:
        engine: The catalogue.
        batch_ids: In which batches they were asked.
        item_ids: The snapshot's items; answers about others do not count.

    Returns:
        Krippendorff's alpha, or where that is not defined (all of one class) the share of places on which people say
        the same; None where nobody answered what another one did, or nobody drew anything.
    """
    for queue, what in OVERLAPPING.items():
        with reading(engine) as session:
            questions, statements = _read_overlap(session, queue, batch_ids, item_ids)
        found = measure_agreement(statements)
        if not found.units:
            continue
        pairs = sum(pair.units for pair in found.pairs)
        alike = sum(pair.units * pair.share for pair in found.pairs) / pairs
        return Agreement(
            measure=f"share of {what} alike" if found.alpha is None else f"Krippendorff's alpha of {what}",
            value=round(alike if found.alpha is None else found.alpha, 4),
            questions=questions,
            people=len(found.people),
        )
    return None


def _read_overlap(
    session: Session, queue: str, batch_ids: Sequence[str], item_ids: Collection[str]
) -> tuple[int, list[Statement]]:
    """Return how many questions several people answered, and what they said there."""
    weighed = select(Decision.batch_id).where(Decision.queue == queue, col(Decision.batch_id).in_(batch_ids)).distinct()
    questions, statements = 0, []
    for batch_id in sorted(session.exec(weighed)):
        for group in read_groups(session, queue, batch_id):
            said = statements_of([group]) if group.item_id in item_ids else []
            if len({one.person for one in said}) > 1:
                questions += 1
                statements += said
    return questions, statements
