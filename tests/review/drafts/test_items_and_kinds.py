"""What is asked, of whom and in which order decides how many seconds of people a label costs."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import writing
from blocks.database.tables import BatchItem, Outcome, Route, Verdict
from blocks.errors import UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import crop_around, draft_kinds, draft_missed, write_once
from tasks.review.questions.kinds.boxes.part import is_part
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.queue import mark_missed_queue, name_kind_queue
from tasks.review.questions.task import to_task
from tasks.triage import reasons
from tests.review.builders import (
    HEIGHT,
    QUEUE,
    WIDTH,
    ProposedBox,
    hear,
    item_id,
    make_batch,
    pretend_posted,
    proposal_id,
    questions,
    region,
    webhook,
    write_missed,
)

BOXES: list[ProposedBox] = [
    ("car", 0.9, Outcome.ACCEPT, (10, 10, 60, 40)),
    ("car", 0.4, Outcome.ASK, (100, 10, 160, 40)),
    ("truck", 0.2, Outcome.ASK, (-3, 600, 90, 700)),
    ("car", 0.05, Outcome.DROP, (500, 500, 560, 540)),
]
SERVER = AnnotationServer("http://label-studio", "token", "http://gateway", "links", "doorbell")
KINDS = {"car": ["hatchback", "sedan"]}


def test_an_empty_batch_asks_nothing(engine: Engine) -> None:
    make_batch(engine, items=0)
    assert list(draft_missed(engine, QUEUE, "b1")) == []


def test_people_see_doubtful_boxes_first_then_sure_ones_and_no_dropped_ones(engine: Engine) -> None:
    make_batch(engine, items=1, boxes=BOXES)
    ((draft,),) = draft_missed(engine, QUEUE, "b1")
    shown = draft.payload["boxes"]
    assert [(box["score"], box["sure"]) for box in shown] == [(0.2, False), (0.4, False), (0.9, True)]
    assert draft.payload["prefill"] == [proposal_id(item_id(0), rank) for rank in (2, 1, 0)]
    assert shown[0]["x_min"] == 0  # cut at the edge of the picture


def test_sure_items_are_not_asked_and_audits_are_asked_blind(engine: Engine) -> None:
    make_batch(engine, items=3, boxes=BOXES, routes={0: Route.SURE, 1: Route.AUDIT})
    drafts = {draft.item_id: draft for page in draft_missed(engine, QUEUE, "b1") for draft in page}
    assert drafts.keys() == {item_id(1), item_id(2)}
    assert (drafts[item_id(1)].payload["blind"], drafts[item_id(1)].payload["boxes"]) == (True, [])


def test_people_are_told_what_is_odd_and_no_scores(engine: Engine) -> None:
    make_batch(engine, items=2, boxes=BOXES, routes={1: Route.AUDIT})
    doubtful = proposal_id(item_id(0), 1)
    with writing(engine) as session:
        verdict = session.get_one(Verdict, ("b1", doubtful))
        verdict.reasons = [reasons.doubtful(0.4, 0.1, 0.6), reasons.unusual_size(3.2, "car")]
        for number in (0, 1):
            place = session.get_one(BatchItem, ("b1", item_id(number)))
            place.reasons = [reasons.boxes_in_doubt(2, 3), reasons.odd_image(2.5)]
    drafts = {draft.item_id: draft for page in draft_missed(engine, QUEUE, "b1") for draft in page}
    image, size = reasons.odd_image(2.5), reasons.unusual_size(3.2, "car")
    assert drafts[item_id(0)].payload["reasons"] == {"": image, doubtful: size}
    assert drafts[item_id(1)].payload["reasons"] == {}  # audits are blind to what machines think
    task = to_task(SERVER, QUEUE, "q1", item_id(0), drafts[item_id(0)].payload)
    assert task["data"]["why"] == "unlike the other pictures; much larger than a car usually is"
    told = [region["meta"] for region in task["predictions"][0]["result"] if "meta" in region]
    assert told == [{"text": ["much larger than a car usually is"]}]


@pytest.mark.parametrize(
    ("scores", "outcome", "expected"),
    [
        ((0.5,), Outcome.ASK, 1.0),
        ((), Outcome.ASK, 1.0),
        ((0.2, 0.45), Outcome.ASK, 0.9),
        ((0.9,), Outcome.ACCEPT, 0.5),
    ],
    ids=["toss of a coin", "saw nothing", "small doubts", "odd picture with sure boxes"],
)
def test_what_teaches_most_is_asked_first(
    engine: Engine, scores: tuple[float, ...], outcome: Outcome, expected: float
) -> None:
    make_batch(engine, items=1, boxes=[("car", score, outcome, (10, 10, 60, 40)) for score in scores])
    ((draft,),) = draft_missed(engine, QUEUE, "b1")
    assert draft.priority == pytest.approx(expected)


def test_a_class_that_the_queue_does_not_know_is_an_error_with_a_hint(engine: Engine) -> None:
    make_batch(engine, items=1, boxes=BOXES)
    with pytest.raises(UnknownClass, match="'truck' is not in queue 'mark-missed'"):
        list(draft_missed(engine, mark_missed_queue(["car"]), "b1"))


def test_writing_twice_asks_nothing_twice(engine: Engine) -> None:
    make_batch(engine, items=3)
    assert [write_missed(engine), write_missed(engine), len(questions(engine))] == [3, 3, 3]


def test_a_crash_while_writing_is_made_good_by_the_next_run(engine: Engine) -> None:
    make_batch(engine, items=450)
    pages = draft_missed(engine, QUEUE, "b1")
    first_page = [next(pages)]

    def crashing() -> object:
        yield from first_page
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_once(engine, QUEUE, "b1", 0, crashing())  # type: ignore[arg-type]
    assert (len(questions(engine)), write_missed(engine)) == (200, 450)


def test_kinds_are_asked_of_what_people_left_and_of_what_the_machine_was_sure(engine: Engine) -> None:
    make_batch(engine, items=4, boxes=BOXES, routes={0: Route.SURE, 3: Route.AUDIT})
    write_missed(engine)
    pretend_posted(engine)
    answered = next(question for question in questions(engine) if question.item_id == item_id(1))
    hear(engine, webhook(answered, result=[region("new1", "car"), region("new2", "truck")]))
    drafts = [draft for page in draft_kinds(engine, "b1", KINDS) for draft in page]
    assert {(draft.item_id, draft.subject) for draft in drafts} == {
        (item_id(0), proposal_id(item_id(0), 0)),  # accepted by the machine, nobody was asked
        (item_id(1), "new1"),  # drawn by a person; trucks have no finer kinds
        (item_id(2), proposal_id(item_id(2), 0)),  # nobody answered: what the machine accepted
    }
    assert all(draft.payload["kinds"] == KINDS["car"] for draft in drafts)


def test_an_item_that_a_person_found_empty_has_no_kinds(engine: Engine) -> None:
    make_batch(engine, items=1, boxes=BOXES)
    write_missed(engine)
    pretend_posted(engine)
    hear(engine, webhook(questions(engine)[0], result=[]))
    assert [draft for page in draft_kinds(engine, "b1", KINDS) for draft in page] == []


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ((100, 100, 200, 150), (50, 50, 251, 201)),
        ((0, 0, 10, 10), (0, 0, 23, 23)),
        ((WIDTH - 10, HEIGHT - 10, WIDTH, HEIGHT), (WIDTH - 22, HEIGHT - 22, WIDTH, HEIGHT)),
    ],
)
def test_a_crop_shows_its_surroundings_and_stays_inside(
    edges: tuple[float, float, float, float], expected: tuple[int, int, int, int]
) -> None:
    names = ("x_min", "y_min", "x_max", "y_max")
    box = AnsweredBox(id="a", class_name="car", untouched=True, **dict(zip(names, edges, strict=True)))
    assert crop_around(box, WIDTH, HEIGHT, margin_share=0.5) == expected


def test_a_kind_may_not_be_named_like_a_way_out() -> None:
    with pytest.raises(ValueError, match="none of them 'cannot tell'"):
        name_kind_queue({"car": ["cannot tell"]})


def in_a_row(count: int) -> list[ProposedBox]:
    return [
        ("car", 0.5, Outcome.ASK, (x, y, x + 24, y + 24))
        for n in range(count)
        for x, y in [(10 + 30 * (n % 16), 10 + 40 * (n // 16))]
    ]


def test_a_crowded_item_is_asked_in_parts_each_with_its_own_boxes(engine: Engine) -> None:
    make_batch(engine, items=1, boxes=in_a_row(80))
    (drafts,) = draft_missed(engine, QUEUE, "b1", parts=PartOptions())
    shown = [box["id"] for draft in drafts for box in draft.payload["boxes"]]
    assert len(drafts) >= 4
    assert sorted(shown) == sorted(proposal_id(item_id(0), rank) for rank in range(80))
    assert len({draft.subject for draft in drafts}) == len(drafts)
    assert all(is_part(draft.subject) for draft in drafts)
    assert [draft.priority for draft in drafts] == sorted((draft.priority for draft in drafts), reverse=True)


def test_a_task_about_a_part_shows_the_part_and_says_which(engine: Engine) -> None:
    make_batch(engine, items=1, boxes=in_a_row(80))
    (drafts,) = draft_missed(engine, QUEUE, "b1", parts=PartOptions())
    task = to_task(SERVER, QUEUE, "q1", item_id(0), drafts[1].payload)
    assert f"Part 2 of {len(drafts)}" in task["data"]["why"]
    assert "crop=" in task["data"]["image"] and "frame=" in task["data"]["image"]
    crop = drafts[1].payload["part"]["crop"]
    sizes = {(one["original_width"], one["original_height"]) for one in task["predictions"][0]["result"]}
    assert sizes == {(crop[2] - crop[0], crop[3] - crop[1])}


def test_an_audit_is_cut_by_what_is_held_back_and_shows_none_of_it(engine: Engine) -> None:
    make_batch(engine, items=1, boxes=in_a_row(40), routes={0: Route.AUDIT})
    (drafts,) = draft_missed(engine, QUEUE, "b1", parts=PartOptions())
    assert len(drafts) > 1
    assert all(draft.payload["blind"] and not draft.payload["boxes"] for draft in drafts)


def test_without_proposals_what_earlier_items_held_says_how_much_there_is_to_do(engine: Engine) -> None:
    make_batch(engine, items=2, boxes=[], routes={1: Route.SURE})
    write_missed(engine)
    pretend_posted(engine)
    (posted,) = questions(engine)
    (only,) = [draft for page in draft_missed(engine, QUEUE, "b1", parts=PartOptions()) for draft in page]
    assert only.subject == ""  # nobody knows anything yet
    drawn = [region(f"r{number}", edges=edges) for number, (_, _, _, edges) in enumerate(in_a_row(40))]
    hear(engine, webhook(posted, result=drawn))
    assert sum(len(page) for page in draft_missed(engine, QUEUE, "b1", 1, parts=PartOptions())) > 1
