"""From the catalogue to questions: labels that a detector contradicts are sent back with a reason, within a budget."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, Item, Proposal, Question
from blocks.errors import BadInput, BadOption, NotEnoughData, UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import Store
from tasks.audit.label_errors.finding import LabelErrorOptions
from tasks.audit.label_errors.options import LabelErrorReviewOptions
from tasks.audit.label_errors.record import REVIEW_ROUND, Look, LookScope, claim_round, kept_looks
from tasks.audit.label_errors.report import LabelErrorReport, look_page
from tasks.audit.label_errors.review.answers import read_answers, with_answers
from tasks.audit.label_errors.review.pictures import look_pictures
from tasks.audit.label_errors.review.review_round import open_look, settle_look, write_questions
from tasks.detect.proposals import proposals_of
from tasks.review.decide.until import Until
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.payload import Payload
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.queues.films import WATCH_TRACKS
from tasks.review.questions.task import to_task
from tasks.settle.in_force import labels_in_force
from tests.settle.world import ask, give_route, give_verdicts, make_film, region, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, add_to_batch, car

QUEUE = mark_missed_queue(["car"])
SCOPE = LookScope("lot", DETECTOR, RECIPE, ("car",))
OPTIONS = LabelErrorOptions(budget=0.1)
FAULTY = 3


def settled_lot(
    engine: Engine, items: int = 40, dropped: int = 1, route: str = "sure", batch_id: str = BATCH
) -> tuple[list[str], list[str]]:
    """Items with four cars each, settled; of item FAULTY some labels are missing. Returns items and its proposals."""
    ids = add_batch(engine, items, batch_id)
    of_faulty: list[str] = []
    for number, item_id in enumerate(ids):
        rng = np.random.default_rng(number)
        found = [
            car(0.9, 100 + 150 * k + float(rng.normal(0, 2)), 100 + 100 * k, 40 + float(rng.normal(0, 2)))
            for k in range(4)
        ]
        proposals = add_scan(engine, item_id, found)
        give_verdicts(engine, dict.fromkeys(proposals, "accept"), batch_id)
        give_route(engine, item_id, "sure", batch_id)
        if number == FAULTY:
            of_faulty = proposals
            give_verdicts(engine, dict.fromkeys(proposals[:dropped], "drop"), batch_id)
            give_route(engine, item_id, route, batch_id)
    if route == "audit":
        say(engine, ask(engine, ids[FAULTY], batch_id=batch_id), [region("by-hand")])
    settle_batch(engine, batch_id)
    return ids, of_faulty


@pytest.fixture
def look(engine: Engine, store: Store) -> Callable[..., Look]:
    """Open a look at the lot."""

    def opened(
        options: LabelErrorOptions = OPTIONS, scope: LookScope = SCOPE, run: str | None = None, **more: int
    ) -> Look:
        return open_look(engine, store, scope, options, run, **more)

    return opened


Opened = Callable[..., Look]


def payload_of(engine: Engine, look: Look) -> Payload:
    """Write a look's one question, and return what it shows."""
    write_questions(engine, QUEUE, look)
    return read_payload(question_of(engine, look).payload)


def question_of(engine: Engine, look: Look) -> Question:
    with reading(engine) as session:
        return session.exec(select(Question).where(Question.round == look.round)).one()


def left_as_is(box: ShownBox) -> dict[str, object]:
    return box.model_dump(exclude={"score", "sure"}) | {"untouched": True}


def report_of(engine: Engine, look: Look) -> LabelErrorReport:
    return with_answers(look.report, read_answers(engine, look))


def drop_labels(engine: Engine, item_id: str, count: int) -> None:
    mine = proposals_of(engine, [item_id], DETECTOR, RECIPE)[item_id]
    give_verdicts(engine, {proposal.id: "drop" for proposal in mine[:count]})
    settle_batch(engine)


def test_an_overlooked_object_becomes_a_question_that_shows_it_first_with_its_reason(
    engine: Engine, look: Opened
) -> None:
    ids, proposals = settled_lot(engine)
    mine = look()
    assert (mine.asked, mine.round) == ({ids[FAULTY]: BATCH}, REVIEW_ROUND)
    payload = payload_of(engine, mine)
    assert payload.boxes[0].id == proposals[0]
    assert [box.sure for box in payload.boxes] == [False, True, True, True]
    assert payload.reasons == {proposals[0]: "a car of score 0.90 has no label: 98% of such boxes have one"}
    assert (mine.report.items_asked, mine.report.findings, mine.report.asked) == (
        1,
        {"overlooked": 1},
        {"overlooked": 1},
    )


