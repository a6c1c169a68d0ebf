"""When certified thresholds end by themselves: pictures or answers have changed, or blind audits contradict them.

Before triage a batch whose pictures have changed gets no threshold. When it has settled, its blind audits are held
against the thresholds that triage used: the audited items are a random part of the same batch whose boxes were not
drawn for certifying, so they are evidence of their own, and the test is valid at every look (it never has to stop).
Then the line is over; an answer that is edited or taken back later is heard by the sweep, and what it means for a
threshold is seen here, by the options that were kept with the batch. Each alarm has a stated chance of being false.
"""

import logging
from collections.abc import Mapping

import numpy as np
from pydantic import Field
from sqlalchemy import Engine, func
from sqlmodel import col, select

from blocks.database.audit_tables import CertifiedThreshold
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Bookmark, Question, utc_now
from blocks.errors import BadInput, BadOption, OtherModelVersion
from blocks.frozen import Frozen
from tasks.audit.bounds.betting import log_evidence_above
from tasks.audit.bounds.certify import ClassThreshold, ThresholdStatus
from tasks.audit.bounds.evidence import JudgedSample, tally
from tasks.audit.bounds.scope import Stream, WholeBatch
from tasks.audit.risk_control.blind_audit import BlindClass, by_class, read_blind
from tasks.audit.risk_control.drift import InputDrift, input_drift
from tasks.audit.risk_control.judgements import collect_judgements
from tasks.audit.risk_control.options import RiskControlOptions, RiskControlRef
from tasks.audit.risk_control.prove import Certification, certify_thresholds, read_thresholds, withdraw, withdraw_all
from tasks.detect.refs import Scope
from tasks.review.questions.bookmarks import deleted_since
from tasks.triage.options import TriageOptions

log = logging.getLogger(__name__)


def end_if_changed(
    engine: Engine, scope: Scope, classes: tuple[str, ...], risk_control: RiskControlOptions
) -> InputDrift | None:
    """Compare the pictures of a batch with earlier ones, and let it have no thresholds where they have changed.

    Once ended stays ended. Before triage no class gets a threshold then, and no box is drawn for one; after it the
    thresholds in force end.

    Args:
        engine: The catalogue.
        scope: Whose embeddings, in which batch; scanned.
        classes: The classes of the line.
        risk_control: Whether a change ends thresholds, or is only told.

    Returns:
        The comparison; None where there is nothing to compare with.

    Raises:
        BadOption: There is no such batch.
    """
    try:
        drift = input_drift(engine, scope)
    except OtherModelVersion as error:
        log.warning("pictures of %s are not compared with earlier ones: %s", scope.batch_id, error)
        return None  # a comparison that cannot be made is no reason to fail a batch
    if drift is not None and drift.ends_thresholds and risk_control.end_on_drift:
        compared = f"{drift.items_now} against {drift.items_before} before, p = {drift.p_value:.3g}"
        told = f"its {drift.what} have changed against earlier batches ({compared}): people look at all of it"
        ended = withdraw_all(engine, scope, classes, risk_control.promise, told)
        log.warning("%s: no thresholds for %s: %s", scope.batch_id, ", ".join(ended) or "any further class", told)
    return drift


class Contradiction(Frozen):
    """What later audits say of a threshold."""

    evidence: float = Field(description="how many times more the audits gained than a true promise would let them")
    needed: float = Field(description="at this the threshold is withdrawn: 1 over the chance of a false alarm")
    judged: int
    wrong: int
    is_contradicted: bool


def check_later_audits(
    threshold: ClassThreshold, later: JudgedSample, scope: Stream | WholeBatch, false_alarm: float = 0.01
) -> Contradiction:
    """Test the promise of a certified threshold against audits drawn after it was certified.

    Args:
        threshold: A certified threshold.
        later: Judged proposals of its class, in drawing order, none of which certified it (`JudgedSample.after`).
        scope: Of what the threshold speaks.
        false_alarm: Chance that a true promise is ever contradicted, over all looks together.

    Raises:
        BadOption: The threshold accepts nothing, so there is nothing to contradict, or the chance is outside (0, 1).
        BadInput: A later draw brought more boxes than the scope allows.
    """
    if threshold.accept_from is None:
        raise BadOption(f"class {threshold.class_name!r} has no threshold to contradict ({threshold.standing})")
    if not 0 < false_alarm < 1:
        raise BadOption(f"false alarm rate {false_alarm} is outside (0, 1)")
    thresholds = np.array([threshold.accept_from])
    counts = tally(later, thresholds)
    largest = float(scope.limits(later.drawn, thresholds).largest[0])
    if counts.judged.max(initial=0) > largest:
        raise BadInput(f"a later draw brought {counts.judged.max():.0f} boxes; expected at most {largest:.0f}")
    wealth = log_evidence_above(counts.wrong[0], counts.judged[0], threshold.promise.max_error_rate, largest)
    highest = float(np.exp(min(wealth.max(initial=0.0), 700.0)))
    return Contradiction(
        evidence=highest,
        needed=1 / false_alarm,
        judged=int(counts.judged.sum()),
        wrong=int(counts.wrong.sum()),
        is_contradicted=highest >= 1 / false_alarm,
    )


