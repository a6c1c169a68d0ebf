"""Read what machines and people said about some items of a batch, in five statements however many items there are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select

from blocks.database.audit_tables import Judgement, Said
from blocks.database.tables import (
    Batch,
    BatchItem,
    Label,
    Outcome,
    Proposal,
    Route,
    Verdict,
)
from blocks.errors import BadRegion
from tasks.detect.refs import Scope
from tasks.review.drafts.page_words import WordOnBox, read_page_words
from tasks.review.questions.kinds.choose import AnsweredKind
from tasks.review.questions.read_said import read_said
from tasks.review.questions.said import QuestionSoFar, answer_about, named_errors
from tasks.settle.revisions import newest_per_region
from tasks.settle.truth import IMPORT, ImportPlace, ItemEvidence, Naming, Proposed, TrueLabel


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """An item's place in its batch."""

    item_id: str
    position: int
    route: str
    settled_at: datetime | None


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
    said = read_said(session, scope.batch_id, [place.item_id for place in places])
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
        track=label.track,
    )


def _evidence_of(
    place: BatchPlace, proposals: dict[str, Proposed], said: dict[str, list[QuestionSoFar]], words: dict[str, WordOnBox]
) -> ItemEvidence:
    about = answer_about(said.get("items", []))
    return ItemEvidence(
        route=place.route,
        proposals=proposals,
        asked=about.asked,
        answer_id=about.answer_id,
        answered=about.labels,
        prefill=about.prefill,
        saw_proposals=about.saw_proposals,
        answer_by_label=about.by_label,
        answer_by_part=about.by_part,
        unanswered=about.unanswered,
        shown_in_parts=about.shown,
        is_partial=about.is_partial,
        namings=_namings_of(said.get("kinds", [])),
        page_words=words,
        mends=about.mends,
    )


def _namings_of(questions: Sequence[QuestionSoFar]) -> dict[str, Naming]:
    namings: dict[str, Naming] = {}
    for one in sorted((one for one in questions if one.counted), key=lambda one: one.recency):
        answer = one.counted
        if answer is None or len(answer.raw) != 1:
            raise BadRegion(f"an answer names no or many kinds of region {one.subject!r} (expected one): {answer}")
        with named_errors(answer.raw):
            namings[one.subject] = Naming(answer.id, AnsweredKind.model_validate(answer.raw[0]))
    return namings


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
