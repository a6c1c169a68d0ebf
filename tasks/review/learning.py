"""What is known of a queue's people before their answers are weighed: from this batch, earlier ones, and gold."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from blocks.people_tables import Decision, Gold
from blocks.tables import Answer, AnswerState, Batch, Question
from tasks.review.bookmarks import wrong_gold_ids
from tasks.review.choices import Choosers, Chosen, learn_choosers, unknown_choosers
from tasks.review.groups import Group, Said, boxes_of, kind_of, read_groups_of
from tasks.review.queues import Queue, not_an_object
from tasks.review.same_boxes import Matched, PersonAnswer, match_boxes
from tasks.review.seats import beside
from tasks.review.skills import Crew, faultless, learn_skills, unknown_crew

TRUTH = "(truth)"
"""Answers gold questions beside the people, and is never wrong."""

REMEMBERED = 300
"""Questions of earlier batches that skills are learnt from, the latest: people change, and so do pictures."""

ENOUGH = 20
"""Questions that two or more have answered: with fewer, one quarrel would be learnt as everybody's habit."""


def read_history(session: Session, queue: str, batch_id: str) -> list[Group]:
    """Return the latest questions of earlier batches of the same collection that several people answered."""
    collection = session.get_one(Batch, batch_id).collection
    decided = (
        select(Decision.question_id, Decision.members)
        .join(Batch, col(Batch.id) == Decision.batch_id)
        .where(Decision.queue == queue, Decision.batch_id != batch_id, Batch.collection == collection)
        .order_by(col(Decision.decided_at).desc(), col(Decision.question_id))
        .limit(REMEMBERED)
    )
    return read_groups_of(session, [id_ for id_, members in session.exec(decided) if len(members) > 1])


def read_gold_matches(session: Session, queue: str) -> list[Matched]:
    """Return what people drew in answer to gold questions, matched with the truth; not to gold that is wrong."""
    wrong = wrong_gold_ids(session)
    given = (AnswerState.COUNTED.value, AnswerState.UNCOUNTED.value)
    query = (
        select(Answer, Gold)
        .join(Question, col(Question.id) == Answer.question_id)
        .join(Gold, col(Gold.id) == Question.gold_id)
        .where(beside(queue), col(Answer.state).in_(given))
        .order_by(col(Answer.answered_at).desc())
        .limit(REMEMBERED)
    )
    matches = []
    for answer, gold in session.exec(query):
        if gold.payload["type"] == "boxes" and gold.id not in wrong:
            both = [PersonAnswer(TRUTH, boxes_of(gold.truth)), PersonAnswer(answer.person, boxes_of(answer.raw))]
            matches.append(match_boxes(f"gold {answer.id}", both))
    return matches


def learn_box_crew(queue: Queue, matched: Sequence[Matched]) -> Crew:
    """Learn how good people are at a queue's box questions.

    Args:
        queue: The queue.
        matched: People's answers to this batch and earlier ones, and to gold, matched with each other and the truth.
    """
    classes = classes_of(queue, matched)
    if sum(len(one.people) > 1 for one in matched) < ENOUGH:
        return unknown_crew(classes)
    return learn_skills(matched, classes, known={TRUTH: faultless(classes)})


def classes_of(queue: Queue, matched: Iterable[Matched]) -> tuple[str, ...]:
    """Return the classes of a queue, and those it had once and that answers still use."""
    used = {box.class_name for one in matched for same in one.objects for box in same.boxes}
    return queue.classes + tuple(sorted(used - set(queue.classes)))


def learn_kind_choosers(answered: Sequence[Group]) -> dict[str, Choosers]:
    """Learn how people choose among the kinds of each class; by class."""
    chosen: dict[str, list[Chosen]] = defaultdict(list)
    options: dict[str, dict[str, None]] = defaultdict(dict)
    shared: Counter[str] = Counter()
    for group in answered:
        name = group.payload.class_name or ""
        options[name].update(dict.fromkeys(options_of(group)))
        chosen[name].extend(choices_for(group))
        shared[name] += len({one.person for one in group.counted}) > 1
    return {
        name: learn_choosers(chosen[name], list(options[name]))
        if shared[name] >= ENOUGH
        else unknown_choosers(list(options[name]))
        for name in options
    }


def choices_for(group: Group) -> list[Chosen]:
    """Return what people chose in answer to one question, the last of each person."""
    last = {one.person: one for one in group.counted}
    return [Chosen(group.id, person, _choice(one, group)) for person, one in last.items()]


def options_of(group: Group) -> list[str]:
    """Return what can be chosen about a box, without "cannot tell"."""
    return [*group.payload.kinds, not_an_object(group.payload.class_name or "")]


def _choice(said: Said, group: Group) -> str | None:
    kind = kind_of(said.raw)
    return not_an_object(group.payload.class_name or "") if kind.verdict == "not_an_object" else kind.kind
