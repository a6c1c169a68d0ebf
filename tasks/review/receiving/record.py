"""The single way in for answers, whether the doorbell, the sweep or a polling run had them read first.

Hearing the same thing twice, late or out of order changes nothing: an answer's id is its annotation and the time of
that version, and which version counts is decided anew from all known ones (see `answer_versions.py`). Nothing is
thrown away: what cannot be used is kept raw and set aside with its reason.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select, update

from blocks.database.engine import reading, upsert, writing
from blocks.database.people_tables import AnswerPart
from blocks.database.tables import Answer, AnswerState, Question, QuestionState, utc_now
from tasks.review.questions import bookmarks
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.parts import SetAsidePart
from tasks.review.receiving.annotations import HeardAnnotation, HeardTask
from tasks.review.receiving.answer_versions import OF_NOBODY, Version, resolve
from tasks.review.receiving.dealing import deal, question_ids
from tasks.review.receiving.reading import AnnotationReading
from tasks.review.receiving.seen import saw_proposals
from tasks.review.receiving.skips import skipped_for_good

BOX_NOT_SHOWN = "the box that it asks about was not there when the question was opened, so nobody has judged it"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordReport:
    """What became of what was heard."""

    new: int = 0
    repeated: int = 0
    skipped: int = 0
    set_aside: int = 0
    deleted: int = 0
    foreign: int = 0
    missing: tuple[int, ...] = field(default=())
    """Annotations that we know and that a whole task no longer has: probably deleted."""
    twins: tuple[str, ...] = field(default=())
    """Questions heard under another task than the one they were posted as: they are in Label Studio twice."""

    def __add__(self, other: "RecordReport") -> "RecordReport":
        """Add the counts of two reports."""
        return RecordReport(*(getattr(self, name) + getattr(other, name) for name in RecordReport.__dataclass_fields__))


def record_annotations(engine: Engine, tasks: Iterable[HeardTask], heard_by: str) -> RecordReport:
    """Write what people said into the catalogue.

    Args:
        engine: The catalogue.
        tasks: What Label Studio told us; tasks that are not ours are counted and left alone.
        heard_by: doorbell, sweep or poll.
    """
    heard = list(tasks)
    with reading(engine) as session:
        questions = _questions_of(session, heard)
        queues = bookmarks.queues_by_project(session, {task.project_id for task in heard})
        people = _people(session, heard)
    ours = [task for task in heard if task.project_id in queues and _is_ours(task, questions)]
    answers: dict[str, dict[str, Any]] = {}
    parts: dict[str, tuple[SetAsidePart, ...]] = {}
    for task in ours:
        queue = queues[task.project_id]
        for annotation in task.annotations:
            for question, said, read in deal(task, annotation, questions, queue):
                row = _row_of(question, said, read, people, heard_by, live=queue.live)
                stills = len(question_ids(task))
                row["seconds"] /= stills
                row["id"] = answer_id(annotation, question.id if stills > 1 else "")
                answers[row["id"]], parts[row["id"]] = row, read.parts
    with writing(engine) as session:
        known = _known(session, answers)
        fresh = [row for id_, row in answers.items() if id_ not in known]
        _forget_what_never_was(session, {row["annotation_id"] for row in fresh})
        upsert(session, Answer, fresh)
        upsert(session, AnswerPart, [_part_row(row["id"], part) for row in fresh for part in parts[row["id"]]])
        touched = {row["question_id"] for row in fresh}
        _note_tasks(session, [task for task in ours if questions[task.question_id or ""].task_id is None])
        settle_states(session, touched)
        missing = _missing(session, ours)
    states = [row["state"] for row in fresh]
    for row in fresh:
        if row["state"] == AnswerState.SET_ASIDE.value:
            log.warning("an answer to question %s is set aside: %s", row["question_id"], row["reason"])
        for part in (part for part in parts[row["id"]] if part.is_region):
            log.warning("a region in an answer to question %s is set aside: %s", row["question_id"], part.reason)
    return RecordReport(
        new=len(fresh),
        repeated=len(known),
        skipped=states.count(AnswerState.SKIPPED.value),
        set_aside=states.count(AnswerState.SET_ASIDE.value),
        foreign=len(heard) - len(ours),
        missing=missing,
        twins=tuple(sorted({id_ for task in ours for id_ in _twins_of(task, questions)})),
    )


def record_deletions(engine: Engine, annotation_ids: Collection[int]) -> RecordReport:
    """Note that annotations are gone from Label Studio; what they said is kept, and no longer counts.

    Args:
        engine: The catalogue.
        annotation_ids: Annotations that Label Studio has said it does not have. One that we never knew is left out:
            its number may yet become somebody's answer.
    """
    with writing(engine) as session:
        rows = select(Answer.annotation_id, Answer.question_id).where(
            col(Answer.annotation_id).in_(list(annotation_ids)), Answer.annotation_id != OF_NOBODY
        )
        known = session.exec(rows).all()
        gone = {annotation_id for annotation_id, _ in known}
        bookmarks.write_bookmarks(session, {bookmarks.deleted_annotation(id_): "yes" for id_ in gone})
        settle_states(session, {question_id for _, question_id in known})
    return RecordReport(deleted=len(gone))


def answer_id(annotation: HeardAnnotation, question_id: str = "") -> str:
    """Return the id of one version of an annotation, 32 hex digits; of what it says to one of several questions."""
    key = f"{annotation.id}|{annotation.updated_at.timestamp():.6f}" + (f"|{question_id}" if question_id else "")
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _questions_of(session: Session, tasks: Sequence[HeardTask]) -> dict[str, Question]:
    ids = [id_ for task in tasks for id_ in question_ids(task)]
    return {row.id: row for row in session.exec(select(Question).where(col(Question.id).in_(ids)))}


def _is_ours(task: HeardTask, questions: Mapping[str, Question]) -> bool:
    """Say whether a task carries a question that we sent to its project; copies in other projects are not ours."""
    question = questions.get(task.question_id or "") if question_ids(task) else None
    return question is not None and question.project_id == task.project_id


def _twins_of(task: HeardTask, questions: Mapping[str, Question]) -> Iterator[str]:
    """Yield the questions in a task that we have noted under another; any still of a strip may be one."""
    for question in filter(None, map(questions.get, question_ids(task))):
        if question.project_id == task.project_id and question.task_id not in (None, task.id):
            yield question.id


def _people(session: Session, tasks: Sequence[HeardTask]) -> dict[int, str]:
    numbers = {note.completed_by for task in tasks for note in task.annotations if note.completed_by}
    emails = bookmarks.read_bookmarks(session, [bookmarks.user_name(number) for number in numbers])
    return {number: emails.get(bookmarks.user_name(number), bookmarks.unknown_person(number)) for number in numbers}


def _row_of(
    question: Question,
    annotation: HeardAnnotation,
    read: AnnotationReading,
    people: Mapping[int, str],
    heard_by: str,
    *,
    live: bool,
) -> dict[str, Any]:
    state, reason, raw = read.state, read.reason, read.raw
    saw = saw_proposals(question, annotation, live=live)
    if state is AnswerState.COUNTED and saw is False and not kind_named(question.payload["type"]).counts_unseen:
        state, reason, raw = AnswerState.SET_ASIDE, BOX_NOT_SHOWN, annotation.raw
    person = annotation.email or people.get(annotation.completed_by or 0, bookmarks.unknown_person(0))
    return {
        "id": answer_id(annotation),
        "question_id": question.id,
        "annotation_id": annotation.id,
        "person": person,
        "seconds": annotation.seconds,
        "state": state.value,
        "reason": reason,
        "raw": raw,
        "answered_at": annotation.updated_at,
        "received_at": utc_now(),
        "heard_by": heard_by,
        "saw_proposals": saw,
    }


def _part_row(answer_id: str, part: SetAsidePart) -> dict[str, Any]:
    return {
        "answer_id": answer_id,
        **{name: getattr(part, name) for name in ("position", "is_region", "reason", "raw")},
    }


def _known(session: Session, ids: Collection[str]) -> set[str]:
    return set(session.exec(select(Answer.id).where(col(Answer.id).in_(list(ids)))))


def _forget_what_never_was(session: Session, annotation_ids: Collection[int]) -> None:
    """Forget deletions of annotations that we never knew: earlier versions noted whatever a webhook said was gone."""
    known = select(Answer.annotation_id).where(col(Answer.annotation_id).in_(list(annotation_ids))).distinct()
    ever: list[int] = list(session.exec(known))
    new = set(annotation_ids) - set(ever)
    bookmarks.forget_bookmarks(session, map(bookmarks.deleted_annotation, new))


def _note_tasks(session: Session, tasks: Sequence[HeardTask]) -> None:
    """A task that Label Studio shows was posted, even if its sender died before it could note so."""
    for task in tasks:
        mine = col(Question.id).in_(question_ids(task)) & (col(Question.project_id) == task.project_id)
        written = update(Question).where(mine, col(Question.task_id).is_(None))
        session.exec(written.values(task_id=task.id, state=QuestionState.POSTED.value, posted_at=utc_now()))


def settle_states(session: Session, question_ids: Collection[str]) -> None:
    """Decide anew which answers of these questions count, and which of the questions are answered."""
    by_question = _versions_of(session, question_ids)
    annotations = {version.annotation_id for versions in by_question.values() for version in versions}
    names = {bookmarks.deleted_annotation(id_): id_ for id_ in annotations}
    gone = {names[name] for name in bookmarks.read_bookmarks(session, names)}
    answered = set()
    for question_id, versions in by_question.items():
        states = resolve(versions, gone)
        for version in versions:
            if states[version.answer_id] != version.state:
                mark = update(Answer).where(col(Answer.id) == version.answer_id)
                session.exec(mark.values(state=states[version.answer_id].value))
        if AnswerState.COUNTED in states.values():
            answered.add(question_id)
    skipped = skipped_for_good(session, by_question.keys() - answered)
    for question_id in by_question:
        _move(session, question_id, is_answered=question_id in answered, is_skipped=question_id in skipped)


def _move(session: Session, question_id: str, *, is_answered: bool, is_skipped: bool) -> None:
    change = update(Question).where(col(Question.id) == question_id)
    done = QuestionState.ANSWERED.value, QuestionState.REWORK.value
    if is_answered:
        session.exec(change.values(state=QuestionState.ANSWERED.value))
    elif is_skipped:
        movable = col(Question.state).in_((QuestionState.POSTED.value, *done))
        session.exec(change.where(movable).values(state=QuestionState.REWORK.value))
    else:
        session.exec(change.where(col(Question.state).in_(done)).values(state=QuestionState.POSTED.value))


def _versions_of(session: Session, question_ids: Collection[str]) -> dict[str, list[Version]]:
    wanted = select_columns(
        col(Answer.question_id), col(Answer.id), col(Answer.annotation_id), col(Answer.answered_at), col(Answer.state)
    )
    rows = session.connection().execute(wanted.where(col(Answer.question_id).in_(list(question_ids))))
    versions: dict[str, list[Version]] = defaultdict(list)
    for question_id, id_, annotation_id, answered_at, state in rows:
        versions[question_id].append(Version(id_, annotation_id, answered_at, AnswerState(state)))
    return versions


def _missing(session: Session, tasks: Sequence[HeardTask]) -> tuple[int, ...]:
    """Return the annotations that we know, that are not deleted, and that their whole task no longer shows."""
    present = {note.id for task in tasks for note in task.annotations}
    versions = _versions_of(session, [task.question_id for task in tasks if task.whole and task.question_id])
    known, deleted = set(), set()
    for version in (version for some in versions.values() for version in some):
        known.add(version.annotation_id)
        if version.state == AnswerState.DELETED:
            deleted.add(version.annotation_id)
    missing = known - present - deleted - {OF_NOBODY}
    return tuple(sorted(missing - _held_elsewhere(session, missing, tasks)))


def _held_elsewhere(session: Session, annotation_ids: Collection[int], tasks: Sequence[HeardTask]) -> set[int]:
    """Return those of some annotations that answer a question of another task than these.

    A still that is asked again stands in a task of its own, and what was said to the others of its strip stays.
    """
    if not annotation_ids:
        return set()
    held = select(Answer.annotation_id).join(Question, col(Question.id) == col(Answer.question_id))
    others = col(Question.id).not_in([id_ for task in tasks for id_ in question_ids(task)])
    there = others, col(Question.task_id).is_not(None), col(Question.task_id).not_in([task.id for task in tasks])
    return set(session.exec(held.where(col(Answer.annotation_id).in_(annotation_ids), *there)))
