"""Which proposals of a batch people judge one by one: drawn at random and written down before anybody sees them.

From each class's frame (`acceptable.py`) the same number is drawn as would be by shuffling it: the lot of a proposal is
a hash of its id, so a run that starts again draws the same. Classes with many boxes come first, since there a threshold
saves most; where the draws left could not prove anything, none is made, and people look as before.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.audit_tables import CertifiedThreshold, Judgement
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem
from blocks.errors import BadOption
from blocks.frozen import Frozen
from tasks.audit.bounds.betting import log_evidence_below
from tasks.audit.bounds.evidence import SampleUnit
from tasks.audit.bounds.thresholds import STARTS
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.detect.refs import Scope
from tasks.triage.acceptable import Acceptable, acceptable_boxes
from tasks.triage.options import TriageOptions


class ClassDraw(Frozen):
    """What is drawn of one class."""

    class_name: str
    population: int = Field(description="boxes that could be accepted unseen")
    drawn: int = Field(description="of these, boxes that people judge")
    why: str = Field(description="in words: why so many")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many proposals of a class to draw, from which."""

    class_name: str
    frame: Acceptable
    draws: int
    why: str


def draw_evidence(
    engine: Engine, scope: Scope, classes: tuple[str, ...], triage: TriageOptions, risk_control: RiskControlOptions
) -> tuple[ClassDraw, ...]:
    """Draw the proposals of a batch that people judge, once: a second call finds them drawn.

    Args:
        engine: The catalogue.
        scope: Whose proposals, in which batch; scanned, and not triaged yet.
        classes: The classes of the line.
        triage: As triage will use them.
        risk_control: The promise, and how much people judge for it.

    Returns:
        For each class of the line how many are drawn, and why.

    Raises:
        BadOption: There is no such batch.
        UnknownClass: A limit is for a class that the line does not have.
    """
    risk_control.check_classes(classes)
    with reading(engine) as session:
        batch = session.get(Batch, scope.batch_id)
        if batch is None:
            raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        earlier = _read_drawn(session, scope)
        late = is_triaged(session, scope.batch_id)
        ended = _read_ended(session, scope)
    if ended and not earlier:
        return tuple(ClassDraw(class_name=name, population=0, drawn=0, why=ended.get(name, "")) for name in classes)
    if earlier or late:
        nothing = ClassDraw(class_name="", population=0, drawn=0, why="nothing: the batch was triaged without it")
        if earlier:
            nothing = nothing.model_copy(update={"why": "nothing was drawn of it when the others were"})
        return tuple(earlier.get(name, nothing.model_copy(update={"class_name": name})) for name in classes)
    frame = acceptable_boxes(engine, scope, triage, risk_control.min_score)
    plans = plan_draws({name: frame.of_class(name) for name in classes}, risk_control)
    rows = [row for plan in plans for row in rows_of(plan, scope, batch.collection, risk_control)]
    with writing(engine) as session:
        upsert(session, Judgement, rows)
    return tuple(
        ClassDraw(class_name=plan.class_name, population=len(plan.frame.ids), drawn=plan.draws, why=plan.why)
        for plan in plans
    )


def plan_draws(frames: dict[str, Acceptable], risk_control: RiskControlOptions) -> list[Plan]:
    """Share the draws of a batch among its classes, in the order of the classes.

    Args:
        frames: By class, what could be accepted unseen; may be empty.
        risk_control: The limits.
    """
    left = risk_control.boxes_per_batch
    plans = {}
    for name in sorted(frames, key=lambda name: -len(frames[name].ids)):
        boxes = len(frames[name].ids)
        limit = limit_of(boxes, name, left, risk_control)
        needed = least_draws(boxes, risk_control)
        if not boxes:
            draws, why = 0, "no box of it could be accepted unseen"
        elif needed > risk_control.most_share * boxes:
            draws, why = 0, f"certifying takes {needed} of its {boxes} boxes or more: people look at all of them"
        elif needed > limit:
            draws, why = 0, f"certifying takes {needed} boxes or more, and {limit} may be asked: raise the limit"
        else:
            draws, why = min(limit, max(needed, risk_control.boxes_at_first)), f"{needed} prove it where none is wrong"
        plans[name] = Plan(name, frames[name], draws, why)
        left -= draws
    return [plans[name] for name in frames]


