"""Boxes in doubt come onto pages where that is cheaper, and then only the parts with a removed box are asked about."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.tables import BatchItem, Label, Outcome, Proposal, Route, Verdict
from tasks.review.drafts.crop_pages import accept_confirmed, draft_confirm_pages, send_back_removed
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.drafts.narrow import is_cheaper_on_pages
from tasks.review.questions.kinds.page import PageOptions
from tasks.review.questions.kinds.protocol import ItemToAsk, ToShow
from tasks.review.questions.queue import confirm_page_queue
from tasks.settle.labels import settle
from tasks.triage import reasons
from tests.review.builders import (
    CLASSES,
    QUEUE,
    ProposedBox,
    answers,
    hear,
    item_id,
    make_batch,
    pretend_posted,
    proposal_id,
    questions,
    webhook,
    wrong,
)

PAGES = confirm_page_queue(CLASSES)
FEW: list[ProposedBox] = [
    ("car", 0.95, Outcome.ACCEPT, (300, 300, 380, 340)),
    ("car", 0.8, Outcome.ASK, (100, 100, 180, 140)),
    ("car", 0.85, Outcome.ASK, (1500, 900, 1580, 940)),
]


def paged(engine: Engine, boxes: list[ProposedBox] = FEW, why: tuple[str, ...] = (), doubtful: bool = True) -> int:
    make_batch(engine, items=1, boxes=boxes)
    with writing(engine) as session:
        place = session.get_one(BatchItem, ("b1", item_id(0)))
        place.reasons = [reasons.boxes_in_doubt(2, 3), *why]
    options = PageOptions(doubtful=doubtful)
    return write_once(engine, PAGES, "b1", 0, draft_confirm_pages(engine, PAGES, "b1", options, parts=PartOptions()))


def answer_page(engine: Engine, *removed: str) -> None:
    pretend_posted(engine, queue=PAGES)
    (page,) = questions(engine)
    hear(engine, webhook(page, result=[wrong(*removed)] if removed else []))
    send_back_removed(engine, "b1")
    accept_confirmed(engine, "b1")


def asked(engine: Engine) -> list[list[str]]:
    drafts = [draft for page in draft_missed(engine, QUEUE, "b1", parts=PartOptions()) for draft in page]
    return [draft.payload["prefill"] for draft in drafts]


def test_few_boxes_that_are_mostly_right_come_onto_a_page_and_sure_ones_do_not(engine: Engine) -> None:
    assert paged(engine) == 1
    (page,) = questions(engine)
    assert {crop["proposal_id"] for crop in page.payload["crops"]} == {proposal_id(item_id(0), rank) for rank in (1, 2)}


def test_unless_a_line_wants_it_no_box_in_doubt_comes_onto_a_page(engine: Engine) -> None:
    assert paged(engine, doubtful=False) == 0


def test_an_item_of_which_something_else_is_odd_is_asked_as_ever(engine: Engine) -> None:
    assert paged(engine, why=(reasons.odd_image(2.5),)) == 0


def test_an_item_whose_boxes_were_all_left_is_sure_and_they_are_that_persons(engine: Engine) -> None:
    paged(engine)
    answer_page(engine)
    assert asked(engine) == []
    settle(engine, "b1", "d1", "r1")
    with reading(engine) as session:
        assert session.get_one(BatchItem, ("b1", item_id(0))).route == Route.SURE
        labels = {label.region: label for label in session.exec(select(Label))}
    (answer,) = answers(engine)
    assert {(label.origin, label.answer_id) for label in labels.values()} == {("person", answer.id), ("machine", None)}
    assert labels[proposal_id(item_id(0), 0)].origin == "machine"


def test_what_was_removed_is_asked_about_and_what_was_left_is_shown_as_sure(engine: Engine) -> None:
    paged(engine)
    removed = proposal_id(item_id(0), 1)
    answer_page(engine, removed)
    (draft,) = [draft for page in draft_missed(engine, QUEUE, "b1", parts=PartOptions()) for draft in page]
    assert {box["id"] for box in draft.payload["boxes"] if not box["sure"]} == {removed}
    with reading(engine) as session:
        outcomes = {row.proposal_id: row.outcome for row in session.exec(select(Verdict))}
    assert outcomes[proposal_id(item_id(0), 2)] == Outcome.ACCEPT
    assert send_back_removed(engine, "b1") == accept_confirmed(engine, "b1") == 0


def test_of_a_crowded_item_only_the_part_with_the_removed_box_is_asked_about(engine: Engine) -> None:
    crowd: list[ProposedBox] = [
        ("car", 0.99, Outcome.ACCEPT, (x, y, x + 60, y + 30))
        for y in range(50, 1200, 120)
        for x in range(50, 1800, 180)
    ]
    paged(engine, [*FEW, *crowd])
    removed = proposal_id(item_id(0), 1)
    answer_page(engine, removed)
    (shown,) = asked(engine)
    assert removed in shown
    assert len(shown) < len(crowd) / 2


def proposed(score: float, is_sure: bool = False) -> ToShow:
    edges = {"x_min": 10, "y_min": 10, "x_max": 50, "y_max": 50}
    return ToShow(Proposal(id="p", class_name="car", score=score, **edges), is_sure)


@pytest.mark.parametrize(
    ("scores", "is_cheaper"), [([0.9], True), ([0.9, 0.8], True), ([0.5] * 8, False), ([0.05, 0.1], False)]
)
def test_a_page_pays_where_boxes_are_few_and_mostly_right(scores: list[float], is_cheaper: bool) -> None:
    item = ItemToAsk(1920, 1280, [*map(proposed, scores), *[proposed(0.99, True)] * 10])
    assert is_cheaper_on_pages(item, PartOptions()) is is_cheaper
