"""From what people wrote down to labels: nothing is settled before the owner decides, and nothing is lost."""

from typing import Any

import pytest
from sqlalchemy import Engine

from blocks.database.engine import reading
from blocks.database.tables import Batch
from blocks.errors import BadOption
from tasks.audit.missing_classes import count_undecided, decide_class, missing_classes, refused_of
from tasks.audit.reopen import skipped_named
from tasks.review.questions.queue import CHOOSE_CLASS
from tests.settle.world import all_labels, ask, give_route, say, settle_batch
from tests.triage.rows import BATCH, add_batch


def wrote(name: str) -> list[dict[str, Any]]:
    return [{"kind": None, "verdict": "missing_class", "missing": name}]


@pytest.fixture
def items(engine: Engine) -> list[str]:
    """Three items of which people wrote that they show an okapi, and one that is a car."""
    ids = list(add_batch(engine, 4))
    for item_id in ids:
        give_route(engine, item_id, "ask")
    for number, (item_id, name) in enumerate(zip(ids, ["okapi", "Okapi ", "okapi"], strict=False)):
        question = ask(engine, item_id, queue=CHOOSE_CLASS, options=["car", "van"])
        say(engine, question, wrote(name), person=f"p{number % 2}@example.org")
    question = ask(engine, ids[3], queue=CHOOSE_CLASS, options=["car", "van"])
    say(engine, question, [{"kind": "car", "verdict": "kind"}])
    return ids


def collection_of(engine: Engine) -> str:
    with reading(engine) as session:
        return session.get_one(Batch, BATCH).collection


def settled(engine: Engine) -> dict[str, str]:
    newest = {label.item_id: label for label in all_labels(engine)}
    return {item_id: label.class_name for item_id, label in newest.items() if not label.retracted}


def test_nothing_is_settled_before_it_is_decided_and_what_was_written_is_counted(
    engine: Engine, items: list[str]
) -> None:
    report = settle_batch(engine)
    assert settled(engine) == {items[3]: "car"}
    assert report.items_waiting == 0, "the line goes on"
    name = collection_of(engine)
    (one,) = missing_classes(engine, name)
    assert (one.written, one.items, one.people, one.waiting, one.fate) == ("okapi", 3, 2, 3, "not decided")
    assert len(one.examples) == 3
    assert count_undecided(engine) == {name: 1}


@pytest.mark.parametrize(("class_name", "is_new"), [("Okapi", True), ("car", False)], ids=["accepted", "mapped"])
def test_what_was_decided_settles_what_waited_and_what_comes_later(
    engine: Engine, items: list[str], class_name: str, is_new: bool
) -> None:
    settle_batch(engine)
    name = collection_of(engine)
    assert decide_class(engine, name, "OKAPI", class_name, is_new=is_new) == 3
    assert settled(engine) == dict.fromkeys(items[:3], class_name) | {items[3]: "car"}
    assert count_undecided(engine) == {}
    (one,) = missing_classes(engine, name)
    assert (one.is_decided, one.class_name, one.waiting) == (True, class_name, 0)
    late = ask(engine, items[3], queue=CHOOSE_CLASS, round_=1, options=["car", "van"])
    say(engine, late, wrote("okapi"))
    settle_batch(engine)
    assert settled(engine)[items[3]] == class_name
    assert decide_class(engine, name, "okapi", class_name, is_new=is_new) == 0, "again, it changes nothing"


def test_a_decision_before_the_batch_has_settled_is_what_its_run_settles(engine: Engine, items: list[str]) -> None:
    assert decide_class(engine, collection_of(engine), "okapi", "okapi", is_new=True) == 0
    settle_batch(engine)
    assert settled(engine) == dict.fromkeys(items[:3], "okapi") | {items[3]: "car"}


def test_what_is_refused_can_be_asked_again_until_it_was(engine: Engine, items: list[str]) -> None:
    settle_batch(engine)
    name = collection_of(engine)
    assert not refused_of(engine, name)
    decide_class(engine, name, "okapi", None)
    assert settled(engine) == {items[3]: "car"}
    assert {one.item_id for one in skipped_named(engine, name, ())} == set(items[:3])
    assert all("refused: " in one.reason for one in refused_of(engine, name))
    again = ask(engine, items[0], queue=CHOOSE_CLASS, round_=1, options=["car", "van"])
    assert {one.item_id for one in refused_of(engine, name)} == set(items[1:3])
    say(engine, again, [{"kind": "van", "verdict": "kind"}])
    settle_batch(engine)
    assert settled(engine)[items[0]] == "van"


def test_a_decision_can_be_changed_and_its_labels_with_it(engine: Engine, items: list[str]) -> None:
    settle_batch(engine)
    name = collection_of(engine)
    decide_class(engine, name, "okapi", "car")
    assert decide_class(engine, name, "okapi", None) == 3
    assert settled(engine) == {items[3]: "car"}


def test_what_nobody_wrote_is_told_with_what_was_meant(engine: Engine, items: list[str]) -> None:
    with pytest.raises(BadOption, match="Did you mean 'okapi'"):
        decide_class(engine, collection_of(engine), "okapy", "car")
    assert count_undecided(engine), f"{items} wait as before"
