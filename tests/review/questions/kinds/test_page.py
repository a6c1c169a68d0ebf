"""A page is cheap to answer, so what is wrong with an answer must be seen: a crop confirmed by mistake is a label."""

from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import AnswerState, BatchItem, Label, Outcome, Question, Route, Verdict
from blocks.errors import BadOption, BadRegion
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.links import is_signed
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.until import close_rest
from tasks.review.drafts.box_checks import confirm_box_queue
from tasks.review.drafts.crop_pages import draft_confirm_pages, send_back_removed
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.drafts.page_words import WordOnBox, page_words
from tasks.review.questions.kinds.page import PAGE_KEYS, PageCrop, PageOptions, page_data, read_page
from tasks.review.questions.queue import Queue, confirm_page_queue
from tasks.review.questions.staffing import AnnotatorPool, GoldRule, OverlapRule
from tasks.review.questions.task import label_config
from tasks.settle.annotators.people import people_of
from tasks.settle.labels import settle
from tests.review.builders import (
    CLASSES,
    QUEUE,
    ProposedBox,
    Speaker,
    answers,
    hear,
    item_id,
    make_batch,
    post_slots,
    pretend_posted,
    proposal_id,
    questions,
    webhook,
    wrong,
)

PAGES = confirm_page_queue(CLASSES)
SURE: list[ProposedBox] = [
    ("car", 0.99, Outcome.ACCEPT, (100, 100, 180, 140)),
    ("truck", 0.98, Outcome.ACCEPT, (400, 100, 520, 160)),
    ("car", 0.9, Outcome.ACCEPT, (700, 100, 780, 140)),
]
CROPS = [PageCrop(proposal_id=f"p{n}", item_id="a" * 64, crop=(0, 0, 120, 80), box=(20, 20, 100, 60)) for n in range(3)]
SERVER = AnnotationServer("http://ls.example", "t", "http://gateway.example", "link-secret", "d")


def write_pages(engine: Engine, crops: int = 24) -> int:
    return write_once(engine, PAGES, "b1", 0, draft_confirm_pages(engine, PAGES, "b1", PageOptions(crops=crops)))


def removed_in(engine: Engine) -> set[str]:
    return {id_ for id_, said in page_words(engine, "b1").items() if said.word == "removed"}


@pytest.fixture
def paged(engine: Engine) -> Engine:
    """Two sure items on two posted pages, one of cars and one of trucks."""
    make_batch(engine, items=2, boxes=SURE, routes={0: Route.SURE, 1: Route.SURE})
    write_pages(engine)
    pretend_posted(engine, queue=PAGES)
    return engine


def page_of(engine: Engine, class_name: str) -> Question:
    return next(row for row in questions(engine) if row.payload.get("class_name") == class_name)


def test_a_page_holds_very_sure_boxes_of_one_class_of_items_nobody_looks_at(engine: Engine) -> None:
    make_batch(engine, items=5, boxes=SURE, routes={0: Route.SURE, 1: Route.SURE, 2: Route.SURE, 3: Route.AUDIT})
    assert write_pages(engine, crops=2) == 4  # three cars and three trucks, two a page
    shown = [
        (row.payload["class_name"], [crop["proposal_id"] for crop in row.payload["crops"]]) for row in questions(engine)
    ]
    cars, trucks = ([proposal_id(item_id(n), rank) for n in range(3)] for rank in (0, 1))
    assert sorted(shown) == sorted([("car", cars[:2]), ("car", cars[2:]), ("truck", trucks[:2]), ("truck", trucks[2:])])
    assert write_pages(engine, crops=2) == 4


def test_a_batch_without_sure_boxes_has_no_pages(engine: Engine) -> None:
    make_batch(engine, items=2, boxes=SURE)
    assert write_pages(engine) == 0


