"""Read what machines and people said about some items of a batch, in five statements however many items there are."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select

from blocks.database.audit_tables import Judgement, Said
from blocks.database.tables import (
    Answer,
    AnswerState,
    Batch,
    BatchItem,
    Label,
    Outcome,
    Proposal,
    Question,
    QuestionState,
    Route,
    Verdict,
)
from blocks.errors import BadRegion
from tasks.detect.refs import Scope
from tasks.review.drafts.crop_pages import WordOnBox, read_page_words
from tasks.review.questions.kinds.choose import AnsweredKind
from tasks.review.questions.kinds.registry import KINDS, kinds_that_settle
from tasks.review.questions.slots import of_kinds
from tasks.settle.revisions import newest_per_region
from tasks.settle.truth import IMPORT, ImportPlace, ItemEvidence, Naming, Proposed, TrueLabel, WholeItemQuestion


@dataclass(frozen=True, slots=True)
class BatchPlace:
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
    saw_proposals: bool | None


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said to one question, as far as it matters."""

    round: int
    state: str
    subject: str
    payload: dict[str, Any]
    counted: _Counted | None
    is_skipped: bool

    @property
    def recency(self) -> tuple[int, datetime, str]:
        """Sort by it, and what counts comes last: the last round, and in it the last answer."""
        at, answer_id = (self.counted.answered_at, self.counted.id) if self.counted else (datetime.min, "")
        return self.round, at, answer_id


def read_places(session: Session, batch_id: str) -> list[BatchPlace]:
    """Return the triaged items of a batch that are not set aside, in order."""
    query = (
        select(BatchItem.item_id, BatchItem.position, BatchItem.route, BatchItem.settled_at)
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_(None), col(BatchItem.route).is_not(None))
        .order_by(col(BatchItem.position))
    )
    return [
        BatchPlace(item_id, position, route or "", at) for item_id, position, route, at in session.exec(query).all()
    ]


def read_evidence(
    session: Session, scope: Scope, places: Sequence[BatchPlace]
) -> tuple[dict[str, ItemEvidence], dict[str, BadRegion]]:
    """Read all that is known of some items.

    Returns:
        Evidence by item id, and errors by item id for items whose answer cannot be read.
    """
    if not places:
        return {}, {}
    proposals = _read_proposals(session, scope, places)
    said = _read_said(session, scope.batch_id, places)
    words = read_page_words(session, scope.batch_id)
    imported = read_imported(session, scope.batch_id, places)
    found: dict[str, ItemEvidence] = {}
    broken: dict[str, BadRegion] = {}
    for place in places:
        try:
            known = _evidence_of(place, proposals[place.item_id], said[place.item_id], words)
            found[place.item_id] = replace(known, imported=imported.get(place.item_id, ()))
        except BadRegion as error:
            broken[place.item_id] = error
    return found, broken


def read_imported(session: Session, batch_id: str, places: Sequence[BatchPlace]) -> dict[str, tuple[TrueLabel, ...]]:
    """Return what imports say of the items of a batch that came in with their labels, by item id.

    Labels are append-only, so an import's own rows are its word, whatever people have made of its labels since.
    """
    mine = [place.item_id for place in places if place.route == Route.IMPORT.value]
    if not mine:
        return {}
    collection = select(Batch.collection).where(Batch.id == batch_id).scalar_subquery()
    rows = (
        select(Label)
        .where(col(Label.item_id).in_(mine), Label.origin == IMPORT)
        .where(col(Label.answer_id).is_(None), col(Label.kind_answer_id).is_(None))
        .where(col(Label.batch_id).in_(select(Batch.id).where(Batch.collection == collection)))
        .order_by(col(Label.item_id), col(Label.region))
    )
    found: dict[str, list[TrueLabel]] = defaultdict(list)
    for label in newest_per_region(session.exec(rows).all()):
        if not label.retracted:
            found[label.item_id].append(_as_imported(label))
    return {item_id: tuple(labels) for item_id, labels in found.items()}


def _as_imported(label: Label) -> TrueLabel:
    return TrueLabel(
        label.region,
        label.class_name,
        None if label.x_min is None else (label.x_min, label.y_min, label.x_max, label.y_max),
        IMPORT,
        kind=label.kind,
        shape=label.shape,
        place=ImportPlace(label.import_id or "", label.import_file, label.import_line),
    )


def _evidence_of(
    place: BatchPlace, proposals: dict[str, Proposed], said: dict[str, list[_Said]], words: dict[str, WordOnBox]
) -> ItemEvidence:
    whole = [one for one in said.get("items", []) if not one.subject]
    namings = _namings_of(said.get("kinds", []))
    last = max((one for one in whole if one.counted), key=lambda one: one.recency, default=None)
    if last is None or last.counted is None:
        return ItemEvidence(place.route, proposals, _asked_of(whole), namings=namings, page_words=words)
    with _named_errors(last.counted.raw):
        labels = KINDS[last.payload["type"]].labels(last.payload, last.counted.raw)
    return ItemEvidence(
        route=place.route,
        proposals=proposals,
        asked=WholeItemQuestion.CANNOT_TELL if labels is None else WholeItemQuestion.ANSWERED,
        answer_id=last.counted.id,
        answered=labels or (),
        prefill=frozenset(last.payload.get("prefill", ())),
        saw_proposals=last.counted.saw_proposals is not False,
        namings=namings,
        page_words=words,
    )


