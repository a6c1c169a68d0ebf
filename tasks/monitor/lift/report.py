"""Measure what suggestions are worth on a line: classes without lift go quiet, and come back when they have one."""

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.suggestion_tables import QuietClass
from tasks.monitor.lift.compare import EARLIEST, lift_of, lifts_by
from tasks.monitor.lift.page import LiftReport
from tasks.monitor.lift.read import keep_quiet, quiet_since, read_suggested_answers
from tasks.monitor.options import MonitorOptions
from tasks.suggest.shown import IS_QUIET


def measure_lift(engine: Engine, collection: str, options: MonitorOptions) -> LiftReport:
    """Compare answers with suggestions and without, and write down which classes are quiet from now on, or back."""
    answers = read_suggested_answers(engine, collection)
    since = quiet_since(engine, collection)
    fresh = [one for one in answers if one.at > since.get(one.suggested, EARLIEST)]
    by_class = lifts_by(fresh, lambda one: one.suggested, options)
    turned = keep_quiet(engine, collection, by_class)
    return LiftReport(
        collection=collection,
        whole=lift_of(answers, options),
        by_class=by_class,
        by_person=lifts_by(answers, lambda one: one.person, options),
        quiet=tuple(sorted(why_quiet(engine, collection))),
        gone_quiet=turned.gone,
        back=turned.back,
    )


def why_quiet(engine: Engine, collection: str) -> dict[str, str]:
    """Return the quiet classes of a collection, and why each is."""
    query = select(QuietClass.class_name, QuietClass.reason).where(QuietClass.collection == collection, *IS_QUIET)
    with reading(engine) as session:
        return dict(session.exec(query).all())
