"""Questions about single boxes: one crop, one box, no score, random order; their answers are read or set aside."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.audit_tables import Judgement, Said
from blocks.database.engine import upsert, writing
from blocks.database.tables import Outcome, QuestionState
from blocks.errors import BadRegion
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.drafts.box_checks import (
    CONFIRM_AGAIN,
    confirm_again_queue,
    confirm_box_queue,
    draft_confirms,
    draft_confirms_again,
)
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.questions.kinds.boxes.regions import read_boxes
from tasks.review.questions.kinds.crops import region_in_crop
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.kinds.verify import CHECK, CHECKS, read_check
from tasks.review.questions.task import HIGHEST_SCORE, label_config, to_task
from tasks.review.receiving.annotations import HeardAnnotation, HeardTask
from tasks.review.receiving.record import record_annotations
from tests.review.builders import (
    CLASSES,
    HEIGHT,
    NOON,
    WIDTH,
    answers,
    item_id,
    make_batch,
    pretend_posted,
    proposal_id,
)
from tests.review.builders import questions as all_questions

QUEUE = confirm_box_queue(CLASSES)
BOX = ("car", 0.91, Outcome.ASK, (100.0, 200.0, 140.0, 230.0))


def chosen(choice: object, control: str = CHECK) -> dict[str, Any]:
    return {"id": "c", "type": "choices", "from_name": control, "to_name": "image", "value": {"choices": [choice]}}


def draw(engine: Engine, proposals: list[tuple[str, str]], batch_id: str = "b1") -> None:
    """Write proposals (id, item) down as drawn."""
    common = {"batch_id": batch_id, "collection": "lot", "detector": "d1", "recipe": "r1", "class_name": "car"}
    counts = {"drawn": "boxes", "probability": 0.5, "population": 2 * len(proposals), "frame": "f", "floor": 0.4}
    rows = [
        {**common, **counts, "proposal_id": id_, "item_id": item, "rank": rank}
        for rank, (id_, item) in enumerate(proposals)
    ]
    with writing(engine) as session:
        upsert(session, Judgement, rows)


def drawn_batch(engine: Engine, items: int = 3) -> list[str]:
    make_batch(engine, items, [BOX])
    ids = [(proposal_id(item_id(n), 0), item_id(n)) for n in range(items)]
    draw(engine, ids)
    write_once(engine, QUEUE, "b1", 0, draft_confirms(engine, "b1"))
    return [id_ for id_, _ in ids]


# --- the choices ---


@pytest.mark.parametrize(("choice", "said"), list(CHECKS.items()))
def test_each_choice_has_a_meaning(choice: str, said: Said) -> None:
    assert read_check([chosen(choice)]).said is said


def test_the_shown_box_comes_along_and_says_nothing() -> None:
    assert read_check([{"id": "p", "type": "rectanglelabels", "value": {"x": 3}}, chosen("right")]).said is Said.RIGHT


@pytest.mark.parametrize(
    "result",
    [
        [],
        [chosen("right"), chosen("nothing there")],
        [chosen("maybe")],
        [chosen(["right"])],
        [chosen(None)],
        [chosen("right", control="kind")],
        [{"type": "choices", "from_name": CHECK, "value": {"choices": "right"}}],
        [{"type": "choices", "from_name": CHECK, "value": ["right"]}],
        ["right"],
    ],
)
def test_what_is_not_exactly_one_choice_is_refused(result: list[Any]) -> None:
    with pytest.raises(BadRegion):
        read_check(result)


# --- what people see ---


def test_the_config_has_one_key_for_each_choice_and_hides_the_labels() -> None:
    config = label_config(QUEUE)
    for key, choice in enumerate(CHECKS, start=1):
        assert f'<Choice value="{choice}" hotkey="{key}" />' in config
    assert 'style="display:none"><RectangleLabels name="box"' in config


def test_the_second_queue_asks_the_same_of_others() -> None:
    again = confirm_again_queue(CLASSES)
    assert again.name == CONFIRM_AGAIN != QUEUE.name
    assert label_config(again) == label_config(QUEUE)


def test_a_question_shows_its_box_in_a_crop_and_never_the_score(engine: Engine) -> None:
    (proposal,) = drawn_batch(engine, items=1)
    (question,) = all_questions(engine)
    assert (question.subject, question.payload["type"]) == (proposal, "confirm")
    server = AnnotationServer("http://ls", "t", "http://gateway", "s", "d")
    task = to_task(server, QUEUE, question.id, question.item_id, question.payload)
    assert task["data"]["question"] == "Is this box right? (car)"
    assert "crop=" in task["data"]["image"]
    (prediction,) = task["predictions"]
    assert "0.91" not in str(task) and "score" not in str(prediction["result"])
    assert prediction["score"] <= HIGHEST_SCORE, "its place among the questions, shown to nobody"
    payload = read_payload(question.payload)
    assert payload.crop is not None
    left, top, right, bottom = payload.crop
    (box,) = read_boxes([region_in_crop(payload)], right - left, bottom - top, CLASSES, ())
    assert np.allclose(
        (box.x_min + left, box.y_min + top, box.x_max + left, box.y_max + top), (100, 200, 140, 230), atol=0.01
    )


@pytest.mark.parametrize(
    "edges",
    [
        (-50.0, -50.0, 20.0, 20.0),
        (WIDTH - 5.0, HEIGHT - 5.0, WIDTH + 90.0, HEIGHT + 90.0),
        (WIDTH + 10.0, 5.0, WIDTH + 60.0, 30.0),
        (0.0, 0.0, WIDTH * 1.0, HEIGHT * 1.0),
    ],
)
def test_boxes_at_and_beyond_the_edge_are_shown_inside(engine: Engine, edges: tuple[float, ...]) -> None:
    make_batch(engine, 1, [("car", 0.9, Outcome.ASK, edges)])  # type: ignore[list-item]
    draw(engine, [(proposal_id(item_id(0), 0), item_id(0))])
    ((draft,),) = draft_confirms(engine, "b1")
    payload = read_payload(draft.payload)
    assert payload.crop is not None
    assert 0 <= payload.crop[0] < payload.crop[2] <= WIDTH and 0 <= payload.crop[1] < payload.crop[3] <= HEIGHT
    value = region_in_crop(payload)["value"]
    assert value["x"] >= 0 and value["y"] >= 0 and value["width"] > 0 and value["height"] > 0
    assert value["x"] + value["width"] <= 100.01 and value["y"] + value["height"] <= 100.01


def test_the_order_is_at_random(engine: Engine) -> None:
    drawn_batch(engine, items=40)
    by_priority = sorted(all_questions(engine), key=lambda question: -question.priority)
    assert [q.item_id for q in by_priority] != [item_id(n) for n in range(40)]
    assert len({q.priority for q in by_priority}) == 40


def test_nothing_drawn_asks_nothing_and_writing_twice_asks_once(engine: Engine) -> None:
    make_batch(engine, 2, [BOX])
    assert write_once(engine, QUEUE, "b1", 0, draft_confirms(engine, "b1")) == 0
    make_batch(engine, 2, [BOX], batch_id="b2")
    draw(engine, [(proposal_id(item_id(0), 0), item_id(0))], "b2")
    for _ in range(2):
        assert write_once(engine, QUEUE, "b2", 0, draft_confirms(engine, "b2")) == 1


# --- what comes back ---


def hear(engine: Engine, choices: dict[str, object]) -> None:
    """Record one annotation for each question, by proposal id."""
    tasks = pretend_posted(engine, queue=QUEUE)
    heard = []
    for number, question in enumerate(all_questions(engine), start=1):
        result = [chosen(choices[question.subject])]
        note = HeardAnnotation(id=number, updated_at=NOON, result=result, lead_time=1.6, completed_by=3)
        data = {"question_id": question.id}
        heard.append(HeardTask(id=tasks[question.id], project_id=7, data=data, annotations=(note,)))
    record_annotations(engine, heard, "poll")


def test_answers_are_kept_in_our_own_words_and_bad_ones_set_aside(engine: Engine) -> None:
    first, second, third = drawn_batch(engine)
    hear(engine, {first: "right", second: "nothing there", third: "perhaps"})
    by_subject = {question.id: question.subject for question in all_questions(engine)}
    said = {by_subject[answer.question_id]: (answer.state, answer.raw) for answer in answers(engine)}
    assert said[first] == ("counted", [{"said": "right"}])
    assert said[second] == ("counted", [{"said": "nothing"}])
    assert said[third][0] == "set_aside"
    assert {question.state for question in all_questions(engine)} == {
        QuestionState.ANSWERED.value,
        QuestionState.POSTED.value,
    }


def test_only_what_was_not_called_right_is_looked_at_again(engine: Engine) -> None:
    first, second, third = drawn_batch(engine)
    assert list(draft_confirms_again(engine, "b1")) == []
    hear(engine, {first: "right", second: "nothing there", third: "cannot tell"})
    assert {draft.subject for page in draft_confirms_again(engine, "b1") for draft in page} == {second, third}
