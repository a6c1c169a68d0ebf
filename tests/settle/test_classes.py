"""Wholes settle as boxes do: by the person's word where there is one, else by the machine's, as one region."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import BatchItem, Proposal
from tasks.review.questions.queue import CHOOSE_CLASS
from tasks.settle.in_force import labels_in_force
from tests.settle.world import all_labels, ask, give_route, give_verdicts, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan

WHOLE = {"type": "whole"}


@pytest.fixture
def item(engine: Engine) -> str:
    (item_id,) = add_batch(engine, 1)
    return item_id


def guess(engine: Engine, item_id: str, class_name: str, outcome: str) -> str:
    add_scan(engine, item_id)
    facts = {"detector": DETECTOR, "recipe": RECIPE, "view": "whole", "shape": WHOLE, "score": 0.8}
    with writing(engine) as session:
        upsert(session, Proposal, [{"id": "p1", "item_id": item_id, "class_name": class_name, **facts}])
    give_verdicts(engine, {"p1": outcome})
    return "p1"


def asked(engine: Engine, item_id: str, proposed: str | None = None) -> str:
    shown = {"proposed": {"id": "p1", "class_name": proposed, "score": 0.8}} if proposed else {}
    prefill = ["p1"] if proposed else []
    return ask(engine, item_id, prefill, queue=CHOOSE_CLASS, options=["car", "van"], **shown)


def chosen(class_name: str | None) -> list[dict[str, object]]:
    return [{"kind": class_name, "verdict": "kind" if class_name else "cannot_tell"}]


def told(engine: Engine) -> list[tuple[str, str, str, str | None]]:
    (labels,) = labels_in_force(engine, [all_labels(engine)[0].item_id]).values()
    return [(one.region, one.class_name, one.origin, one.proposal_id) for one in labels]


def test_a_class_that_triage_accepted_is_the_machines_and_has_no_place(engine: Engine, item: str) -> None:
    guess(engine, item, "car", "accept")
    give_route(engine, item, "sure")
    report = settle_batch(engine)
    assert (report.labels, report.accepted_without_people) == (1, 1)
    (label,) = all_labels(engine)
    assert (label.region, label.shape, label.x_min, label.y_max) == ("whole", WHOLE, None, None)
    assert settle_batch(engine).revisions_written == 0


@pytest.mark.parametrize(("said", "count"), [("car", "confirmed"), ("van", "changed")])
def test_a_class_that_a_person_was_shown_is_theirs_kept_or_mended(
    engine: Engine, item: str, said: str, count: str
) -> None:
    guess(engine, item, "car", "ask")
    give_route(engine, item, "ask")
    say(engine, asked(engine, item, "car"), chosen(said))
    report = settle_batch(engine)
    assert told(engine) == [("whole", said, "person", "p1")]
    assert getattr(report, count) == 1


def test_without_a_model_people_say_it_alone(engine: Engine, item: str) -> None:
    give_route(engine, item, "ask")
    say(engine, asked(engine, item), chosen("van"))
    assert settle_batch(engine).drawn == 1
    assert told(engine) == [("whole", "van", "person", None)]


def test_of_two_answers_about_one_picture_the_last_counts_as_a_revision_of_the_same_label(
    engine: Engine, item: str
) -> None:
    give_route(engine, item, "ask")
    question = asked(engine, item)
    say(engine, question, chosen("van"), person="ann@example.org")
    settle_batch(engine)
    say(engine, question, chosen("car"), person="ben@example.org")
    assert settle_batch(engine).revisions_written == 1
    assert told(engine) == [("whole", "car", "person", None)]
    assert [label.revision for label in all_labels(engine)] == [0, 1]


@pytest.mark.parametrize("outcome", ["accept", "ask"])
def test_cannot_tell_settles_nothing_also_where_the_machine_was_sure(engine: Engine, item: str, outcome: str) -> None:
    guess(engine, item, "car", outcome)
    give_route(engine, item, "ask")
    say(engine, asked(engine, item, "car"), chosen(None))
    report = settle_batch(engine)
    assert (report.items_unsettled, report.labels, all_labels(engine)) == (1, 0, [])


def test_who_finds_later_that_nobody_can_tell_takes_the_label_back(engine: Engine, item: str) -> None:
    give_route(engine, item, "ask")
    question = asked(engine, item)
    say(engine, question, chosen("van"))
    settle_batch(engine)
    answer = say(engine, question, chosen(None))
    settle_batch(engine)
    assert [(label.retracted, label.answer_id == answer) for label in all_labels(engine)] == [
        (False, False),
        (True, True),
    ]
    with writing(engine) as session:
        place = session.get_one(BatchItem, (BATCH, item))
        assert place.settled_at is None


def test_an_answer_that_is_none_is_named_and_leaves_the_item_as_it_is(engine: Engine, item: str) -> None:
    give_route(engine, item, "ask")
    say(engine, asked(engine, item), [{"kind": 7, "verdict": "kind"}])
    (aside,) = settle_batch(engine).set_aside
    assert "which is no AnsweredKind: kind" in aside.reason
