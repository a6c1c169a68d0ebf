"""Lift from the catalogue to the page: who was shown what, what is blind, and what goes quiet by itself."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Audit, Batch, Proposal
from tasks.monitor.lift.page import lift_page, lift_plot
from tasks.monitor.lift.read import read_suggested_answers
from tasks.monitor.lift.report import measure_lift, why_quiet
from tasks.monitor.options import MonitorOptions
from tasks.review.questions.queue import CHOOSE_CLASS
from tasks.suggest.shown import quiet_classes
from tests.settle.world import ask, give_route, give_verdicts, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan

OPTIONS = MonitorOptions(resamples=199)


def line(engine: Engine, shown: int, blind: int, seconds: tuple[float, float], why: str = "control") -> str:
    """Answers about cats, suggested as such, with and without seeing it."""
    ids = list(add_batch(engine, shown + blind))
    facts = {"detector": DETECTOR, "recipe": RECIPE, "view": "whole", "shape": {"type": "whole"}, "class_name": "cat"}
    with writing(engine) as session:
        batch = session.get_one(Batch, BATCH)
        batch.detector = DETECTOR
        session.add(batch)
        collection = batch.collection
    for at, item_id in enumerate(ids):
        add_scan(engine, item_id)
        with writing(engine) as session:
            upsert(session, Proposal, [{"id": f"p{at}", "item_id": item_id, "score": 0.8, **facts}])
        give_verdicts(engine, {f"p{at}": "ask"})
        hidden = at >= shown
        give_route(engine, item_id, "audit" if hidden else "ask")
        if hidden:
            with writing(engine) as session:
                upsert(session, Audit, [{"batch_id": BATCH, "item_id": item_id, "why": why, "seed": 0}])
        proposed = {} if hidden else {"proposed": {"id": f"p{at}", "class_name": "cat", "score": 0.8}}
        question = ask(engine, item_id, queue=CHOOSE_CLASS, options=["cat", "dog"], blind=hidden, **proposed)
        took = seconds[hidden] * (1 + 0.1 * (at % 3))
        say(engine, question, [{"kind": "cat", "verdict": "kind"}], took, saw_proposals=None if hidden else True)
    settle_batch(engine)
    return collection


def test_a_class_in_which_people_are_no_faster_goes_quiet_and_the_page_says_so(engine: Engine) -> None:
    collection = line(engine, 15, 12, (3.0, 2.0))
    found = measure_lift(engine, collection, OPTIONS)
    assert (found.whole.shown, found.whole.blind) == (15, 12)
    assert found.gone_quiet == found.quiet == ("cat",) and quiet_classes(engine, collection) == {"cat"}
    page = lift_page(found, why_quiet(engine, collection), lift_plot(found))
    assert "Quiet from now on: cat" in page and "15 answers with suggestions, 12 without" in page
    assert "data:image/jpeg" in page
    again = measure_lift(engine, collection, OPTIONS)
    assert (again.gone_quiet, again.quiet) == ((), ("cat",))


def test_a_class_in_which_people_are_faster_stays(engine: Engine) -> None:
    found = measure_lift(engine, line(engine, 15, 12, (1.0, 2.0)), OPTIONS)
    assert found.whole.verdict == "helps" and found.quiet == ()


@pytest.mark.parametrize(("why", "blind"), [("control", 12), ("random", 12), ("held_out", 0)])
def test_only_what_was_drawn_by_lot_is_held_against_the_others(engine: Engine, why: str, blind: int) -> None:
    collection = line(engine, 15, 12, (1.0, 2.0), why)
    assert sum(one.blind for one in read_suggested_answers(engine, collection)) == blind


def test_a_collection_without_suggestions_has_no_page_of_numbers(engine: Engine) -> None:
    found = measure_lift(engine, "nothing", OPTIONS)
    assert "Not enough evidence" in lift_page(found, {}) and lift_plot(found) is None
    with reading(engine):
        assert found.quiet == ()