def test_each_crop_has_a_signed_link_a_frame_and_as_far_as_they_go_a_key() -> None:
    many = [CROPS[0].model_copy(update={"proposal_id": f"p{n}"}) for n in range(30)]
    shown = page_data(SERVER, "Wrong?", "car", many)
    assert shown["question"] == "Wrong? (car)"
    assert [choice["value"] for choice in shown["crops"]] == [f"p{n}" for n in range(30)]
    assert "".join(choice.get("hotkey", "") for choice in shown["crops"]) == PAGE_KEYS
    picture = ElementTree.fromstring(shown["crops"][0]["html"].replace('alt="">', 'alt=""/>'))
    image, frame = picture
    link = image.get("src") or ""
    signature = link.rpartition("signature=")[2]
    assert link.startswith("http://gateway.example/images/") and is_signed(
        "link-secret", "a" * 64, (0, 0, 120, 80), signature
    )
    assert frame.get("style") == "left:16.67%;top:25.00%;width:66.67%;height:50.00%"


def test_the_config_offers_what_the_task_brings() -> None:
    view = ElementTree.fromstring(label_config(PAGES))
    choices = view.find(".//Choices")
    assert choices is not None
    assert (choices.get("choice"), choices.get("value"), choices.get("toName")) == ("multiple", "$crops", "page")


@pytest.mark.parametrize(
    ("result", "removed"),
    [
        ([], set()),
        ([wrong("p1")], {"p1"}),
        ([wrong("p0", "p1", "p2")], {"p0", "p1", "p2"}),
        ([wrong()], set()),
        ([wrong("p1"), {"type": "textarea", "from_name": "note", "value": {"text": ["a dent"]}}], {"p1"}),
        ([{**wrong("p1"), "from_name": "another"}], set()),
    ],
    ids=["nothing wrong", "one", "all", "marked and unmarked", "with a comment", "another control"],
)
def test_what_is_not_removed_is_confirmed(result: list[object], removed: set[str]) -> None:
    words = read_page(result, CROPS)
    assert [word.proposal_id for word in words] == ["p0", "p1", "p2"]
    assert {word.proposal_id for word in words if word.word == "removed"} == removed


@pytest.mark.parametrize(
    "result",
    [
        [wrong("p9")],
        [wrong("p1"), wrong("p2")],
        [{**wrong("p1"), "type": "rectanglelabels"}],
        [{**wrong("p1"), "value": None}],
        [wrong(["p1"])],
        ["p1"],
    ],
    ids=["strange crop", "two entries", "a box", "no value", "nested", "no entry"],
)
def test_an_answer_about_anything_else_is_an_error(result: list[object]) -> None:
    with pytest.raises(BadRegion):
        read_page(result, CROPS)


def test_such_an_answer_is_kept_raw_and_set_aside(paged: Engine) -> None:
    hear(paged, webhook(page_of(paged, "car"), result=[wrong("p9")]))
    (answer,) = answers(paged)
    assert (answer.state, answer.raw) == (AnswerState.SET_ASIDE, [wrong("p9")])
    assert answer.reason is not None and "none of the 2 crops" in answer.reason
    assert page_words(paged, "b1") == {}


def test_words_are_known_by_proposal_with_the_answer_that_says_so_and_an_edit_wins(paged: Engine) -> None:
    cars = [proposal_id(item_id(n), 0) for n in range(2)]
    hear(paged, webhook(page_of(paged, "car"), result=[wrong(cars[0])]))
    (first,) = answers(paged)
    assert page_words(paged, "b1") == {
        cars[0]: WordOnBox("removed", first.id),
        cars[1]: WordOnBox("confirmed", first.id),
    }
    hear(paged, webhook(page_of(paged, "car"), minute=1, action="ANNOTATION_UPDATED", result=[]))
    assert removed_in(paged) == set()


def test_an_item_with_a_crop_removed_is_asked_as_a_whole_and_the_others_are_not(paged: Engine) -> None:
    removed = proposal_id(item_id(1), 0)
    hear(paged, webhook(page_of(paged, "car"), result=[wrong(removed)]))
    assert send_back_removed(paged, "b1") == 1
    assert send_back_removed(paged, "b1") == 0
    ((draft,),) = draft_missed(paged, QUEUE, "b1")
    assert draft.item_id == item_id(1)
    assert {box["id"]: box["sure"] for box in draft.payload["boxes"]}[removed] is False
    with reading(paged) as session:
        verdict, place = session.get_one(Verdict, ("b1", removed)), session.get_one(BatchItem, ("b1", item_id(1)))
    assert verdict.outcome == Outcome.ASK and "a person removed" in verdict.reasons[-1] and place.route == Route.ASK


