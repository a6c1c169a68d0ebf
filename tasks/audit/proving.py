"""From the judgements of a batch to its bands, kept in the catalogue: certified, not yet, or withdrawn.

A band speaks of the batch whose boxes were judged, and of no other: whatever the next pictures look like, its promise
stands. Boxes judged in earlier batches are no evidence for it. Counted as its own they would break a promise of 95 % in
12 to 25 % of batches where days differ, and in 7 % where they do not (`earlier_outcome` in `infra/bench/bands.py`).

Before triage a band is computed anew at every look. Once triage has used it, it can only be withdrawn: by answers that
were changed, by blind audits that contradict it, or because the pictures have changed (`drifting.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.audit_tables import Band
from blocks.database import reading, upsert, writing
from blocks.errors import BadOption
from blocks.tables import Batch, utc_now
from tasks.audit.bands import ClassBand, Promise, Standing, certify
from tasks.audit.draws import digest_of, is_triaged
from tasks.audit.grids import ThresholdGrid
from tasks.audit.judgements import JudgedClass, collect_judgements, read_judged
from tasks.audit.options import ProofOptions
from tasks.audit.scope import WholeBatch
from tasks.triage.acceptable import Acceptable, acceptable_boxes
from tasks.triage.boxes import Scope
from tasks.triage.options import CertifiedBands, TriageOptions

CHANGING = (
    "standing", "accept_from", "epsilon", "delta", "scope", "population", "share_accepted", "draws", "judged", "wrong",
    "more_audits", "reason", "certified_at",
)  # fmt: skip
"""What a later look may change of a band, as long as triage has not used it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the judgements of a batch come to, by class; and what was in force when this was read."""

    bands: Mapping[str, ClassBand]
    in_force: CertifiedBands


def prove_bands(
    engine: Engine, scope: Scope, classes: tuple[str, ...], triage: TriageOptions, proof: ProofOptions
) -> Proof:
    """Certify the bands of a batch from all judgements of its draws, and keep them; safe to call again.

    Args:
        engine: The catalogue.
        scope: Whose proposals, in which batch.
        classes: The classes of the line; each is in the result.
        triage: As triage will use them.
        proof: The promise.

    Raises:
        BadOption: There is no such batch.
    """
    with reading(engine) as session:
        batch = session.get(Batch, scope.batch_id)
    if batch is None:
        raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
    collect_judgements(engine, scope)
    judged = read_judged(engine, scope)
    floor = next((one.floor for one in judged.values()), proof.floor)
    frame = acceptable_boxes(engine, scope, triage, floor)
    now = {name: certify_class(name, frame.of_class(name), judged.get(name), proof) for name in classes}
    with writing(engine) as session:
        late = is_triaged(session, scope.batch_id)
        kept = _read_rows(session, scope)
        if late:
            _end_contradicted(session, kept, now)
        else:
            upsert(session, Band, _rows(scope, batch.collection, now, frame, kept), update=CHANGING)
    return Proof(read_bands(engine, scope), bands_in_force(engine, scope, proof))


def certify_class(name: str, frame: Acceptable, judged: JudgedClass | None, proof: ProofOptions) -> ClassBand:
    """Certify one class of a batch.

    Args:
        name: The class.
        frame: What could be accepted unseen; may be empty.
        judged: The draws; None: there were none.
        proof: The promise.

    Returns:
        The band; where the frame is not the one that was drawn from, one that accepts nothing.
    """
    scope = WholeBatch.of(frame.item_ids, frame.scores)
    grid = ThresholdGrid.of(frame.scores)
    if judged is None:
        return certify(name, [], grid, proof.promise, scope)
    if judged.frame != digest_of(frame):
        nothing = certify(name, [], ThresholdGrid.of(frame.scores[:0]), proof.promise, WholeBatch.of((), ()))
        told = (
            f"no band for {name!r}: the boxes that could be accepted have changed since the draw, so what was judged "
            "is no random part of them any more; were triage's options changed?"
        )
        return nothing.model_copy(update={"reason": told, "more_audits": None})
    return certify(name, [judged.evidence], grid, proof.promise, scope)


def withdraw(engine: Engine, scope: Scope, class_name: str, reason: str) -> bool:
    """Withdraw a band for good; returns whether there was one in force."""
    with writing(engine) as session:
        row = session.get(Band, (scope.batch_id, scope.detector, scope.recipe, class_name))
        if row is None or row.standing != Standing.CERTIFIED:
            return False
        _end(session, row, reason)
    return True


def withdraw_all(
    engine: Engine, scope: Scope, classes: tuple[str, ...], promise: Promise, reason: str
) -> tuple[str, ...]:
    """Let a batch have no bands: those in force end, and before triage no other class gets one either.

    Returns:
        The classes whose band this call has ended or ruled out, in the order of `classes`; none at a second call.

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
            row = session.get(Band, (scope.batch_id, scope.detector, scope.recipe, name))
            if row is None and not late:
                row = _empty_row(scope, batch.collection, name, promise)
            if row is not None and (row.standing == Standing.CERTIFIED or not (late or row.withdrawn_at)):
                _end(session, row, reason)
                ended.append(name)
    return tuple(ended)


