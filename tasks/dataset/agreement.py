"""How far people agreed on the answers behind a snapshot, measured as the report about people measures a batch."""

from collections.abc import Collection, Sequence

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.people_tables import Decision
from blocks.database.tables import Question
from tasks.audit.certificate.certificate import BlindAgreement
from tasks.review.consensus.agreement import Statement, measure_agreement
from tasks.review.consensus.answer_groups import read_groups
from tasks.review.questions.kinds.registry import kind_named, kinds_that_settle
from tasks.review.questions.slots import of_kinds
from tasks.settle.annotators.people import statements_of


def agreement_behind(engine: Engine, batch_ids: Sequence[str], item_ids: Collection[str]) -> BlindAgreement | None:
    """Measure how people agreed who answered the same questions blind of each other.

    Args:
        engine: The catalogue.
        batch_ids: In which batches they were asked.
        item_ids: The snapshot's items; answers about others do not count.

    Returns:
        Krippendorff's alpha, or where that is not defined (all of one class) the share of places on which people say
        the same; None where nobody answered what another one did, or nobody drew anything.
    """
    for name in (*kinds_that_settle("items"), *kinds_that_settle("kinds")):  # the first that was measured is told
        what = kind_named(name).answers_are
        with reading(engine) as session:
            questions, statements = _read_overlap(session, name, batch_ids, item_ids)
        found = measure_agreement(statements)
        if not found.units:
            continue
        pairs = sum(pair.units for pair in found.pairs)
        alike = sum(pair.units * pair.share for pair in found.pairs) / pairs
        return BlindAgreement(
            measure=f"share of {what} alike" if found.alpha is None else f"Krippendorff's alpha of {what}",
            value=round(alike if found.alpha is None else found.alpha, 4),
            questions=questions,
            people=len(found.people),
        )
    return None


def _read_overlap(
    session: Session, kind: str, batch_ids: Sequence[str], item_ids: Collection[str]
) -> tuple[int, list[Statement]]:
    """Return how many questions of a kind several people answered, and what they said there."""
    weighed = (
        select(Decision.batch_id, Decision.queue)
        .join(Question, col(Question.id) == col(Decision.question_id))
        .where(of_kinds([kind]), col(Decision.batch_id).in_(batch_ids))
        .distinct()
    )
    questions, statements = 0, []
    for batch_id, queue in sorted(session.exec(weighed)):
        for group in read_groups(session, queue, batch_id):
            said = statements_of([group]) if group.item_id in item_ids else []
            if len({one.person for one in said}) > 1:
                questions += 1
                statements += said
    return questions, statements