def test_the_question_says_why_beside_the_box_in_label_studio(engine: Engine, look: Opened) -> None:
    _, proposals = settled_lot(engine)
    server = AnnotationServer("http://studio", "token", "http://gateway", "secret", "bell")
    payload = payload_of(engine, look())
    task = to_task(server, QUEUE, "q1", "item", payload.model_dump(mode="json"))
    assert "has no label" in task["data"]["why"]
    notes = {one["id"]: one.get("meta") for one in task["predictions"][0]["result"]}
    assert notes[proposals[0]] == {"text": [task["data"]["why"]]}
    assert [note for note in notes.values() if note is None] == [None] * 3


def test_labels_stay_in_force_until_somebody_answers_and_then_follow_the_answer(
    engine: Engine, look: Opened, store: Store
) -> None:
    ids, proposals = settled_lot(engine)
    mine = look()
    payload = payload_of(engine, mine)
    assert settle_look(engine, store, mine) == 0
    assert len(labels_in_force(engine, [ids[FAULTY]])[ids[FAULTY]]) == 3
    say(engine, question_of(engine, mine).id, [left_as_is(box) for box in payload.boxes])
    assert settle_look(engine, store, mine) == 1
    labels = labels_in_force(engine, [ids[FAULTY]])[ids[FAULTY]]
    assert {label.region: label.origin for label in labels} == {
        proposals[0]: "person",
        **dict.fromkeys(proposals[1:], "machine"),
    }
    assert settle_look(engine, store, mine) == 0


def test_what_people_add_to_a_film_gets_a_track_as_well(engine: Engine, look: Opened, store: Store) -> None:
    ids, _ = settled_lot(engine)
    make_film(engine, ids)
    mine = look()
    boxes = [left_as_is(box) for box in payload_of(engine, mine).boxes]
    say(engine, question_of(engine, mine).id, boxes)
    settle_look(engine, store, mine)
    labels = labels_in_force(engine, [ids[FAULTY]])[ids[FAULTY]]
    assert len({label.track for label in labels} - {None}) == len(labels) == 4


def test_what_people_change_is_counted_by_kind_and_what_they_leave_is_a_false_alarm(
    engine: Engine, look: Opened
) -> None:
    settled_lot(engine)
    mine = look()
    payload = payload_of(engine, mine)
    assert (report_of(engine, mine).items_answered, report_of(engine, mine).precision) == (0, None)
    missing, *labels = payload.boxes
    say(engine, question_of(engine, mine).id, [left_as_is(box) for box in labels], annotation_id=1)
    report = report_of(engine, mine)
    assert (report.answered, report.changed, report.precision) == ({"overlooked": 1}, {}, 0.0)
    moved = left_as_is(labels[0]) | {"untouched": False}
    drawn = left_as_is(missing) | {"id": "by-hand", "untouched": False}
    say(engine, question_of(engine, mine).id, [moved, drawn, left_as_is(labels[1])], annotation_id=1)
    report = report_of(engine, mine)
    assert (report.changed, report.precision) == ({"overlooked": 1}, 1.0)
    assert (report.boxes_added, report.boxes_changed, report.boxes_removed) == (1, 1, 1)
    assert "people changed labels on 1 of them" in look_page(report)


def test_a_second_call_and_a_second_run_ask_nothing_more(engine: Engine, look: Opened, store: Store) -> None:
    settled_lot(engine)
    mine = look(run="run-1")
    assert write_questions(engine, QUEUE, mine) == write_questions(engine, QUEUE, mine) == {BATCH: 1}
    assert look(run="run-1") == look(run="run-2") == mine
    say(engine, question_of(engine, mine).id, [])
    settle_look(engine, store, mine)
    assert look(run="run-3") == mine
    assert kept_looks(store, "lot") == [mine]
    with reading(engine) as session:
        assert len(session.exec(select(Question)).all()) == 1


def test_a_look_whose_run_died_before_its_questions_were_written_is_gone_on_with(engine: Engine, look: Opened) -> None:
    settled_lot(engine)
    mine = look(run="run-1")
    settled_lot(engine, batch_id="batch-2")
    assert look(run="run-2") == mine
    assert write_questions(engine, QUEUE, mine) == {BATCH: 1}