def test_what_is_left_is_the_label_of_the_person_who_left_it_and_what_is_removed_is_none(paged: Engine) -> None:
    removed, left, unpaged = proposal_id(item_id(0), 0), proposal_id(item_id(1), 0), proposal_id(item_id(1), 2)
    hear(paged, webhook(page_of(paged, "car"), result=[wrong(removed)]))
    settle(paged, "b1", "d1", "r1")  # without sending it back, as when the word comes too late
    with reading(paged) as session:
        labels = {label.region: label for label in session.exec(select(Label))}
    assert removed not in labels
    assert (labels[left].origin, labels[left].answer_id, labels[left].proposal_id) == (
        "person",
        answers(paged)[0].id,
        left,
    )
    assert (labels[unpaged].origin, labels[unpaged].answer_id) == ("machine", None)


def test_settling_counts_confirmed_and_removed_crops(paged: Engine) -> None:
    hear(paged, webhook(page_of(paged, "car"), result=[wrong(proposal_id(item_id(0), 0))]))
    report = settle(paged, "b1", "d1", "r1")
    assert (report.confirmed, report.deleted, report.accepted_without_people, report.labels) == (1, 1, 4, 5)


def test_an_unanswered_page_leaves_the_machines_word_or_drops_its_items(paged: Engine) -> None:
    hear(paged, webhook(page_of(paged, "truck"), result=[]))
    assert close_rest(paged, PAGES.name, "b1", 0, "pass_on") == 1
    assert settle(paged, "b1", "d1", "r1").by_origin == {"machine": 4, "person": 2}


def test_dropping_unanswered_pages_sets_all_their_items_aside(paged: Engine) -> None:
    assert close_rest(paged, PAGES.name, "b1", 0, "drop") == 2
    assert settle(paged, "b1", "d1", "r1").items_left_out == 2


@pytest.mark.parametrize("wrong_option", [{"least_score": 0}, {"least_score": 1.1}, {"crops": 0}, {"crops": 101}])
def test_options_are_bounded(wrong_option: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        PageOptions.model_validate(wrong_option)


@pytest.mark.parametrize("queue", [PAGES, confirm_box_queue(CLASSES)], ids=lambda queue: queue.kind)
@pytest.mark.parametrize("wanted", [{"overlap": OverlapRule()}, {"gold": GoldRule()}], ids=["overlap", "gold"])
def test_what_nothing_weighs_is_asked_of_one_person(engine: Engine, queue: Queue, wanted: dict[str, Any]) -> None:
    with pytest.raises(
        BadOption,
        match=f"{queue.name}.* wants {next(iter(wanted))}.* boxes, kind, class, classes, tag, polygons and masks are",
    ):
        queue.with_pool(AnnotatorPool(**wanted))
    make_batch(engine, items=1, boxes=SURE, routes={0: Route.SURE})
    by_hand = queue.model_copy(update=wanted)
    with pytest.raises(BadOption, match=queue.name):
        write_once(engine, by_hand, "b1", 0, draft_confirm_pages(engine, by_hand, "b1", PageOptions()))
    assert questions(engine) == []


def test_who_may_answer_a_page_can_be_named(engine: Engine) -> None:
    named = PAGES.with_pool(AnnotatorPool(annotators=("ada@example.org",)))
    make_batch(engine, items=1, boxes=SURE[:1], routes={0: Route.SURE})
    write_once(engine, named, "b1", 0, draft_confirm_pages(engine, named, "b1", PageOptions()))
    post_slots(engine, named)
    (page,), people = questions(engine), Speaker(engine)
    people.say("eve@example.org", page, [wrong(proposal_id(item_id(0), 0))])
    assert weigh_answers(engine, named, "b1").courses == {"ask_more": 1}
    assert page_words(engine, "b1") == {}, "a stranger removes nothing"
    (told,) = people_of(engine, "b1").queues
    assert (told.queue, list(told.uncounted.values())) == ("confirm-page", [1])
    post_slots(engine, named)
    (slot,) = (row for row in questions(engine) if row.asked_id)
    people.say("ada@example.org", slot, [])
    assert weigh_answers(engine, named, "b1").courses == {"settled": 1}
    assert [said.word for said in page_words(engine, "b1").values()] == ["confirmed"]
