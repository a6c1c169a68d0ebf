"""Measure what suggestions are worth on a line, and quieten classes of which no lift is shown."""

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.suggestion_tables import QuietClass
from tasks.monitor.lift.compare import lift_of, lifts_by
from tasks.monitor.lift.page import LiftReport
from tasks.monitor.lift.read import keep_quiet, read_suggested_answers
from tasks.monitor.options import MonitorOptions


def measure_lift(engine: Engine, collection: str, options: MonitorOptions) -> LiftReport:
    """Compare answers with suggestions and without, and write down which classes are quiet from now on."""
    answers = read_suggested_answers(engine, collection)
    by_class = lifts_by(answers, lambda one: one.suggested, options)
    gone = keep_quiet(engine, collection, by_class)
    return LiftReport(
        collection=collection,
        whole=lift_of(answers, options),
        by_class=by_class,
        by_person=lifts_by(answers, lambda one: one.person, options),
        quiet=tuple(sorted(why_quiet(engine, collection))),
        gone_quiet=gone,
    )


def why_quiet(engine: Engine, collection: str) -> dict[str, str]:
    """Return the quiet classes of a collection, and why each is."""
    query = select(QuietClass.class_name, QuietClass.reason).where(col(QuietClass.collection) == collection)
    with reading(engine) as session:
        return dict(session.exec(query).all())