def test_looks_ask_in_rounds_of_their_own(engine: Engine) -> None:
    rounds = [claim_round(engine, "lot", id_) for id_ in ("a", "b", "a", "c")]
    assert rounds == [REVIEW_ROUND, REVIEW_ROUND + 1, REVIEW_ROUND, REVIEW_ROUND + 2]
    assert claim_round(engine, "other lot", "b") == REVIEW_ROUND


def test_a_run_keeps_its_look_although_more_has_settled_since(engine: Engine, look: Opened, store: Store) -> None:
    settled_lot(engine)
    mine = look(run="run-1")
    settled_lot(engine, batch_id="batch-2")
    assert look(run="run-1") == mine
    assert look(run="run-2") == mine  # not finished: it is gone on with first
    payload_of(engine, mine)
    say(engine, question_of(engine, mine).id, [])
    settle_look(engine, store, mine)
    later = look(run="run-3")
    assert (later.round, list(later.asked.values())) == (mine.round + 1, ["batch-2"])
    assert later.report.items == 80


def test_what_one_detector_had_asked_counts_against_its_budget_and_no_item_is_asked_twice(
    engine: Engine, look: Opened, store: Store
) -> None:
    ids, _ = settled_lot(engine)
    mine = look(LabelErrorOptions(budget=0.01))
    payload_of(engine, mine)
    say(engine, question_of(engine, mine).id, [])  # an empty answer: all four cars are missing now
    settle_look(engine, store, mine)
    drop_labels(engine, ids[7], 1)
    again = look(LabelErrorOptions(budget=0.02))
    assert (again.asked, again.report.items_asked_before, again.report.items_over_budget) == ({}, 1, 1)
    wider = look(LabelErrorOptions(budget=0.05))
    assert list(wider.asked) == [ids[7]]


def test_an_item_of_two_batches_is_asked_about_in_the_newer_one(engine: Engine, look: Opened) -> None:
    ids, proposals = settled_lot(engine)
    add_to_batch(engine, [ids[FAULTY]], "batch-2", "lot")
    give_verdicts(engine, dict.fromkeys(proposals[1:], "accept"), "batch-2")
    give_route(engine, ids[FAULTY], "sure", "batch-2")
    settle_batch(engine, "batch-2")
    assert look().asked == {ids[FAULTY]: "batch-2"}


def test_what_is_over_the_budget_is_listed_and_not_forgotten(engine: Engine, look: Opened) -> None:
    ids, _ = settled_lot(engine, dropped=1)
    drop_labels(engine, ids[7], 2)
    mine = look(LabelErrorOptions(budget=0.01))
    report = mine.report
    assert (report.items_asked, report.items_over_budget, report.over_budget) == (1, 1, (ids[FAULTY],))
    assert {one.item_id for one in mine.findings} == {ids[7], ids[FAULTY]}
    assert ids[FAULTY][:12] in look_page(report)


def test_findings_below_the_least_suspicion_are_counted_and_not_asked(engine: Engine, look: Opened) -> None:
    settled_lot(engine)
    report = look(LabelErrorOptions(least_suspicion=1)).report
    assert (report.items_asked, report.items_weak) == (0, 1)


def test_audited_items_are_never_shown_what_a_detector_says(engine: Engine, look: Opened) -> None:
    settled_lot(engine, route="audit")
    mine = look()
    assert mine.asked == {}
    assert (mine.report.items, mine.report.items_audited) == (39, 1)


def test_items_in_a_film_that_stands_open_are_counted_and_judged_later(engine: Engine, look: Opened) -> None:
    ids, _ = settled_lot(engine)
    film = ask(engine, ids[FAULTY], queue=WATCH_TRACKS, round_=20)
    mine = look()
    assert (mine.asked, mine.report.items, mine.report.items_watched) == ({}, 39, 1)
    assert "in a film that people are asked to watch" in look_page(mine.report)
    say(engine, film, [])
    assert list(look().asked) == [ids[FAULTY]]


def test_items_that_the_detector_has_not_seen_are_counted_and_not_judged(engine: Engine, look: Opened) -> None:
    settled_lot(engine)
    report = look(scope=replace(SCOPE, detector="detector-2")).report
    assert (report.items, report.items_not_scanned) == (0, 40)


