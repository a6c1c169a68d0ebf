"""Which of all that people said counts: a pure rule, the same whatever the order in which it was heard.

What a webhook rang for and what the sweep reads are the same annotations, read at different times. So the state of an
answer never depends on when it came, only on the set of versions known and on which annotations are gone:

- of one annotation only the latest version can count; earlier ones are superseded;
- of a deleted annotation nothing counts; its latest version is marked deleted;
- of several annotations of one question the latest usable one counts; a skip or an unusable answer supersedes nothing;
- what several people's answers come to counts beside what one said: who weighs them has seen both (`aggregate.py`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from blocks.database.tables import AnswerState


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an annotation as far as the rule needs it."""

    answer_id: str
    annotation_id: int
    answered_at: datetime
    state: AnswerState


USABLE = (AnswerState.COUNTED, AnswerState.SUPERSEDED)
"""States of a latest version that could count: superseded, it was so only by another annotation."""


OF_NOBODY = 0
"""Stands for the annotation of a consensus."""


def resolve(versions: Iterable[Version], deleted: Collection[int]) -> dict[str, AnswerState]:
    """Return the state of every version of one question's answers.

    Args:
        versions: All known versions; new ones as COUNTED, SKIPPED or SET_ASIDE by what they say. May be empty.
        deleted: Annotations known to be gone.
    """
    latest: dict[int, Version] = {}
    states: dict[str, AnswerState] = {}
    gone = set(deleted)
    for version in versions:
        if version.state == AnswerState.DELETED:
            gone.add(version.annotation_id)
        states[version.answer_id] = AnswerState.SUPERSEDED
        other = latest.get(version.annotation_id)
        if other is None or (version.answered_at, version.answer_id) > (other.answered_at, other.answer_id):
            latest[version.annotation_id] = version
    usable = []
    for version in latest.values():
        if version.annotation_id == OF_NOBODY:
            states[version.answer_id] = AnswerState.COUNTED if version.state in USABLE else version.state
            continue
        if version.annotation_id in gone:
            states[version.answer_id] = AnswerState.DELETED
        elif version.state in USABLE:
            usable.append(version)
        else:
            states[version.answer_id] = version.state
    if usable:
        counted = max(usable, key=lambda version: (version.answered_at, version.annotation_id))
        states[counted.answer_id] = AnswerState.COUNTED
    return states