def _asked_of(questions: Sequence[_Said]) -> WholeItemQuestion:
    if not questions:
        return WholeItemQuestion.CLOSED
    last = max(one.round for one in questions)
    over = (QuestionState.CLOSED.value, QuestionState.REWORK.value)
    is_over = all(one.state in over or one.is_skipped for one in questions if one.round == last)
    return WholeItemQuestion.CLOSED if is_over else WholeItemQuestion.OPEN


def _namings_of(questions: Sequence[_Said]) -> dict[str, Naming]:
    namings: dict[str, Naming] = {}
    for one in sorted((one for one in questions if one.counted), key=lambda one: one.recency):
        answer = one.counted
        if answer is None or len(answer.raw) != 1:
            raise BadRegion(f"an answer names no or many kinds of region {one.subject!r} (expected one): {answer}")
        with _named_errors(answer.raw):
            namings[one.subject] = Naming(answer.id, AnsweredKind.model_validate(answer.raw[0]))
    return namings


@contextmanager
def _named_errors(raw: Sequence[dict[str, Any]]) -> Iterator[None]:
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


def _read_proposals(session: Session, scope: Scope, places: Sequence[BatchPlace]) -> dict[str, dict[str, Proposed]]:
    query = (
        select(  # type: ignore[call-overload]
            Proposal.item_id,
            Proposal.id,
            Proposal.class_name,
            Proposal.x_min,
            Proposal.y_min,
            Proposal.x_max,
            Proposal.y_max,
            Proposal.shape,
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
    for item_id, proposal_id, class_name, *corners, shape, verdict, said, answer_id in session.exec(query).all():
        outcome = _outcome_now(verdict, said)
        if outcome in {Outcome.ACCEPT.value, Outcome.ASK.value}:
            confirmed_by = answer_id if said == Said.RIGHT else None
            x_min, y_min, x_max, y_max = corners
            box_px = None if x_min is None else (x_min, y_min, x_max, y_max)
            found[item_id][proposal_id] = Proposed(proposal_id, class_name, box_px, outcome, confirmed_by, shape)
    return found


def _outcome_now(verdict: str | None, said: str | None) -> str | None:
    """Return what becomes of a proposal, where a person judged it alone and may have changed that since triage."""
    if said == Said.NOTHING:
        return Outcome.DROP.value
    if said is not None and said != Said.RIGHT and verdict == Outcome.ACCEPT:
        return Outcome.ASK.value
    return verdict


def _read_said(session: Session, batch_id: str, places: Sequence[BatchPlace]) -> dict[str, dict[str, list[_Said]]]:
    """Return what was said, by item id and what it settles: see `QuestionKind.settles`."""
    query = select(Question).where(
        Question.batch_id == batch_id,
        col(Question.item_id).in_([place.item_id for place in places]),
        of_kinds(kinds_that_settle("items") + kinds_that_settle("kinds")),
    )
    questions = session.exec(query).all()
    counted, skipped = _read_answers(session, batch_id, places)
    found: dict[str, dict[str, list[_Said]]] = defaultdict(lambda: defaultdict(list))
    for question in questions:
        settles = KINDS[question.payload["type"]].settles or ""
        found[question.item_id][settles].append(
            _Said(
                round=question.round,
                state=question.state,
                subject=question.subject,
                payload=question.payload,
                counted=counted.get(question.id),
                is_skipped=question.id in skipped,
            )
        )
    return found


def _read_answers(
    session: Session, batch_id: str, places: Sequence[BatchPlace]
) -> tuple[dict[str, _Counted], set[str]]:
    query = (
        select(  # type: ignore[call-overload]
            Answer.question_id, Answer.id, Answer.state, Answer.answered_at, Answer.raw, Answer.saw_proposals
        )
        .join(Question, col(Question.id) == Answer.question_id)
        .where(Question.batch_id == batch_id, col(Question.item_id).in_([place.item_id for place in places]))
        .where(of_kinds(kinds_that_settle("items") + kinds_that_settle("kinds")))
        .where(col(Answer.state).in_([AnswerState.COUNTED.value, AnswerState.SKIPPED.value]))
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    counted: dict[str, _Counted] = {}
    skipped: set[str] = set()
    for question_id, answer_id, state, answered_at, raw, saw in session.exec(query).all():
        if state == AnswerState.SKIPPED.value:
            skipped.add(question_id)
        else:
            counted[question_id] = _Counted(answered_at, answer_id, raw, saw)
    return counted, skipped
