"""Read what machines and people said about some items of a batch, in five statements however many items there are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlmodel import Session, col, select

from blocks.audit_tables import Judgement, Said
from blocks.errors import BadRegion
from blocks.tables import Answer, AnswerState, BatchItem, Outcome, Proposal, Question, QuestionState, Verdict
from tasks.review.page_rounds import WordOnBox, read_page_words
from tasks.review.queues import MARK_MISSED, NAME_KIND
from tasks.review.regions import AnsweredBox, AnsweredKind
from tasks.settle.truth import Asked, Evidence, Naming, Proposed
from tasks.triage.boxes import Scope

_Model = TypeVar("_Model", AnsweredBox, AnsweredKind)


@dataclass(frozen=True, slots=True)
class Place:
    """An item's place in its batch."""

    item_id: str
    position: int
    route: str
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Counted:
    """The answer in force to one question."""

    answered_at: datetime
    id: str
    raw: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said to one question, as far as it matters."""

    round: int
    state: str
    subject: str
    prefill: frozenset[str]
    counted: _Counted | None
    is_skipped: bool

    @property
    def recency(self) -> tuple[int, datetime, str]:
        """Sort by it, and what counts comes last: the last round, and in it the last answer."""
        at, answer_id = (self.counted.answered_at, self.counted.id) if self.counted else (datetime.min, "")
        return self.round, at, answer_id


def read_places(session: Session, batch_id: str) -> list[Place]:
    """Return the triaged items of a batch that are not set aside, in order."""
    query = (
        select(BatchItem.item_id, BatchItem.position, BatchItem.route, BatchItem.settled_at)
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_(None), col(BatchItem.route).is_not(None))
        .order_by(col(BatchItem.position))
    )
    return [Place(item_id, position, route or "", at) for item_id, position, route, at in session.exec(query).all()]


def read_evidence(
    session: Session, scope: Scope, places: Sequence[Place]
) -> tuple[dict[str, Evidence], dict[str, BadRegion]]:
    """Read all that is known of some items.

    Returns:
        Evidence by item id, and errors by item id for items whose answer cannot be read.
    """
    if not places:
        return {}, {}
    proposals = _read_proposals(session, scope, places)
    said = _read_said(session, scope.batch_id, places)
    words = read_page_words(session, scope.batch_id)
    found: dict[str, Evidence] = {}
    broken: dict[str, BadRegion] = {}
    for place in places:
        try:
            found[place.item_id] = _evidence_of(place, proposals[place.item_id], said[place.item_id], words)
        except BadRegion as error:
            broken[place.item_id] = error
    return found, broken


def _evidence_of(
    place: Place, proposals: dict[str, Proposed], said: dict[str, list[_Said]], words: dict[str, WordOnBox]
) -> Evidence:
    whole = [one for one in said.get(MARK_MISSED, []) if not one.subject]
    namings = _namings_of(said.get(NAME_KIND, []))
    last = max((one for one in whole if one.counted), key=lambda one: one.recency, default=None)
    if last is None or last.counted is None:
        return Evidence(place.route, proposals, _asked_of(whole), namings=namings, page_words=words)
    return Evidence(
        route=place.route,
        proposals=proposals,
        asked=Asked.ANSWERED,
        answer_id=last.counted.id,
        answered=tuple(_parse(AnsweredBox, entry) for entry in last.counted.raw),
        prefill=last.prefill,
        namings=namings,
        page_words=words,
    )


def _asked_of(questions: Sequence[_Said]) -> Asked:
    if not questions:
        return Asked.CLOSED
    last = max(one.round for one in questions)
    over = (QuestionState.CLOSED.value, QuestionState.REWORK.value)
    is_over = all(one.state in over or one.is_skipped for one in questions if one.round == last)
    return Asked.CLOSED if is_over else Asked.OPEN


def _namings_of(questions: Sequence[_Said]) -> dict[str, Naming]:
    namings: dict[str, Naming] = {}
    for one in sorted((one for one in questions if one.counted), key=lambda one: one.recency):
        answer = one.counted
        if answer is None or len(answer.raw) != 1:
            raise BadRegion(f"an answer names no or many kinds of region {one.subject!r} (expected one): {answer}")
        namings[one.subject] = Naming(answer.id, _parse(AnsweredKind, answer.raw[0]))
    return namings


def _parse(model: type[_Model], entry: dict[str, Any]) -> _Model:
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRegion(
            f"an answer holds {str(entry)[:120]}, which is no {model.__name__}: {where}: {first['msg']}. "
            "The answer stays in the catalogue; correct it in Label Studio, and the next sweep settles it again."
        ) from error


def _read_proposals(session: Session, scope: Scope, places: Sequence[Place]) -> dict[str, dict[str, Proposed]]:
    query = (
        select(  # type: ignore[call-overload]
            Proposal.item_id,
            Proposal.id,
            Proposal.class_name,
            Proposal.x_min,
            Proposal.y_min,
            Proposal.x_max,
            Proposal.y_max,
            Verdict.outcome,
            Judgement.said,
            Judgement.answer_id,
        )
        # An outer join, so that SQLite goes from proposals to verdicts: the other way round it reads the whole batch's.
        .outerjoin(Verdict, (col(Verdict.proposal_id) == Proposal.id) & (col(Verdict.batch_id) == scope.batch_id))
        .outerjoin(Judgement, (col(Judgement.proposal_id) == Proposal.id) & (col(Judgement.batch_id) == scope.batch_id))
        .where(col(Proposal.item_id).in_([place.item_id for place in places]))
        .where(Proposal.detector == scope.detector, Proposal.recipe == scope.recipe)
        .order_by(col(Proposal.item_id), col(Proposal.score).desc(), col(Proposal.id))
    )
    found: dict[str, dict[str, Proposed]] = defaultdict(dict)
    for item_id, proposal_id, class_name, *corners, verdict, said, answer_id in session.exec(query).all():
        outcome = _outcome_now(verdict, said)
        if outcome in {Outcome.ACCEPT.value, Outcome.ASK.value}:
            confirmed_by = answer_id if said == Said.RIGHT else None
            x_min, y_min, x_max, y_max = corners
            box_px = (x_min, y_min, x_max, y_max)
            found[item_id][proposal_id] = Proposed(proposal_id, class_name, box_px, outcome, confirmed_by)
    return found


def _outcome_now(verdict: str | None, said: str | None) -> str | None:
    """Return what becomes of a proposal, where a person judged it alone and may have changed that since triage."""
    if said == Said.NOTHING:
        return Outcome.DROP.value
    if said is not None and said != Said.RIGHT and verdict == Outcome.ACCEPT:
        return Outcome.ASK.value
    return verdict


def _read_said(session: Session, batch_id: str, places: Sequence[Place]) -> dict[str, dict[str, list[_Said]]]:
    """Return what was said, by item id and queue."""
    query = select(Question).where(
        Question.batch_id == batch_id,
        col(Question.item_id).in_([place.item_id for place in places]),
        col(Question.queue).in_([MARK_MISSED, NAME_KIND]),
    )
    questions = session.exec(query).all()
    counted, skipped = _read_answers(session, batch_id, places)
    found: dict[str, dict[str, list[_Said]]] = defaultdict(lambda: defaultdict(list))
    for question in questions:
        found[question.item_id][question.queue].append(
            _Said(
                round=question.round,
                state=question.state,
                subject=question.subject,
                prefill=frozenset(question.payload.get("prefill", ())),
                counted=counted.get(question.id),
                is_skipped=question.id in skipped,
            )
        )
    return found


def _read_answers(session: Session, batch_id: str, places: Sequence[Place]) -> tuple[dict[str, _Counted], set[str]]:
    query = (
        select(Answer.question_id, Answer.id, Answer.state, Answer.answered_at, Answer.raw)  # type: ignore[call-overload]
        .join(Question, col(Question.id) == Answer.question_id)
        .where(Question.batch_id == batch_id, col(Question.item_id).in_([place.item_id for place in places]))
        .where(col(Question.queue).in_([MARK_MISSED, NAME_KIND]))
        .where(col(Answer.state).in_([AnswerState.COUNTED.value, AnswerState.SKIPPED.value]))
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    counted: dict[str, _Counted] = {}
    skipped: set[str] = set()
    for question_id, answer_id, state, answered_at, raw in session.exec(query).all():
        if state == AnswerState.SKIPPED.value:
            skipped.add(question_id)
        else:
            counted[question_id] = _Counted(answered_at, answer_id, raw)
    return counted, skipped
