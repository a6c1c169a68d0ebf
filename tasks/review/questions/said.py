"""What people said to the questions about one item, whole or part by part, put together as one answer."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from pydantic import ValidationError

from blocks.database.tables import QuestionState
from blocks.errors import BadRegion
from blocks.shapes import read_shape
from blocks.storage.links import Box
from tasks.review.questions.kinds.boxes.part import DrawnPart, is_part, middles_in, said_twice
from tasks.review.questions.kinds.protocol import SaidLabel
from tasks.review.questions.kinds.registry import KINDS


class WholeItemQuestion(StrEnum):
    """How far the question about a whole item has come."""

    ANSWERED = "answered"  # an answer counts
    CLOSED = "closed"  # ended without one: by the queue's rule, skipped, or never asked
    OPEN = "open"  # somebody may still answer
    CANNOT_TELL = "cannot_tell"  # whoever answered could not tell: nobody knows, the machine neither


@dataclass(frozen=True, slots=True)
class Counted:
    """The answer in force to one question."""

    answered_at: datetime
    id: str
    raw: list[dict[str, Any]]
    saw_proposals: bool | None


@dataclass(frozen=True, slots=True)
class QuestionSoFar:
    """What was said to one question, as far as it matters."""

    round: int
    state: str
    subject: str
    payload: dict[str, Any]
    counted: Counted | None
    is_skipped: bool
    first_round: int = 0
    """In which its part was asked about first."""

    @property
    def recency(self) -> tuple[int, datetime, str]:
        """Sort by it, and what counts comes last: the last round, and in it the last answer."""
        at, answer_id = (self.counted.answered_at, self.counted.id) if self.counted else (datetime.min, "")
        return self.round, at, answer_id

    @property
    def frame(self) -> Box:
        """The part that was asked about."""
        x_min, y_min, x_max, y_max = self.payload["part"]["frame"]
        return x_min, y_min, x_max, y_max


@dataclass(frozen=True, slots=True)
class Mend:
    """What somebody changed of an item's labels, who left the others as they are.

    Attributes:
        answer_id: Theirs.
        labels: As they left them.
        shown: What they had before them, by id: what is not among `labels` they took away.
        said_later: Parts of the item about which people said more in a later round.
    """

    answer_id: str
    labels: tuple[SaidLabel, ...]
    shown: frozenset[str]
    said_later: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What people said about an item."""

    asked: WholeItemQuestion = WholeItemQuestion.CLOSED
    answer_id: str | None = None
    """The last answer."""
    labels: tuple[SaidLabel, ...] = ()
    prefill: frozenset[str] = frozenset()
    saw_proposals: bool = True
    by_label: Mapping[str, str] = field(default_factory=dict)
    """The answer behind each label, by its id, where there are several."""
    by_part: Mapping[Box, str] = field(default_factory=dict)
    """The answer to each part, where the item was asked in parts."""
    unanswered: tuple[Box, ...] = ()
    """Parts that nobody has answered and nobody will, beside others that are answered."""
    shown: frozenset[str] = frozenset()
    """What the answered parts began with, whether or not it was seen."""
    is_partial: bool = False
    """Whether it says nothing of what lies in none of its parts."""
    mends: tuple[Mend, ...] = ()
    """What was changed since, the earliest first."""


def answer_about(questions: Sequence[QuestionSoFar]) -> ItemAnswer:
    """Return what people said about an item.

    The last answer about the whole of it counts, and what was said later of a part of it counts there, however the
    item was cut before. Before all of its parts are answered nothing is known of it, until the rest of them is closed.

    Args:
        questions: All that were asked about it, as a whole or in parts, of all rounds.

    Raises:
        BadRegion: An answer cannot be read.
    """
    others = [one for one in questions if not _is_mend(one)]
    return replace(_said_of_all(others), mends=_mends([one for one in questions if _is_mend(one)], others))


def _said_of_all(questions: Sequence[QuestionSoFar]) -> ItemAnswer:
    whole = [one for one in questions if not one.subject]
    last = max((one for one in whole if one.counted), key=lambda one: one.recency, default=None)
    since = last.round if last else -1
    parts = _of_first_cut_or_answered(
        _last_of_each([one for one in questions if is_part(one.subject) and one.round > since])
    )
    if not any(one.counted for one in parts) and last is not None and last.counted is not None:
        return _whole(last, last.counted)
    if last is None and any(state_of([one]) is WholeItemQuestion.OPEN for one in parts):
        return ItemAnswer(WholeItemQuestion.OPEN)
    if any(one.counted for one in parts):
        return _joined(parts, last)
    return ItemAnswer(state_of([*whole, *parts]))


def _is_mend(one: QuestionSoFar) -> bool:
    return KINDS[one.payload["type"]].mends


def _mends(mends: Sequence[QuestionSoFar], others: Sequence[QuestionSoFar]) -> tuple[Mend, ...]:
    """Return what was mended since somebody last said what the whole of an item is."""
    since = max((one.round for one in others if one.counted and not one.subject), default=-1)
    parts = [one for one in others if one.counted and is_part(one.subject)]
    return tuple(
        Mend(
            one.counted.id,
            _labels_of(one, one.counted) or (),
            frozenset(one.payload.get("prefill", ())),
            tuple(part.frame for part in parts if part.round > one.round),
        )
        for one in sorted(mends, key=lambda each: each.recency)
        if one.counted and one.round > since
    )


