"""From the judgements of a batch to its thresholds, kept in the catalogue: certified, not yet, or withdrawn.

A threshold speaks of the batch whose boxes were judged, and of no other: whatever the next pictures look like, its
promise stands. Boxes judged in earlier batches are no evidence for it. Counted as its own they would break a promise of
95 % in 12 to 25 % of batches where days differ, and in 7 % where they do not (`earlier_outcome` in
`tests/bench/thresholds.py`).

Before triage a threshold is computed anew at every look. Once triage has used it, it can only be withdrawn: by answers
that were changed, by blind audits that contradict it, or because the pictures have changed (`drift.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.audit_tables import CertifiedThreshold
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, utc_now
from blocks.errors import BadOption
from blocks.naming.renamed import complement
from tasks.audit.bounds.certify import ClassThreshold, Promise, ThresholdStatus, certify
from tasks.audit.bounds.scope import WholeBatch
from tasks.audit.bounds.thresholds import ThresholdGrid
from tasks.audit.risk_control.judgements import JudgedClass, collect_judgements, read_judged
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.sample_boxes import digest_of, is_triaged
from tasks.detect.refs import Scope
from tasks.triage.acceptable import Acceptable, acceptable_boxes
from tasks.triage.options import CertifiedThresholds, TriageOptions

CHANGING = (
    "standing", "accept_from", "epsilon", "delta", "scope", "population", "share_accepted", "draws", "judged", "wrong",
    "more_audits", "reason", "certified_at",
)  # fmt: skip
"""What a later look may change of a threshold, as long as triage has not used it."""


@dataclass(frozen=True, slots=True)
class Certification:
    """What the judgements of a batch come to, by class; and what was in force when this was read."""

    thresholds: Mapping[str, ClassThreshold]
    in_force: CertifiedThresholds


def certify_thresholds(
    engine: Engine, scope: Scope, classes: tuple[str, ...], triage: TriageOptions, risk_control: RiskControlOptions
) -> Certification:
    """Certify the thresholds of a batch from all judgements of its draws, and keep them; safe to call again.

    Args:
        engine: The catalogue.
        scope: Whose proposals, in which batch.
        classes: The classes of the line; each is in the result.
        triage: As triage will use them.
        risk_control: The promise.

    Raises:
        BadOption: There is no such batch.
    """
    with reading(engine) as session:
        batch = session.get(Batch, scope.batch_id)
    if batch is None:
        raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
    collect_judgements(engine, scope)
    judged = read_judged(engine, scope)
    floor = next((one.floor for one in judged.values()), risk_control.min_score)
    frame = acceptable_boxes(engine, scope, triage, floor)
    now = {name: certify_class(name, frame.of_class(name), judged.get(name), risk_control) for name in classes}
    with writing(engine) as session:
        late = is_triaged(session, scope.batch_id)
        kept = _read_rows(session, scope)
        if late:
            _end_contradicted(session, kept, now)
        else:
            upsert(session, CertifiedThreshold, _rows(scope, batch.collection, now, frame, kept), update=CHANGING)
    return Certification(read_thresholds(engine, scope), thresholds_in_force(engine, scope, risk_control))


def certify_class(
    name: str, frame: Acceptable, judged: JudgedClass | None, risk_control: RiskControlOptions
) -> ClassThreshold:
    """Certify one class of a batch.

    Args:
        name: The class.
        frame: What could be accepted unseen; may be empty.
        judged: The draws; None: there were none.
        risk_control: The promise.

    Returns:
        The threshold; where the frame is not the one that was drawn from, one that accepts nothing.
    """
    scope = WholeBatch.of(frame.item_ids, frame.scores)
    grid = ThresholdGrid.of(frame.scores)
    if judged is None:
        return certify(name, [], grid, risk_control.promise, scope)
    if judged.frame != digest_of(frame):
        nothing = certify(name, [], ThresholdGrid.of(frame.scores[:0]), risk_control.promise, WholeBatch.of((), ()))
        told = (
            f"no certified threshold for {name!r}: the boxes that could be accepted have changed since the draw, so "
            "what was judged is no random part of them any more; were triage's options changed?"
        )
        return nothing.model_copy(update={"reason": told, "more_audits": None})
    return certify(name, [judged.evidence], grid, risk_control.promise, scope)


def withdraw(engine: Engine, scope: Scope, class_name: str, reason: str) -> bool:
    """Withdraw a threshold for good; returns whether there was one in force."""
    with writing(engine) as session:
        row = session.get(CertifiedThreshold, (scope.batch_id, scope.detector, scope.recipe, class_name))
        if row is None or row.standing != ThresholdStatus.CERTIFIED:
            return False
        _end(session, row, reason)
    return True


def withdraw_all(
    engine: Engine, scope: Scope, classes: tuple[str, ...], promise: Promise, reason: str
) -> tuple[str, ...]:
    """Let a batch have no thresholds: those in force end, and before triage no other class gets one either.

    Returns:
        The classes whose threshold this call has ended or ruled out, in the order of `classes`; none at a second call.

    Raises:
        BadOption: There is no such batch.
    """
    ended = []
    with writing(engine) as session:
        batch = session.get(Batch, scope.batch_id)
        if batch is None:
            raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        late = is_triaged(session, scope.batch_id)
        for name in classes:
            row = session.get(CertifiedThreshold, (scope.batch_id, scope.detector, scope.recipe, name))
            if row is None and not late:
                row = _empty_row(scope, batch.collection, name, promise)
            if row is not None and (row.standing == ThresholdStatus.CERTIFIED or not (late or row.withdrawn_at)):
                _end(session, row, reason)
                ended.append(name)
    return tuple(ended)


def read_thresholds(engine: Engine, scope: Scope) -> dict[str, ClassThreshold]:
    """Return the thresholds of a batch as they are kept, by class; a withdrawn one accepts nothing."""
    with reading(engine) as session:
        rows = _read_rows(session, scope)
    return {
        name: ClassThreshold(
            class_name=name,
            standing=ThresholdStatus(row.standing),
            accept_from=row.accept_from if row.standing == ThresholdStatus.CERTIFIED else None,
            reason=row.reason,
            promise=Promise(max_error_rate=row.epsilon, confidence=complement(row.delta)),
            scope=row.scope,
            units=row.draws,
            judged=row.judged,
            wrong=row.wrong,
            share_accepted=row.share_accepted,
            more_audits=row.more_audits,
            more_of="boxes",
        )
        for name, row in rows.items()
    }


def thresholds_in_force(engine: Engine, scope: Scope, risk_control: RiskControlOptions) -> CertifiedThresholds:
    """Return from which score the classes of a batch are accepted; classes without a threshold are absent."""
    thresholds = read_thresholds(engine, scope)
    accept_from = {
        name: threshold.accept_from for name, threshold in thresholds.items() if threshold.accept_from is not None
    }
    return CertifiedThresholds(
        accept_from=accept_from, max_error_rate=risk_control.max_error_rate, confidence=risk_control.confidence
    )


def _rows(
    scope: Scope,
    collection: str,
    now: Mapping[str, ClassThreshold],
    frame: Acceptable,
    kept: Mapping[str, CertifiedThreshold],
) -> list[dict[str, Any]]:
    rows = []
    for name, threshold in now.items():
        before = kept.get(name)
        if before is not None and before.standing == ThresholdStatus.WITHDRAWN:
            continue
        since = before.certified_at if before is not None else None
        accepts = (
            0 if threshold.accept_from is None else int((frame.of_class(name).scores >= threshold.accept_from).sum())
        )
        rows.append(
            {
                "batch_id": scope.batch_id,
                "detector": scope.detector,
                "recipe": scope.recipe,
                "class_name": name,
                "collection": collection,
                "standing": threshold.standing.value,
                "accept_from": threshold.accept_from,
                "epsilon": threshold.promise.max_error_rate,
                "delta": threshold.promise.delta,
                "scope": threshold.scope,
                "population": accepts,
                "share_accepted": threshold.share_accepted,
                "draws": threshold.units,
                "judged": threshold.judged,
                "wrong": threshold.wrong,
                "more_audits": threshold.more_audits,
                "reason": threshold.reason,
                "certified_at": (since or utc_now()) if threshold.accept_from is not None else None,
            }
        )
    return rows


def _empty_row(scope: Scope, collection: str, class_name: str, promise: Promise) -> CertifiedThreshold:
    return CertifiedThreshold(
        batch_id=scope.batch_id,
        detector=scope.detector,
        recipe=scope.recipe,
        class_name=class_name,
        collection=collection,
        standing=ThresholdStatus.NOT_ENOUGH_EVIDENCE.value,
        epsilon=promise.max_error_rate,
        delta=promise.delta,
        scope=WholeBatch.name,
        population=0,
        draws=0,
        judged=0,
        wrong=0,
        reason="",
    )


def _end_contradicted(
    session: Session, kept: Mapping[str, CertifiedThreshold], now: Mapping[str, ClassThreshold]
) -> None:
    """Triage has used the thresholds: end those that what is known now would not certify at such a low score."""
    for name, row in kept.items():
        threshold = now.get(name)
        if threshold is None or row.standing != ThresholdStatus.CERTIFIED or row.accept_from is None:
            continue
        if threshold.accept_from is None or threshold.accept_from > row.accept_from:
            _end(session, row, f"what was judged has changed since triage used it ({threshold.reason})")


def _end(session: Session, row: CertifiedThreshold, reason: str) -> None:
    was = "" if row.accept_from is None else f" from {row.accept_from:.3f}"
    row.standing = ThresholdStatus.WITHDRAWN.value
    row.reason = f"threshold for {row.class_name!r}{was} withdrawn: {reason}"
    row.withdrawn_at = utc_now()
    session.add(row)


def _read_rows(session: Session, scope: Scope) -> dict[str, CertifiedThreshold]:
    query = select(CertifiedThreshold).where(
        CertifiedThreshold.batch_id == scope.batch_id,
        CertifiedThreshold.detector == scope.detector,
        CertifiedThreshold.recipe == scope.recipe,
    )
    return {row.class_name: row for row in session.exec(query.order_by(col(CertifiedThreshold.class_name))).all()}
