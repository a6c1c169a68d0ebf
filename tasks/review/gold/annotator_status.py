"""How people stand at a queue's gold questions, read from their answers and written down for those who ask.

A standing is worked out anew each time from all gold answers, so it never depends on when that happened. What is
written is a copy, for reports; the one thing that only the catalogue knows is that somebody lifted a suspension.
"""

import difflib
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.people_tables import Gold, Standing
from blocks.database.tables import Answer, AnswerState, Batch, Question, utc_now
from blocks.errors import BadOption
from blocks.naming.emails import normal_email
from tasks.review.consensus.answer_groups import CONSENSUS
from tasks.review.consensus.comparers.registry import comparer_of
from tasks.review.gold.screening import GoldAnswer, PlainAnswer, ScreeningResult, State, judge_person
from tasks.review.questions.bookmarks import wrong_gold_ids
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import beside
from tasks.review.questions.staffing import GoldRule

_GIVEN = (AnswerState.COUNTED.value, AnswerState.UNCOUNTED.value)


def standing_of_people(engine: Engine, queue: Queue) -> dict[str, ScreeningResult]:
    """Return how everybody stands who met a gold question of a queue, and write it down; nobody in a queue without."""
    if queue.gold is None:
        return {}
    with reading(engine) as session:
        gold = read_gold_answers(session, queue.name, queue.gold)
        plain = _read_plain_answers(session, queue.name)
        known = _read_known(session, queue.name)
    standings = {}
    for person in sorted({*gold, *known}):  # who met only gold that turned out wrong has a standing to correct
        lifted_at = known[person].reinstated_at if person in known else None
        standings[person] = judge_person(gold.get(person, []), plain.get(person, []), queue.gold, lifted_at)
    rows = [_row(queue.name, person, standing) for person, standing in standings.items()]
    changed = [row for row in rows if _is_news(row, known.get(str(row["person"])))]
    capitals = [row for row in known.values() if row.person != normal_email(row.person)]
    if changed or capitals:
        with writing(engine) as session:
            _bring_over(session, capitals)
            upsert(session, Standing, changed, update=[*_SHOWN, "updated_at"])
    return standings


def _read_known(session: Session, queue: str) -> dict[str, Standing]:
    """Return what is written of a queue's people; of one who is written twice, with capitals and without, the latest.

    Who lifted the suspension of either has lifted it.
    """
    rows = session.exec(select(Standing).where(Standing.queue == queue).order_by(col(Standing.updated_at)))
    return {normal_email(row.person): row for row in rows}


def _bring_over(session: Session, capitals: Sequence[Standing]) -> None:
    """Write rows of people whose e-mail was once kept with capitals under the form of today."""
    upsert(session, Standing, [{**row.model_dump(), "person": normal_email(row.person)} for row in capitals])
    for row in capitals:
        mine = col(Standing.queue) == row.queue, col(Standing.person) == row.person
        session.exec(delete(Standing).where(*mine))


def reinstate(engine: Engine, queue: str, person: str) -> bool:
    """Lift a suspension: what was before is forgotten, and the person is on trial again.

    What they said while suspended counts from the next weighing on (the sweep's, within minutes), in batches that are
    not settled.

    Returns:
        Whether there was a suspension to lift: a second call changes nothing.

    Raises:
        BadOption: The person has no standing in the queue.
    """
    with writing(engine) as session:
        row = _read_known(session, queue).get(normal_email(person))
        if row is None:
            raise BadOption(f"{person!r} has no standing in queue {queue!r}: {_known(session, queue, person)}")
        if row.state != State.SUSPENDED.value:
            return False
        row.reinstated_at = row.updated_at = utc_now()
        row.state, row.suspended_since = State.ON_TRIAL.value, None
        row.passed, row.of, row.lower, row.reason = 0, 0, 0.0, "on trial again: a suspension was lifted by hand"
        session.add(row)
    return True


def _known(session: Session, queue: str, person: str) -> str:
    """Say who has a standing, to somebody who named another."""
    rows = session.exec(select(Standing.queue, Standing.person).order_by(Standing.queue, Standing.person))
    by_queue: dict[str, list[str]] = defaultdict(list)
    for name, email in rows:
        by_queue[name].append(email)
    if not by_queue:
        return "nobody has met a gold question yet, so nobody is suspended (a line hides them with `gold`)"
    if queue not in by_queue:
        return f"queues with gold that was answered are {', '.join(by_queue)}"
    close = difflib.get_close_matches(person, by_queue[queue], n=1)
    return f"known are {', '.join(by_queue[queue])}.{f' Did you mean {close[0]!r}?' if close else ''}"


def read_gold_answers(session: Session, queue: str, rule: GoldRule) -> dict[str, list[GoldAnswer]]:
    """Return everybody's answers to the gold questions of a queue, the first of each person to each.

    Gold that somebody called wrong is left out: nobody passes or fails by it.
    """
    wrong = wrong_gold_ids(session)
    query = (
        select(Answer, Gold)
        .join(Question, col(Question.id) == Answer.question_id)
        .join(Gold, col(Gold.id) == Question.gold_id)
        .where(beside(queue), col(Answer.state).in_(_GIVEN))
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    met: dict[str, list[GoldAnswer]] = defaultdict(list)
    seen = set()
    for answer, gold in session.exec(query):
        person = normal_email(answer.person)
        if gold.id not in wrong and (person, gold.id) not in seen:
            seen.add((person, gold.id))
            met[person].append(GoldAnswer(gold.id, answer.answered_at, passes(gold, answer, rule)))
    return dict(met)


def passes(gold: Gold, answer: Answer, rule: GoldRule) -> bool:
    """Say whether an answer to a gold question is right enough."""
    comparer = comparer_of(gold.payload["type"])
    return comparer is not None and comparer.passes(gold.truth, answer.raw, rule)


def _read_plain_answers(session: Session, queue: str) -> dict[str, list[PlainAnswer]]:
    """Return everybody's other answers in batches that are not settled: labels are not taken back behind one's back."""
    query = (
        select(Answer.person, Answer.id, Answer.answered_at)
        .join(Question, col(Question.id) == Answer.question_id)
        .join(Batch, col(Batch.id) == Question.batch_id)
        .where(beside(queue), col(Question.gold_id).is_(None), col(Batch.settled_at).is_(None))
        .where(col(Answer.state).in_(_GIVEN), Answer.heard_by != CONSENSUS)
    )
    given: dict[str, list[PlainAnswer]] = defaultdict(list)
    for person, id_, answered_at in session.exec(query):
        given[normal_email(person)].append(PlainAnswer(id_, answered_at))
    return dict(given)


_SHOWN = ("state", "passed", "of", "lower", "suspended_since", "reason")


def _row(queue: str, person: str, standing: ScreeningResult) -> dict[str, object]:
    return {
        "queue": queue,
        "person": person,
        "state": standing.state.value,
        "passed": standing.passed,
        "of": standing.of,
        "lower": standing.lower,
        "suspended_since": standing.since,
        "reason": standing.reason,
        "updated_at": utc_now(),
    }


def _is_news(row: dict[str, object], known: Standing | None) -> bool:
    return known is None or any(getattr(known, name) != row[name] for name in _SHOWN)
