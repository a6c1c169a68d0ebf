"""How people stand at a queue's gold questions, read from their answers and written down for those who ask.

A standing is worked out anew each time from all gold answers, so it never depends on when that happened. What is
written is a copy, for reports; the one thing that only the catalogue knows is that somebody lifted a suspension.
"""

import difflib
from collections import defaultdict

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database import reading, upsert, writing
from blocks.errors import BadOption
from blocks.people_tables import Gold
from blocks.people_tables import Standing as StandingRow
from blocks.tables import Answer, AnswerState, Batch, Question, utc_now
from tasks.review.bookmarks import wrong_gold_ids
from tasks.review.gold import GoldAnswer, PlainAnswer, Standing, State, judge_person, passes_boxes
from tasks.review.groups import CONSENSUS, boxes_of, kind_of
from tasks.review.queues import Queue
from tasks.review.seats import beside
from tasks.review.standards import GoldRule

_GIVEN = (AnswerState.COUNTED.value, AnswerState.UNCOUNTED.value)


def standing_of_people(engine: Engine, queue: Queue) -> dict[str, Standing]:
    """Return how everybody stands who met a gold question of a queue, and write it down; nobody in a queue without."""
    if queue.gold is None:
        return {}
    with reading(engine) as session:
        gold = read_gold_answers(session, queue.name, queue.gold)
        plain = _read_plain_answers(session, queue.name)
        known = {row.person: row for row in session.exec(select(StandingRow).where(StandingRow.queue == queue.name))}
    standings = {}
    for person in sorted({*gold, *known}):  # who met only gold that turned out wrong has a standing to correct
        lifted_at = known[person].reinstated_at if person in known else None
        standings[person] = judge_person(gold.get(person, []), plain.get(person, []), queue.gold, lifted_at)
    rows = [_row(queue.name, person, standing) for person, standing in standings.items()]
    changed = [row for row in rows if _is_news(row, known.get(str(row["person"])))]
    if changed:
        with writing(engine) as session:
            upsert(session, StandingRow, changed, update=[*_SHOWN, "updated_at"])
    return standings


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
        row = session.get(StandingRow, (queue, person))
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
    rows = session.exec(select(StandingRow.queue, StandingRow.person).order_by(StandingRow.queue, StandingRow.person))
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
        if gold.id not in wrong and (answer.person, gold.id) not in seen:
            seen.add((answer.person, gold.id))
            met[answer.person].append(GoldAnswer(gold.id, answer.answered_at, passes(gold, answer, rule)))
    return dict(met)


def passes(gold: Gold, answer: Answer, rule: GoldRule) -> bool:
    """Say whether an answer to a gold question is right enough."""
    if gold.payload["type"] == "boxes":
        return passes_boxes(boxes_of(gold.truth), boxes_of(answer.raw), rule)
    return kind_of(gold.truth) == kind_of(answer.raw)


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
        given[person].append(PlainAnswer(id_, answered_at))
    return dict(given)


_SHOWN = ("state", "passed", "of", "lower", "suspended_since", "reason")


def _row(queue: str, person: str, standing: Standing) -> dict[str, object]:
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


def _is_news(row: dict[str, object], known: StandingRow | None) -> bool:
    return known is None or any(getattr(known, name) != row[name] for name in _SHOWN)
