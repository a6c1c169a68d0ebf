"""Who sees a suggestion: nobody in the random slice, and nobody of a class that is quiet."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.suggestion_tables import QuietClass
from tasks.suggest.shown import RETRIED_SHARE, is_retried, may_show, quiet_classes
from tests.review.builders import NOON, item_id

QUIET_HERE = next(one for one in map(item_id, range(99)) if not is_retried(one))
RETRIED = next(one for one in map(item_id, range(99)) if is_retried(one))


@pytest.mark.parametrize(
    ("payload", "quiet", "shown"),
    [
        ({}, (), True),
        ({"blind": False}, {"dog"}, True),
        ({"blind": False}, {"cat"}, False),
        ({"blind": True}, (), False),
        ({"blind": True}, {"cat"}, False),
    ],
)
def test_suggestions_are_for_questions_that_are_not_blind_of_classes_that_are_not_quiet(
    payload: dict[str, bool], quiet: set[str], shown: bool
) -> None:
    assert may_show(payload, QUIET_HERE, "cat", quiet) is shown


def test_a_small_share_sees_a_quiet_class_all_the_same_and_no_blind_question_does() -> None:
    assert may_show({}, RETRIED, "cat", {"cat"})
    assert not may_show({"blind": True}, RETRIED, "cat", {"cat"})
    drawn = sum(is_retried(item_id(number)) for number in range(5_000))
    assert drawn / 5_000 == pytest.approx(RETRIED_SHARE, abs=0.02)


def test_a_class_is_quiet_in_its_own_collection(engine: Engine) -> None:
    with writing(engine) as session:
        upsert(session, QuietClass, [{"collection": "zoo", "class_name": "cat", "reason": "no faster"}])
    assert quiet_classes(engine, "zoo") == {"cat"}
    assert quiet_classes(engine, "farm") == frozenset()


def test_a_class_that_has_come_back_is_not_quiet(engine: Engine) -> None:
    with writing(engine) as session:
        row = {"collection": "zoo", "class_name": "cat", "reason": "no faster", "back_since": NOON}
        upsert(session, QuietClass, [row])
    assert quiet_classes(engine, "zoo") == frozenset()
