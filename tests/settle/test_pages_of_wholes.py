"""Whole pictures on pages: what a person leaves is theirs, what they take out is asked, with nothing chosen already."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.suggestion_tables import QuietClass
from blocks.database.tables import Batch, Proposal, Question
from infra.annotators.pages import crops_in, wrong_crops
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import TruePicture
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import LineQueue, draft_questions
from tasks.review.questions.kinds.page import PageCrop, PageOptions, page_data
from tasks.review.questions.queue import choose_class_queue, confirm_page_queue
from tests.review.questions.kinds.test_page import SERVER
from tests.settle.world import all_labels, give_route, give_verdicts, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan

CLASSES = ("car", "van")
PAGES = LineQueue(queue=confirm_page_queue(CLASSES, shown="item"), pages=PageOptions(least_score=0.97, crops=2))
SINGLES = LineQueue(queue=choose_class_queue(CLASSES), first={"entropy": 1.0})


@pytest.fixture
def items(engine: Engine) -> list[str]:
    """Five that are surely cars, and one that may be."""
    ids = list(add_batch(engine, 6))
    scores = (0.999, 0.99, 0.98, 0.98, 0.975, 0.8)
    facts = {"detector": DETECTOR, "recipe": RECIPE, "view": "whole", "shape": {"type": "whole"}, "class_name": "car"}
    for item_id in ids:
        add_scan(engine, item_id)
    with writing(engine) as session:
        rows = [{"id": f"p{at}", "item_id": id_, "score": score, **facts} for at, (id_, score) in
                enumerate(zip(ids, scores, strict=True))]  # fmt: skip
        upsert(session, Proposal, rows)
    give_verdicts(engine, {f"p{at}": "accept" if at < 5 else "ask" for at in range(6)})
    for at, item_id in enumerate(ids):
        give_route(engine, item_id, "sure" if at < 5 else "ask")
    return ids


def asked(engine: Engine, stop: LineQueue) -> list[Question]:
    write_once(engine, stop.queue, BATCH, 0, draft_questions(engine, BATCH, stop))
    with reading(engine) as session:
        wanted = select(Question).where(Question.queue == stop.queue.name).order_by(Question.created_at, Question.id)
        return list(session.exec(wanted).all())


def confirm(engine: Engine, questions: list[Question], wrong: set[str]) -> None:
    for question in questions:
        ids = [crop["proposal_id"] for crop in question.payload["crops"]]
        words = [{"proposal_id": id_, "word": "removed" if id_ in wrong else "confirmed"} for id_ in ids]
        say(engine, question.id, words, seconds=3)


def test_pages_hold_whole_pictures_and_what_is_taken_out_is_asked_with_nothing_chosen(
    engine: Engine, items: list[str]
) -> None:
    pages = asked(engine, PAGES)
    assert sorted(len(page.payload["crops"]) for page in pages) == [1, 2, 2]
    assert {crop["box"] for page in pages for crop in page.payload["crops"]} == {None}
    confirm(engine, pages, wrong={"p1"})
    singles = {question.item_id: question for question in asked(engine, SINGLES)}
    assert set(singles) == {items[1], items[5]}
    assert singles[items[1]].payload["proposed"] is None
    assert singles[items[5]].payload["proposed"]["class_name"] == "car"
    for question in singles.values():
        say(engine, question.id, [{"kind": "van", "verdict": "kind"}], seconds=2)
    settle_batch(engine)
    labels = {label.item_id: (label.class_name, label.origin, label.proposal_id) for label in all_labels(engine)}
    assert labels == {id_: ("car", "person", f"p{at}") for at, id_ in enumerate(items) if at not in (1, 5)} | {
        items[1]: ("van", "person", None),
        items[5]: ("van", "person", "p5"),
    }


def test_nothing_is_suggested_of_a_quiet_class(engine: Engine, items: list[str]) -> None:
    with reading(engine) as session:
        collection = session.get_one(Batch, BATCH).collection
    with writing(engine) as session:
        upsert(session, QuietClass, [{"collection": collection, "class_name": "car", "reason": "no faster"}])
    (question,) = asked(engine, SINGLES)
    assert (question.item_id, question.payload["proposed"]) == (items[5], None)


def test_people_see_the_whole_picture_without_a_frame_and_know_it_by_its_class() -> None:
    known = {"a" * 64: "car", "b" * 64: "van"}
    crops = [PageCrop(proposal_id=id_[0], item_id=id_, crop=(0, 0, 2000, 10)) for id_ in known]
    data = page_data(SERVER, "Wrong?", "car", crops)
    assert "<i style" not in data["crops"][0]["html"] and "crop=" not in data["crops"][0]["html"]
    pictures = {id_: TruePicture("p", (2000, 10), (), name) for id_, name in known.items()}
    person = People(skill=1.0).for_question("confirm-page", "q")
    rng = person.chance("q")
    assert wrong_crops(crops_in(data), "car", pictures, person.mistakes, rng, Stopwatch(rng)) == ["b"]


def test_a_text_is_a_card_with_its_beginning_that_is_shown_and_never_run() -> None:
    card = PageCrop(proposal_id="p", item_id="a" * 64, text="<script>alert(1)</script>")
    data = page_data(SERVER, "Wrong?", "car", [card])
    assert "&lt;script&gt;" in data["crops"][0]["html"] and "<script" not in data["crops"][0]["html"]
    (seen,) = crops_in(data)
    assert (seen.item_id, seen.frame) == ("a" * 64, None)