def contradictions(
    thresholds: Mapping[str, ClassThreshold], blind: Mapping[str, BlindClass]
) -> dict[str, Contradiction]:
    """Test every threshold in force against the boxes of audited items that it would have accepted.

    Args:
        thresholds: By class.
        blind: By class; a class that nobody audited contradicts nothing.
    """
    found = {}
    for name, threshold in thresholds.items():
        audited = blind.get(name)
        if threshold.accept_from is None or audited is None or not audited.accepted.units:
            continue
        scope = Stream(largest_draw=max(1, audited.accepted.largest_draw))
        found[name] = check_later_audits(threshold, audited.accepted, scope)
    return found


def recheck_thresholds(
    engine: Engine, scope: Scope, classes: tuple[str, ...], triage: TriageOptions, risk_control: RiskControlOptions
) -> Certification:
    """Look at the thresholds of a settled batch again: end those that answers or blind audits contradict by now.

    Raises:
        BadOption: There is no such batch.
    """
    certify_thresholds(engine, scope, classes, triage, risk_control)
    blind = by_class(read_blind(engine, [scope.batch_id]), classes)
    for name, found in contradictions(read_thresholds(engine, scope), blind).items():
        if found.is_contradicted:
            withdraw(engine, scope, name, f"{found.wrong} of {found.judged} boxes audited since are wrong")
    return certify_thresholds(engine, scope, classes, triage, risk_control)


def note_risk_control(engine: Engine, of: RiskControlRef) -> None:
    """Keep by which options a batch is certified, so that it can be watched after its run; the first ones stay."""
    with writing(engine) as session:
        upsert(
            session,
            Bookmark,
            [{"name": proof_bookmark(of.scope), "value": of.model_dump_json(), "updated_at": utc_now()}],
        )


def watch_again(engine: Engine, collection: str) -> dict[str, tuple[str, ...]]:
    """Watch the thresholds in force of a collection's settled batches of which people have said something since.

    Returns:
        By batch, the classes whose threshold has ended now; nothing at a second call.
    """
    ended = {}
    for of in _in_force_of(engine, collection):
        began = utc_now()
        if not collect_judgements(engine, of.scope) and not _has_news(engine, of):
            continue
        before = _in_force(engine, of)
        recheck_thresholds(engine, of.scope, of.classes, of.triage, of.risk_control)
        row = {"name": proof_bookmark(of.scope), "value": of.model_dump_json(), "updated_at": began}
        with writing(engine) as session:
            upsert(session, Bookmark, [row], update=("updated_at",))
        if lost := before - _in_force(engine, of):
            ended[of.batch_id] = tuple(sorted(lost))
            log.warning("%s: the thresholds of %s have ended", of.batch_id, ", ".join(ended[of.batch_id]))
    return ended


def _in_force_of(engine: Engine, collection: str) -> list[RiskControlRef]:
    certified = (
        select(CertifiedThreshold.batch_id, CertifiedThreshold.detector, CertifiedThreshold.recipe)
        .join(Batch, col(Batch.id) == col(CertifiedThreshold.batch_id))
        .where(
            CertifiedThreshold.collection == collection, CertifiedThreshold.standing == ThresholdStatus.CERTIFIED.value
        )
        .where(col(Batch.settled_at).is_not(None))
        .distinct()
    )
    with reading(engine) as session:
        kept = [session.get(Bookmark, proof_bookmark(Scope(*row))) for row in sorted(session.exec(certified).all())]
    return [RiskControlRef.model_validate_json(one.value) for one in kept if one is not None]


def _has_news(engine: Engine, of: RiskControlRef) -> bool:
    newest = (
        select(func.max(Answer.received_at))
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.batch_id == of.batch_id)
    )
    known = (
        select(Answer.annotation_id)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.batch_id == of.batch_id)
    )
    with reading(engine) as session:
        heard, looked = session.exec(newest).one(), session.get_one(Bookmark, proof_bookmark(of.scope)).updated_at
        gone = deleted_since(session, looked)
        is_taken_back = bool(gone) and not gone.keys().isdisjoint(session.exec(known))
    return is_taken_back or (heard is not None and heard > looked)


def _in_force(engine: Engine, of: RiskControlRef) -> set[str]:
    return {name for name, threshold in read_thresholds(engine, of.scope).items() if threshold.accept_from is not None}


def proof_bookmark(scope: Scope) -> str:
    """Name the bookmark that holds what was certified of a batch."""
    return f"audit proof {scope.batch_id}|{scope.detector}|{scope.recipe}"