def read_bands(engine: Engine, scope: Scope) -> dict[str, ClassBand]:
    """Return the bands of a batch as they are kept, by class; a withdrawn one accepts nothing."""
    with reading(engine) as session:
        rows = _read_rows(session, scope)
    return {
        name: ClassBand(
            class_name=name,
            standing=Standing(row.standing),
            accept_from=row.accept_from if row.standing == Standing.CERTIFIED else None,
            reason=row.reason,
            promise=Promise(epsilon=row.epsilon, delta=row.delta),
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


def bands_in_force(engine: Engine, scope: Scope, proof: ProofOptions) -> CertifiedBands:
    """Return from which score the classes of a batch are accepted; classes without a band are absent."""
    bands = read_bands(engine, scope)
    accept_from = {name: band.accept_from for name, band in bands.items() if band.accept_from is not None}
    return CertifiedBands(accept_from=accept_from, epsilon=proof.epsilon, delta=proof.delta)


def _rows(
    scope: Scope, collection: str, now: Mapping[str, ClassBand], frame: Acceptable, kept: Mapping[str, Band]
) -> list[dict[str, Any]]:
    rows = []
    for name, band in now.items():
        before = kept.get(name)
        if before is not None and before.standing == Standing.WITHDRAWN:
            continue
        since = before.certified_at if before is not None else None
        accepts = 0 if band.accept_from is None else int((frame.of_class(name).scores >= band.accept_from).sum())
        rows.append(
            {
                "batch_id": scope.batch_id,
                "detector": scope.detector,
                "recipe": scope.recipe,
                "class_name": name,
                "collection": collection,
                "standing": band.standing.value,
                "accept_from": band.accept_from,
                "epsilon": band.promise.epsilon,
                "delta": band.promise.delta,
                "scope": band.scope,
                "population": accepts,
                "share_accepted": band.share_accepted,
                "draws": band.units,
                "judged": band.judged,
                "wrong": band.wrong,
                "more_audits": band.more_audits,
                "reason": band.reason,
                "certified_at": (since or utc_now()) if band.accept_from is not None else None,
            }
        )
    return rows


def _empty_row(scope: Scope, collection: str, class_name: str, promise: Promise) -> Band:
    return Band(
        batch_id=scope.batch_id,
        detector=scope.detector,
        recipe=scope.recipe,
        class_name=class_name,
        collection=collection,
        standing=Standing.NOT_ENOUGH_EVIDENCE.value,
        epsilon=promise.epsilon,
        delta=promise.delta,
        scope=WholeBatch.name,
        population=0,
        draws=0,
        judged=0,
        wrong=0,
        reason="",
    )


def _end_contradicted(session: Session, kept: Mapping[str, Band], now: Mapping[str, ClassBand]) -> None:
    """Triage has used the bands: end those that what is known now would not certify at such a low score."""
    for name, row in kept.items():
        band = now.get(name)
        if band is None or row.standing != Standing.CERTIFIED or row.accept_from is None:
            continue
        if band.accept_from is None or band.accept_from > row.accept_from:
            _end(session, row, f"what was judged has changed since triage used it ({band.reason})")


def _end(session: Session, row: Band, reason: str) -> None:
    was = "" if row.accept_from is None else f" from {row.accept_from:.3f}"
    row.standing = Standing.WITHDRAWN.value
    row.reason = f"band for {row.class_name!r}{was} withdrawn: {reason}"
    row.withdrawn_at = utc_now()
    session.add(row)


def _read_rows(session: Session, scope: Scope) -> dict[str, Band]:
    query = select(Band).where(
        Band.batch_id == scope.batch_id, Band.detector == scope.detector, Band.recipe == scope.recipe
    )
    return {row.class_name: row for row in session.exec(query.order_by(col(Band.class_name))).all()}