def state_of(questions: Sequence[QuestionSoFar]) -> WholeItemQuestion:
    """Say whether somebody may still answer questions that nobody has answered."""
    if not questions:
        return WholeItemQuestion.CLOSED
    last = max(one.round for one in questions)
    over = (QuestionState.CLOSED.value, QuestionState.REWORK.value)
    is_over = all(one.counted or one.state in over or one.is_skipped for one in questions if one.round == last)
    return WholeItemQuestion.CLOSED if is_over else WholeItemQuestion.OPEN


def _last_of_each(questions: Sequence[QuestionSoFar]) -> list[QuestionSoFar]:
    """Return the question of each part that counts: the last that is answered, else the last that was asked."""
    by_part: defaultdict[str, list[QuestionSoFar]] = defaultdict(list)
    for one in questions:
        by_part[one.subject].append(one)
    return [
        replace(
            max(some, key=lambda one: (one.counted is not None, *one.recency)),
            first_round=min(one.round for one in some),
        )
        for some in by_part.values()
    ]


def _of_first_cut_or_answered(parts: Sequence[QuestionSoFar]) -> list[QuestionSoFar]:
    """Leave out parts of a later look that nobody has answered: until somebody does, what was said before stands."""
    first = min((one.first_round for one in parts), default=0)
    return [one for one in parts if one.counted or one.first_round == first]


def _whole(last: QuestionSoFar, counted: Counted) -> ItemAnswer:
    labels = _labels_of(last, counted)
    return ItemAnswer(
        asked=WholeItemQuestion.CANNOT_TELL if labels is None else WholeItemQuestion.ANSWERED,
        answer_id=counted.id,
        labels=labels or (),
        prefill=frozenset(last.payload.get("prefill", ())),
        saw_proposals=counted.saw_proposals is not False,
    )


def _joined(parts: Sequence[QuestionSoFar], whole: QuestionSoFar | None) -> ItemAnswer:
    """Join the answers to parts, and what an earlier answer about the whole item says outside of them."""
    answered = [(one, one.counted) for one in parts if one.counted]
    said = [(one, counted, _not_said_later(one, counted, answered)) for one, counted in answered]
    twice = said_twice([_as_drawn(one, labels) for one, _, labels in said])
    found: dict[str, tuple[SaidLabel, str]] = {}
    for at, (part, counted, labels) in enumerate(said):
        for number, label in enumerate(labels):
            if (at, number) not in twice:
                # What was drawn in another part may have its name by chance; it is another label all the same.
                name = label.id if label.id not in found else f"{label.id}~{part.subject}"
                found[name] = (replace(label, id=name), counted.id)
    if whole is not None and whole.counted is not None:
        for label in _labels_of(whole, whole.counted) or ():
            if not _is_in(label, [one.frame for one, _ in answered]):
                found.setdefault(label.id, (label, whole.counted.id))
    seen = [one for one, counted in answered if counted.saw_proposals is not False]
    _, last = max(answered, key=lambda pair: pair[0].recency)
    return ItemAnswer(
        asked=WholeItemQuestion.ANSWERED,
        answer_id=last.id,
        labels=tuple(label for label, _ in found.values()),
        prefill=frozenset(id_ for one in seen for id_ in one.payload.get("prefill", ())),
        saw_proposals=bool(seen),
        by_label={id_: answer_id for id_, (_, answer_id) in found.items()},
        by_part={one.frame: counted.id for one, counted in answered},
        unanswered=() if whole is not None else tuple(one.frame for one in parts if not one.counted),
        shown=frozenset(id_ for one, _ in answered for id_ in one.payload.get("prefill", ())),
        is_partial=whole is None,
    )


def _not_said_later(
    part: QuestionSoFar, counted: Counted, answered: Sequence[tuple[QuestionSoFar, Counted]]
) -> list[SaidLabel]:
    """Return a part's labels without those in the place of a part that was asked in a later round."""
    later = [one.frame for one, _ in answered if one.round > part.round and one.frame != part.frame]
    return [label for label in _labels_of(part, counted) or () if not _is_in(label, later)]


def _as_drawn(one: QuestionSoFar, labels: Sequence[SaidLabel]) -> DrawnPart:
    edges = np.array([label.box_px for label in labels], np.float64).reshape(-1, 4)
    shown = frozenset(one.payload.get("prefill", ()))
    were_shown = [label.id in shown for label in labels]
    shapes = [None if label.shape is None else read_shape(label.shape) for label in labels]
    return DrawnPart(one.frame, edges, [label.class_name for label in labels], were_shown, shapes)


def _is_in(label: SaidLabel, frames: Sequence[Box]) -> bool:
    edges = np.array([label.box_px], np.float64).reshape(-1, 4)
    return any(bool(middles_in(frame, edges).any()) for frame in frames)


def _labels_of(one: QuestionSoFar, counted: Counted) -> tuple[SaidLabel, ...] | None:
    with named_errors(counted.raw):
        return KINDS[one.payload["type"]].labels(one.payload, counted.raw)


@contextmanager
def named_errors(raw: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Say which answer cannot be read, and what can be done about it."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        held = first["input"] if isinstance(first["input"], dict) else raw
        raise BadRegion(
            f"an answer holds {str(held)[:120]}, which is no {error.title}: {where}: {first['msg']}. "
            "The answer stays in the catalogue; correct it in Label Studio, and the next sweep settles it again."
        ) from error
