"""Whether more boxes of a class shall be judged than at first, and which: the next ones in the order of the lots.

Nothing more is asked where the threshold accepts all it can already, or where what was judged shows that the detector
is too bad. The evidence is valid at every look (`betting.py`), so looking before going on costs nothing.
"""

from collections import Counter

from sqlalchemy import Engine, func
from sqlmodel import col, select

from blocks.database.audit_tables import Judgement
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch
from blocks.errors import BadOption
from tasks.audit.bounds.certify import ClassThreshold, ThresholdStatus
from tasks.audit.risk_control.judgements import collect_judgements, read_judged
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import certify_class
from tasks.audit.risk_control.sample_boxes import Plan, is_triaged, limit_of, rows_of
from tasks.detect.refs import Scope
from tasks.triage.acceptable import acceptable_boxes
from tasks.triage.options import TriageOptions

NEARLY_ALL = 0.95
"""A threshold that accepts this share of a class's boxes is worth no more questions."""


def draw_more(
    engine: Engine, scope: Scope, classes: tuple[str, ...], triage: TriageOptions, risk_control: RiskControlOptions
) -> dict[str, int]:
    """Draw the rest of what may be drawn of the classes where that may still change something; safe to call again.

    Args:
        engine: The catalogue.
        scope: Whose proposals, in which batch; what was drawn at first has been asked.
        classes: The classes of the line.
        triage: As triage will use them.
        risk_control: The limits.

    Returns:
        By class how many were drawn now; nothing once triage has begun.

    Raises:
        BadOption: There is no such batch.
    """
    with reading(engine) as session:
        batch = session.get(Batch, scope.batch_id)
        if batch is None:
            raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        late = is_triaged(session, scope.batch_id)
    drawn = _count_drawn(engine, scope)
    if late or not drawn:
        return {}
    collect_judgements(engine, scope)
    judged = read_judged(engine, scope)
    risk_control = risk_control.model_copy(update={"min_score": next(iter(judged.values())).floor})
    frame = acceptable_boxes(engine, scope, triage, risk_control.min_score)
    left = risk_control.boxes_per_batch - drawn.total()
    now: dict[str, int] = {}
    for name in (name for name in classes if name in judged):
        mine = frame.of_class(name)
        most = limit_of(len(mine.ids), name, drawn[name] + left, risk_control)
        # What is still open of the first draws would come first; more of them would only wait behind it.
        if most <= drawn[name] or judged[name].open:
            continue
        if not is_worth_more(certify_class(name, mine, judged[name], risk_control), most - drawn[name]):
            continue
        rows = rows_of(Plan(name, mine, most, "more may change something"), scope, batch.collection, risk_control)
        if {row["proposal_id"] for row in rows[: drawn[name]]} != _ids_drawn(engine, scope, name):
            continue  # drawn with another seed: these lots do not go on where those ended
        with writing(engine) as session:
            upsert(session, Judgement, rows[drawn[name] :])
        now[name] = most - drawn[name]
        left -= now[name]
    return now


def is_worth_more(threshold: ClassThreshold, draws: int) -> bool:
    """Say whether so many further draws may give a class a threshold, or a wider one."""
    if threshold.standing is ThresholdStatus.CERTIFIED:
        return threshold.share_accepted < NEARLY_ALL
    # The estimate is a rough one: a class that is told to need twice as many may still be lucky.
    hopeful = threshold.more_audits is not None and threshold.more_audits <= 2 * draws
    return threshold.standing is ThresholdStatus.NOT_ENOUGH_EVIDENCE and hopeful


def _ids_drawn(engine: Engine, scope: Scope, class_name: str) -> set[str]:
    query = select(Judgement.proposal_id).where(
        Judgement.batch_id == scope.batch_id,
        Judgement.detector == scope.detector,
        Judgement.recipe == scope.recipe,
        Judgement.class_name == class_name,
    )
    with reading(engine) as session:
        return set(session.exec(query).all())


def _count_drawn(engine: Engine, scope: Scope) -> Counter[str]:
    query = (
        select(Judgement.class_name, func.count())
        .where(Judgement.batch_id == scope.batch_id)
        .where(Judgement.detector == scope.detector, Judgement.recipe == scope.recipe)
        .group_by(col(Judgement.class_name))
    )
    with reading(engine) as session:
        return Counter(dict(session.exec(query).all()))