def limit_of(boxes: int, class_name: str, left: int, risk_control: RiskControlOptions) -> int:
    """Return how many of a class's boxes may be drawn, where `left` of the batch's budget are left."""
    return max(0, min(risk_control.limit_of(class_name), left, int(risk_control.most_share * boxes + 1e-9)))


def least_draws(boxes: int, risk_control: RiskControlOptions) -> int:
    """Return how many of a class's boxes must be judged to prove the promise for all of them if none is wrong."""
    if not boxes:
        return 0
    wrong_at_least = np.floor(risk_control.max_error_rate * boxes + 1e-9) + 1
    rate = min(wrong_at_least / boxes, 1 - 1e-9)
    needed = np.log(1 / (risk_control.promise.delta * STARTS[1.0]))

    def is_enough(draws: int) -> bool:
        evidence = log_evidence_below(np.zeros(draws), np.ones(draws), rate, 1.0, float(boxes))
        return bool(evidence >= needed)

    low, high = 0, boxes  # all of them always prove it
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def digest_of(frame: Acceptable) -> str:
    """Return a short hash of a frame: the same for the same proposals."""
    return hashlib.sha256("|".join(sorted(frame.ids)).encode()).hexdigest()[:16]


def is_triaged(session: Session, batch_id: str) -> bool:
    """Say whether triage has begun with a batch, so that no threshold can change it any more."""
    routed = select(BatchItem.item_id).where(BatchItem.batch_id == batch_id, col(BatchItem.route).is_not(None))
    return session.exec(routed.limit(1)).first() is not None


def rows_of(plan: Plan, scope: Scope, collection: str, risk_control: RiskControlOptions) -> list[dict[str, Any]]:
    """Return rows for `Judgement`: a class's first draws, in the order of their lots."""
    if not plan.draws:
        return []
    seed = f"{risk_control.seed}|{scope.batch_id}|{plan.class_name}"
    lots = [hashlib.sha256(f"{seed}|{proposal_id}".encode()).digest() for proposal_id in plan.frame.ids]
    order = sorted(range(len(lots)), key=lots.__getitem__)
    common = {
        "batch_id": scope.batch_id,
        "collection": collection,
        "detector": scope.detector,
        "recipe": scope.recipe,
        "class_name": plan.class_name,
        "drawn": SampleUnit.BOXES.value,
        "probability": plan.draws / len(plan.frame.ids),
        "population": len(plan.frame.ids),
        "frame": digest_of(plan.frame),
        "floor": risk_control.min_score,
    }
    return [
        {**common, "proposal_id": plan.frame.ids[place], "item_id": plan.frame.item_ids[place], "rank": rank}
        for rank, place in enumerate(order[: plan.draws])
    ]


def _read_ended(session: Session, scope: Scope) -> dict[str, str]:
    """Return why thresholds of a batch have ended, by class: what is judged for them would prove nothing any more."""
    query = select(CertifiedThreshold.class_name, CertifiedThreshold.reason).where(
        CertifiedThreshold.batch_id == scope.batch_id,
        CertifiedThreshold.detector == scope.detector,
        CertifiedThreshold.recipe == scope.recipe,
        col(CertifiedThreshold.withdrawn_at).is_not(None),
    )
    return dict(session.exec(query).all())


def _read_drawn(session: Session, scope: Scope) -> dict[str, ClassDraw]:
    query = (
        select(Judgement.class_name, func.count(), func.max(Judgement.population))
        .where(Judgement.batch_id == scope.batch_id)
        .where(Judgement.detector == scope.detector, Judgement.recipe == scope.recipe)
        .group_by(col(Judgement.class_name))
    )
    return {
        name: ClassDraw(class_name=name, population=population, drawn=drawn, why="drawn before")
        for name, drawn, population in session.exec(query).all()
    }
