"""Simulated people before a page of crops remove what is wrong, miss at their own rate, and are charged for it."""

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Outcome, Proposal, Route, Verdict
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.pages import class_in, crops_in, page_result, wrong_crops
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.times import CLICK_S, VERIFY_BOX_S, Stopwatch
from infra.annotators.truth import AnnotatorBox, KnownWorld, TruePicture
from tasks.review.drafts.crop_pages import draft_confirm_pages
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.page_words import page_words
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.page import PageCrop, PageOptions, page_data, read_page
from tasks.review.questions.queue import confirm_page_queue
from tasks.review.receiving.poll import read_all_changes

SERVER = AnnotationServer("http://ls.example", "t", "http://gateway.example", "link-secret", "d")
ITEM = "ab" * 32
CAR, VAN = AnnotatorBox("car", (100, 100, 160, 130)), AnnotatorBox("van", (300, 100, 370, 140))
WORLD = {ITEM: TruePicture("a.jpg", (1000, 800), (CAR, VAN))}
FRAMES = {
    "right": CAR.xyxy,
    "another class": VAN.xyxy,
    "nothing": (600.0, 600.0, 660.0, 630.0),
    "badly placed": (140.0, 100.0, 200.0, 130.0),
}


def page(frames: dict[str, tuple[float, float, float, float]]) -> list[PageCrop]:
    return [
        PageCrop(
            proposal_id=name,
            item_id=ITEM,
            crop=(int(box[0]) - 20, int(box[1]) - 20, int(box[2]) + 20, int(box[3]) + 20),
            box=box,
        )
        for name, box in frames.items()
    ]


def answered(crops: list[PageCrop], skill: float = 1.0, seed: int = 0) -> tuple[list[str], Stopwatch]:
    data = page_data(SERVER, "Wrong?", "car", crops)
    person = People(skill=skill, seed=seed).for_question("confirm-page", "q")
    watch, rng = Stopwatch(np.random.default_rng(seed)), np.random.default_rng(seed)
    return wrong_crops(crops_in(data), class_in(data["question"]), WORLD, person.mistakes, rng, watch), watch


def test_crops_and_class_are_seen_as_the_task_shows_them() -> None:
    crops = page(FRAMES)
    data = page_data(SERVER, "Click what is wrong", "car", crops)
    seen = crops_in(data)
    assert [(crop.id, crop.item_id, crop.crop) for crop in seen] == [
        (crop.proposal_id, ITEM, tuple(map(float, crop.crop))) for crop in crops
    ]
    assert seen[0].frame == pytest.approx(CAR.xyxy, abs=0.05)
    assert class_in(page_data(SERVER, "Click", "car", crops)["question"]) == "car"
    assert crops_in({"image": "x"}) == ()


def test_who_knows_removes_what_is_wrong_and_nothing_else() -> None:
    crops = page(FRAMES)
    removed, watch = answered(crops)
    assert removed == ["another class", "nothing", "badly placed"]
    assert {word.proposal_id for word in read_page(page_result(removed), crops) if word.word == "removed"} == set(
        removed
    )
    assert set(watch.by_act) == {"verify", "click"}


def test_nothing_wrong_is_submitted_as_nothing() -> None:
    removed, watch = answered(page({"right": CAR.xyxy}))
    assert page_result(removed) == [] and set(watch.by_act) == {"verify"}


def test_wrong_crops_are_missed_at_the_rate_of_the_skill_and_right_ones_rarely_removed() -> None:
    nothing = page({f"n{n}": FRAMES["nothing"] for n in range(5000)})
    right = page({f"r{n}": CAR.xyxy for n in range(5000)})
    assert len(answered(nothing, skill=0.9)[0]) / 5000 == pytest.approx(0.9, abs=0.015)
    assert len(answered(right, skill=0.9)[0]) / 5000 == pytest.approx(0.01, abs=0.006)


def test_seconds_are_those_of_verifying_and_clicking() -> None:
    watch = answered(page({f"n{n}": FRAMES["nothing"] for n in range(5000)}))[1]
    assert watch.by_act["verify"] / 5000 == pytest.approx(VERIFY_BOX_S, rel=0.03)
    assert watch.by_act["click"] / 5000 == pytest.approx(CLICK_S, rel=0.03)


@pytest.mark.label_studio
def test_people_answer_pages_in_label_studio_and_the_line_reads_what_they_meant(
    engine: Engine, label_studio: AnnotationServer
) -> None:
    size = {"width": 1000, "height": 800, "plain": True}
    item = {"id": ITEM, "key": "k", "name": "a.jpg", "sequence": "a", "media_type": "image/jpeg", "size_bytes": 1}
    edges = ("x_min", "y_min", "x_max", "y_max")
    shared = {"item_id": ITEM, "detector": "d", "recipe": "r", "class_name": "car", "score": 0.98, "view": "tile"}
    with writing(engine) as session:
        upsert(session, Item, [item | size])
        upsert(session, Batch, [{"id": "b", "collection": "page-people"}])
        upsert(session, BatchItem, [{"batch_id": "b", "item_id": ITEM, "position": 0, "route": Route.SURE.value}])
        proposed = [{"id": name, **dict(zip(edges, box, strict=True)), **shared} for name, box in FRAMES.items()]
        upsert(session, Proposal, proposed)
        accepted = [{"batch_id": "b", "proposal_id": name, "outcome": Outcome.ACCEPT.value} for name in FRAMES]
        upsert(session, Verdict, accepted)
    queue = confirm_page_queue(("car", "van"))
    write_once(engine, queue, "b", 0, draft_confirm_pages(engine, queue, "b", PageOptions()))
    post_questions(engine, label_studio, queue, "b")
    world = KnownWorld(WORLD, ("car", "van"))
    report = Simulation(label_studio, world, "page-people", People(skill=1.0)).run(lambda: True, poll_s=0.1)
    assert (report.answers, report.boxes["kept"], report.boxes["deleted"]) == (1, 1, 3)
    read_all_changes(engine, label_studio)
    words = {name: said.word for name, said in page_words(engine, "b").items()}
    assert words == dict.fromkeys(FRAMES, "removed") | {"right": "confirmed"}
