"""Who sees a suggestion: nobody in the random slice, and nobody of a class that is quiet."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.suggestion_tables import QuietClass
from tasks.suggest.shown import may_show, quiet_classes


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
    assert may_show(payload, "cat", quiet) is shown


def test_a_class_is_quiet_in_its_own_collection(engine: Engine) -> None:
    with writing(engine) as session:
        upsert(session, QuietClass, [{"collection": "zoo", "class_name": "cat", "reason": "no faster"}])
    assert quiet_classes(engine, "zoo") == {"cat"}
    assert quiet_classes(engine, "farm") == frozenset()
