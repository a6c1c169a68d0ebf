"""Who was shown the proposals is told by the annotation itself, and only then by clocks."""

from datetime import timedelta
from typing import Any

import pytest

from blocks.database.tables import Question
from tasks.review.receiving.annotations import HeardAnnotation
from tasks.review.receiving.seen import saw_proposals
from tests.review.builders import NOON, region


def question(type_: str = "boxes", boxes: tuple[str, ...] = ("p1",), prefilled_s: float | None = 0) -> Question:
    payload = {"type": type_, "boxes": [{"id": id_} for id_ in boxes]}
    at = None if prefilled_s is None else NOON + timedelta(seconds=prefilled_s)
    return Question(id="q", queue="mark-missed", batch_id="b", item_id="i", payload=payload, prefilled_at=at)


def annotation(result: Any = (), created_s: float | None = 60, seconds: float = 30, **more: Any) -> HeardAnnotation:
    created = None if created_s is None else NOON + timedelta(seconds=created_s)
    listed = list(result) if isinstance(result, tuple) else result
    return HeardAnnotation(id=1, updated_at=NOON, result=listed, lead_time=seconds, created_at=created, **more)


@pytest.mark.parametrize("one", [question("kind"), question("page"), question(boxes=())], ids=["kind", "page", "blind"])
def test_where_nothing_is_to_be_shown_nobody_was_kept_from_it(one: Question) -> None:
    assert saw_proposals(one, annotation()) is None


@pytest.mark.parametrize(
    ("asked", "said", "expected"),
    [
        (question(prefilled_s=None), annotation(parent_prediction=4), True),
        (question(prefilled_s=None), annotation((region("p1"),)), True),
        (question(prefilled_s=None), annotation((region("own"),)), False),
        (question(prefilled_s=29), annotation((region("own"),)), True),
        (question(prefilled_s=31), annotation((region("own"),)), False),
        (question(prefilled_s=31), annotation(), False),
        (question(prefilled_s=None), annotation((region("own"),), created_s=None), None),
        (question(prefilled_s=None), annotation("no list"), False),
        (question("confirm", prefilled_s=31), annotation(), False),
    ],
    ids=[
        "begun with a prediction",
        "a shown box is still there",
        "drawn, and never seen to stand",
        "opened after",
        "opened before",
        "empty, opened before",
        "nothing tells",
        "not even a result",
        "a check without its box",
    ],
)
def test_the_annotation_tells_first_and_then_the_clocks(
    asked: Question, said: HeardAnnotation, expected: bool | None
) -> None:
    assert saw_proposals(asked, said) is expected


def test_a_made_up_time_is_no_error() -> None:
    assert saw_proposals(question(), annotation(seconds=1e300)) is False
