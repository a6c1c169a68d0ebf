"""Simulated people at a strip: each still is answered as if it stood alone, and nothing of it costs less."""

from infra.annotators.answers import answer_as
from infra.annotators.desk import Desk, OpenQuestion, _classes_of, _kind_of, question_of
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.boxes.strip import by_place
from tasks.review.questions.kinds.correct import CORRECT, CorrectPayload
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.questions.queues.strips import on_strips
from tasks.review.questions.task import AskedItem, label_config, task_of
from tests.review.questions.kinds.test_config import SERVER

ALONE = mark_missed_queue(("car", "van"))
STRIP = on_strips(ALONE, 3)
SIZE_WH = (640, 480)
TRUTH = {
    f"{at:064x}": TruePicture(
        f"{at}",
        SIZE_WH,
        tuple(AnnotatorBox("car", (40.0 * at + 90 * n, 50, 40.0 * at + 90 * n + 60, 90)) for n in range(2)),
    )
    for at in range(3)
}
PERSON = People(count=1, skill=1.0).named("mark-missed")[0]


def asked_about(item: str) -> AskedItem:
    """A still of which one object is shown, and a box around nothing."""
    (x_min, y_min, x_max, y_max) = TRUTH[item].boxes[0].xyxy
    shown = [
        ShownBox(
            id=f"{item}-0", class_name="car", score=0.6, sure=False, x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max
        ),
        ShownBox(id=f"{item}-1", class_name="van", score=0.6, sure=False, x_min=500, y_min=300, x_max=560, y_max=340),
    ]
    payload = CorrectPayload(width=SIZE_WH[0], height=SIZE_WH[1]).showing(shown)
    return AskedItem(f"q{item[-1]}", item, payload.model_dump(mode="json"))


def opened(queue: Queue, asked: list[AskedItem]) -> OpenQuestion:
    task = task_of(SERVER, queue, asked)
    config = label_config(queue)
    desk = Desk(1, queue.name, _classes_of(config), _kind_of(config))
    return question_of({"id": 5, "data": task["data"], "predictions": [{"id": 9, **task["predictions"][0]}]}, desk)


def test_a_strip_is_known_by_its_config_and_shows_its_stills() -> None:
    question = opened(STRIP, [asked_about(item) for item in TRUTH])
    assert (question.desk.kind, question.desk.classes) == (CORRECT.name, ("car", "van"))
    assert [still.item_id for still in question.stills] == list(TRUTH)
    assert [len(still.prefilled(SIZE_WH)) for still in question.stills] == [2, 2, 2]


def test_each_still_is_answered_as_if_it_stood_alone() -> None:
    items = [asked_about(item) for item in TRUTH]
    watch = Stopwatch(PERSON.chance("strip"))
    result, acts = answer_as(PERSON, opened(STRIP, items), TRUTH, watch)
    assert acts == {"kept": 3, "changed": 0, "added": 3, "deleted": 3}
    for item, entries in zip(items, by_place(result, 3), strict=True):
        alone, _ = answer_as(PERSON, opened(ALONE, [item]), TRUTH, Stopwatch(PERSON.chance("alone")))
        payload = CorrectPayload.model_validate(item.raw_payload)
        said, as_alone = (CORRECT.parse(payload, one, ALONE).said for one in ([e for _, e in entries], alone))
        assert [box["class_name"] for box in said] == [box["class_name"] for box in as_alone] == ["car", "car"]
        assert said[0] == as_alone[0] and said[0]["untouched"]
    assert watch.by_act.keys() == {"look", "verify", "click", "draw"}


def test_a_look_at_a_still_costs_what_a_look_at_a_picture_does() -> None:
    items = [asked_about(item) for item in TRUTH]
    looks = []
    for queue, questions in ((STRIP, [items]), (ALONE, [[item] for item in items])):
        spent = 0.0
        for number in range(400):
            for some in questions:
                watch = Stopwatch(PERSON.chance(f"{queue.stills} {number} {some[0].question_id}"))
                answer_as(PERSON, opened(queue, some), TRUTH, watch)
                spent += watch.by_act["look"]
        looks.append(spent / 400)
    assert abs(looks[0] / looks[1] - 1) < 0.05
