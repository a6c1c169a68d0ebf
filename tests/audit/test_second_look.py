"""From the catalogue to questions: labels that a detector contradicts are sent back with a reason, within a budget."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.annotation_server import AnnotationServer
from blocks.database import reading
from blocks.errors import BadOption, NotEnoughData, UnknownClass
from blocks.stores import Store
from blocks.tables import Item, Question
from tasks.audit.fault_scores import Fault
from tasks.audit.faults import FaultOptions
from tasks.audit.second_look import SECOND_LOOK_ROUND, SecondLooks, draft_second_looks, raise_questions
from tasks.detect.proposals import proposals_of
from tasks.review.queues import mark_missed_queue
from tasks.review.task_data import Payload, to_task
from tasks.settle.in_force import labels_in_force
from tasks.triage.boxes import Scope
from tests.settle.world import ask, give_route, give_verdicts, region, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, car

QUEUE = mark_missed_queue(["car"])
SCOPE = Scope(BATCH, DETECTOR, RECIPE)
OPTIONS = FaultOptions(budget=0.1)
FAULTY = 3


def settled_lot(engine: Engine, items: int = 40, dropped: int = 1, route: str = "sure") -> tuple[list[str], list[str]]:
    """Items with four cars each, settled; of item FAULTY some labels are missing. Returns items and its proposals."""
    ids = add_batch(engine, items)
    of_faulty: list[str] = []
    for number, item_id in enumerate(ids):
        rng = np.random.default_rng(number)
        found = [
            car(0.9, 100 + 150 * k + float(rng.normal(0, 2)), 100 + 100 * k, 40 + float(rng.normal(0, 2)))
            for k in range(4)
        ]
        proposals = add_scan(engine, item_id, found)
        give_verdicts(engine, dict.fromkeys(proposals, "accept"))
        give_route(engine, item_id, "sure")
        if number == FAULTY:
            of_faulty = proposals
            give_verdicts(engine, dict.fromkeys(proposals[:dropped], "drop"))
            give_route(engine, item_id, route)
    if route == "audit":
        say(engine, ask(engine, ids[FAULTY]), [region("by-hand")])
    settle_batch(engine)
    return ids, of_faulty


def look(engine: Engine, options: FaultOptions = OPTIONS) -> SecondLooks:
    return draft_second_looks(engine, QUEUE, SCOPE, options)


def test_an_overlooked_object_becomes_a_question_that_shows_it_first_with_its_reason(engine: Engine) -> None:
    ids, proposals = settled_lot(engine)
    looks = look(engine)
    (draft,) = looks.drafts
    payload = Payload.model_validate(draft.payload)
    assert (draft.item_id, draft.round) == (ids[FAULTY], SECOND_LOOK_ROUND)
    assert payload.boxes[0].id == proposals[0]
    assert [box.sure for box in payload.boxes] == [False, True, True, True]
    assert payload.reasons == {proposals[0]: "a car of score 0.90 has no label: 98% of such boxes have one"}
    assert looks.report.items_asked == 1
    assert looks.report.findings == {"overlooked": 1}


def test_the_question_says_why_beside_the_box_in_label_studio(engine: Engine) -> None:
    _, proposals = settled_lot(engine)
    server = AnnotationServer("http://studio", "token", "http://gateway", "secret", "bell")
    (draft,) = look(engine).drafts
    task = to_task(server, QUEUE, "q1", draft.item_id, draft.payload)
    assert "has no label" in task["data"]["why"]
    notes = {one["id"]: one.get("meta") for one in task["predictions"][0]["result"]}
    assert notes[proposals[0]] == {"text": [task["data"]["why"]]}
    assert [note for note in notes.values() if note is None] == [None] * 3


def test_labels_stay_in_force_until_somebody_answers_and_then_follow_the_answer(engine: Engine) -> None:
    ids, proposals = settled_lot(engine)
    assert raise_questions(engine, QUEUE, look(engine)) == 1
    settle_batch(engine)
    assert len(labels_in_force(engine, [ids[FAULTY]])[ids[FAULTY]]) == 3
    with reading(engine) as session:
        question = session.exec(select(Question)).one()
    kept = [left_as_is(box) for box in question.payload["boxes"]]
    say(engine, question.id, kept)
    report = settle_batch(engine)
    labels = labels_in_force(engine, [ids[FAULTY]])[ids[FAULTY]]
    assert {label.region: label.origin for label in labels} == {
        proposals[0]: "person",
        **dict.fromkeys(proposals[1:], "machine"),
    }
    assert (report.labels, report.boxes_nobody_saw) == (160, 156)


def left_as_is(box: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in box.items() if key not in ("score", "sure")} | {"untouched": True}


def test_questions_are_raised_once(engine: Engine) -> None:
    settled_lot(engine)
    assert raise_questions(engine, QUEUE, look(engine)) == 1
    assert raise_questions(engine, QUEUE, replace(look(engine), drafts=[])) == 1


def test_what_is_over_the_budget_is_listed_and_not_forgotten(engine: Engine) -> None:
    ids, _ = settled_lot(engine, dropped=1)
    give_verdicts(
        engine, {proposal.id: "drop" for proposal in proposals_of(engine, [ids[7]], DETECTOR, RECIPE)[ids[7]][:2]}
    )
    settle_batch(engine)
    report = look(engine, FaultOptions(budget=0.01)).report
    assert (report.items_asked, report.items_over_budget, report.over_budget) == (1, 1, (ids[FAULTY],))


def test_findings_below_the_least_suspicion_are_counted_and_not_asked(engine: Engine) -> None:
    settled_lot(engine)
    report = look(engine, FaultOptions(least_suspicion=1)).report
    assert (report.items_asked, report.items_weak) == (0, 1)


def test_audited_items_are_never_shown_what_a_detector_says(engine: Engine) -> None:
    settled_lot(engine, route="audit")
    looks = look(engine)
    assert looks.drafts == []
    assert (looks.report.items, looks.report.items_audited) == (39, 1)


def test_items_that_the_detector_has_not_seen_are_counted_and_not_judged(engine: Engine) -> None:
    settled_lot(engine)
    report = draft_second_looks(engine, QUEUE, Scope(BATCH, "detector-2", RECIPE), OPTIONS).report
    assert (report.items, report.items_not_scanned) == (0, 40)


def test_colours_are_judged_where_the_images_are(engine: Engine, store: Store) -> None:
    ids, _ = settled_lot(engine)
    with reading(engine) as session:
        keys = {item.id: item.key for item in session.exec(select(Item)).all()}
    for item_id in ids[:-1]:  # of the last one there is no image
        image = np.full((800, 1000, 3), 120, dtype=np.uint8)
        if item_id == ids[9]:
            image[:, :] = (40, 40, 220)
        store.put(keys[item_id], cv2.imencode(".jpg", image)[1].tobytes())
    looks = draft_second_looks(engine, QUEUE, SCOPE, FaultOptions(budget=0.5), store=store)
    odd = [one for one in looks.findings if one.fault is Fault.ODD]
    assert {one.item_id for one in odd} == {ids[9]}
    assert "redder and yellower than a car usually is" in odd[0].reason
    assert looks.report.items_asked == 2


def test_one_class_and_too_few_labels_are_said_to_be_unjudged(engine: Engine) -> None:
    settled_lot(engine, items=4)
    assert look(engine).report.not_judged == (
        "class car: 15 labels, too few to know what is usual",
        "swapped labels: there is one class only",
    )


def test_a_batch_without_settled_items_has_nothing_to_look_at(engine: Engine) -> None:
    add_batch(engine, 3)
    looks = look(engine)
    assert (looks.drafts, looks.findings, looks.report.items) == ([], [], 0)


def test_settled_items_without_any_label_cannot_be_judged(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    add_scan(engine, item_id)
    give_route(engine, item_id, "sure")
    settle_batch(engine)
    with pytest.raises(NotEnoughData, match="no label"):
        look(engine)


def test_a_class_that_the_queue_does_not_know_is_refused(engine: Engine) -> None:
    settled_lot(engine)
    with pytest.raises(UnknownClass, match="'car'"):
        draft_second_looks(engine, mark_missed_queue(["lorry"]), SCOPE, OPTIONS)


def test_a_batch_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(BadOption, match="not in the catalogue"):
        look(engine)
