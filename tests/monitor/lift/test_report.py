"""Lift from the catalogue to the page: who was shown what, what is blind, and what goes quiet by itself."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.suggestion_tables import QuietClass
from blocks.database.tables import Answer, Audit, Batch, Proposal
from tasks.monitor.lift.page import lift_page, lift_plot
from tasks.monitor.lift.read import read_suggested_answers
from tasks.monitor.lift.report import measure_lift, why_quiet
from tasks.monitor.options import MonitorOptions
from tasks.review.questions.queue import CHOOSE_CLASS
from tasks.suggest.shown import quiet_classes
from tests.settle.world import NOON, ask, give_route, give_verdicts, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan

OPTIONS = MonitorOptions(resamples=199)


def line(
    engine: Engine, shown: int, blind: int, seconds: tuple[float, float], why: str = "control", batch_id: str = BATCH
) -> str:
    """Answers about cats, suggested as such, with and without seeing it."""
    ids = list(add_batch(engine, shown + blind, batch_id))
    facts = {"detector": DETECTOR, "recipe": RECIPE, "view": "whole", "shape": {"type": "whole"}, "class_name": "cat"}
    with writing(engine) as session:
        batch = session.get_one(Batch, batch_id)
        batch.detector = DETECTOR
        session.add(batch)
        collection = batch.collection
    for at, item_id in enumerate(ids):
        add_scan(engine, item_id)
        with writing(engine) as session:
            upsert(session, Proposal, [{"id": f"{batch_id} {at}", "item_id": item_id, "score": 0.8, **facts}])
        give_verdicts(engine, {f"{batch_id} {at}": "ask"}, batch_id)
        hidden = at >= shown
        give_route(engine, item_id, "audit" if hidden else "ask", batch_id)
        if hidden:
            with writing(engine) as session:
                upsert(session, Audit, [{"batch_id": batch_id, "item_id": item_id, "why": why, "seed": 0}])
        proposed = {} if hidden else {"proposed": {"id": f"{batch_id} {at}", "class_name": "cat", "score": 0.8}}
        facts_of = {"options": ["cat", "dog"], "blind": hidden, **proposed}
        question = ask(engine, item_id, queue=CHOOSE_CLASS, batch_id=batch_id, **facts_of)
        took = seconds[hidden] * (1 + 0.1 * (at % 3))
        say(engine, question, [{"kind": "cat", "verdict": "kind"}], took, saw_proposals=None if hidden else True)
    settle_batch(engine, batch_id)
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


def went_quiet_before(engine: Engine, answers: int) -> None:
    """Pretend that the first so many answers came before the class went quiet, and all others after."""
    with writing(engine) as session:
        times = sorted(answer.answered_at for answer in session.exec(select(Answer)).all())
        row = session.exec(select(QuietClass)).one()
        row.since = times[answers - 1]
        session.add(row)


def test_a_quiet_class_comes_back_once_what_was_answered_since_shows_a_lift_and_not_before(engine: Engine) -> None:
    collection = line(engine, 15, 12, (3.0, 2.0))
    assert measure_lift(engine, collection, OPTIONS).gone_quiet == ("cat",)
    went_quiet_before(engine, 27)
    assert measure_lift(engine, collection, OPTIONS).quiet == ("cat",), "nothing was answered since"
    line(engine, 4, 12, (1.0, 2.0), batch_id="few")
    assert measure_lift(engine, collection, OPTIONS).quiet == ("cat",), "too few see its suggestions"
    line(engine, 15, 12, (1.0, 2.0), batch_id="more")
    found = measure_lift(engine, collection, OPTIONS)
    assert (found.back, found.quiet) == (("cat",), ())
    assert quiet_classes(engine, collection) == frozenset()
    assert "Suggested again: cat" in lift_page(found, why_quiet(engine, collection))
    again = measure_lift(engine, collection, OPTIONS)
    assert (again.gone_quiet, again.quiet) == ((), ()), "what was slow before it went quiet says nothing any more"


def test_a_class_that_came_back_and_helps_no_more_goes_quiet_again(engine: Engine) -> None:
    collection = line(engine, 15, 12, (3.0, 2.0))
    with writing(engine) as session:
        early = datetime.min.replace(tzinfo=UTC)
        row = {"collection": collection, "class_name": "cat", "reason": "as before", "since": early, "back_since": NOON}
        upsert(session, QuietClass, [row])
    found = measure_lift(engine, collection, OPTIONS)
    assert (found.gone_quiet, found.quiet) == (("cat",), ("cat",))
    assert "15 answers with suggestions" in why_quiet(engine, collection)["cat"]


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


def test_what_was_suggested_as_a_question_was_opened_counts_for_what_was_posted(engine: Engine) -> None:
    collection = line(engine, 4, 1, (1.0, 2.0))
    live = [
        {"as_suggested": True, "suggested": "dog", "kind": "dog", "verdict": "kind"},
        {"as_suggested": False, "suggested": "dog", "kind": "cat", "verdict": "kind"},
        {"as_suggested": True, "kind": "cat", "verdict": "kind"},
        {"as_suggested": False, "kind": "cat", "verdict": "kind"},
    ]
    with writing(engine) as session:
        rows = session.exec(select(Answer).order_by(Answer.answered_at)).all()
        for row, said in zip(rows, live, strict=False):
            row.raw = [said]
            session.add(row)
    found = [(one.suggested, one.said) for one in read_suggested_answers(engine, collection) if not one.blind]
    assert sorted(found) == [("cat", "cat"), ("dog", "cat"), ("dog", "dog")], "of the last nobody knows what it was"