def test_items_beyond_the_most_allowed_are_counted_and_the_newest_batch_comes_first(
    engine: Engine, look: Opened
) -> None:
    settled_lot(engine)
    ids, _ = settled_lot(engine, batch_id="batch-2")
    mine = look(most_items=40)
    assert (mine.report.items, mine.report.items_beyond, list(mine.asked)) == (40, 40, [ids[FAULTY]])


def test_a_batch_that_still_waits_for_people_is_left_alone(engine: Engine, look: Opened) -> None:
    ids, _ = settled_lot(engine)
    give_route(engine, ids[0], "ask")
    ask(engine, ids[0])
    with writing(engine) as session:
        session.get_one(Batch, BATCH).settled_at = None
    settle_batch(engine)
    mine = look()
    assert (mine.asked, mine.report.items_unsettled) == ({}, 39)


def test_the_most_suspicious_are_shown_with_their_reasons_and_what_people_said(
    engine: Engine, store: Store, look: Opened
) -> None:
    ids, _ = settled_lot(engine)
    drop_labels(engine, ids[7], 1)
    mine = look()
    write_questions(engine, QUEUE, mine)
    with reading(engine) as session:
        key = session.get_one(Item, ids[7]).key
    store.put(key, cv2.imencode(".jpg", np.full((800, 1000, 3), 120, dtype=np.uint8))[1].tobytes())
    page = look_pictures(engine, store, read_answers(engine, mine), 2)
    assert page.count("data:image/jpeg;base64,") == page.count("No picture") == 1
    assert page.count("has no label") == page.count("nobody has answered") == 2
    assert look_pictures(engine, store, [], 2) == ""


def test_a_detector_that_proposed_the_labels_itself_is_called_weak_evidence(engine: Engine, look: Opened) -> None:
    settled_lot(engine)
    report = look(items_learned=12).report
    assert (report.labels_its_own, report.labels) == (159, 159)
    page = look_page(report)
    assert "**Weak evidence:** it was trained on 12 of these 40 images" in page
    assert "it proposed 159 of these 159 labels itself" in page
    unknown = report.model_copy(update={"labels_its_own": 0, "items_learned": None})
    assert "is not known here" in look_page(unknown)


def test_one_class_and_too_few_labels_are_said_to_be_unjudged(engine: Engine, look: Opened) -> None:
    settled_lot(engine, items=4)
    assert look().report.not_judged == (
        "class car: 15 labels, too few to know what is usual",
        "swapped labels: there is one class only",
    )


def test_a_collection_without_settled_items_has_nothing_to_look_at(engine: Engine, look: Opened) -> None:
    add_batch(engine, 3)
    mine = look()
    assert (mine.asked, mine.findings, mine.report.items) == ({}, (), 0)
    assert write_questions(engine, QUEUE, mine) == {}
    assert "0 images sent back" in look_page(mine.report)


def test_settled_items_without_any_label_cannot_be_judged(engine: Engine, look: Opened) -> None:
    (item_id,) = add_batch(engine, 1)
    add_scan(engine, item_id)
    give_route(engine, item_id, "ask")
    say(engine, ask(engine, item_id), [])
    settle_batch(engine)
    with pytest.raises(NotEnoughData, match="no label"):
        look()


def test_a_class_that_the_look_does_not_know_is_refused(engine: Engine, look: Opened) -> None:
    settled_lot(engine)
    with pytest.raises(UnknownClass, match="'car'"):
        look(scope=replace(SCOPE, classes=("lorry",)))


def test_a_score_that_is_no_number_is_refused(engine: Engine, look: Opened) -> None:
    ids, _ = settled_lot(engine)
    with writing(engine) as session:
        wrong = session.exec(select(Proposal).where(Proposal.item_id == ids[5])).first()
        assert wrong is not None
        wrong.score = float("inf")
    with pytest.raises(BadInput, match="no number"):
        look()


def test_a_batch_that_is_not_there_is_refused(engine: Engine, look: Opened) -> None:
    settled_lot(engine)
    with pytest.raises(BadOption, match="'batch-9' is not in the catalogue as one of 'lot'"):
        look(scope=replace(SCOPE, batch_id="batch-9"))


def test_labels_of_items_that_nobody_looks_at_again_cannot_be_dropped() -> None:
    with pytest.raises(ValidationError, match="'pass_on' only"):
        LabelErrorReviewOptions(collection="lot", classes=("car",), until=Until(rest="drop"))
