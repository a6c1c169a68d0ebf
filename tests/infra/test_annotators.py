"""Simulated people: their mistakes come at the stated rate, their seconds at the published times, their regions as sent
by a browser. The numbers of the benchmarks stand on them, so they must neither cheat nor be clumsier than said."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, Item
from blocks.errors import BadTruth, UnknownQuestionKind
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.answers import ANSWERS, answer_as
from infra.annotators.boxes import NOTICED_AT_A_GLANCE, PrefilledBox, Work, answer_boxes, objects_of_part
from infra.annotators.checks import answer_check
from infra.annotators.desk import (
    Desk,
    OpenQuestion,
    _classes_of,
    _kind_of,
    boxes_result,
    find_desks,
    question_of,
)
from infra.annotators.kinds import answer_kind, kind_result
from infra.annotators.matching import match
from infra.annotators.people import MISTAKES, People
from infra.annotators.simulate import Simulation, SimulationReport
from infra.annotators.terminal import report_table
from infra.annotators.times import DRAW_BOX_S, GLANCE_BOX_S, LOOK_OVER_IMAGE_S, VERIFY_BOX_S, Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture, read_world
from tasks.kinds.geometry import iou_of_all
from tasks.review.drafts.box_checks import confirm_box_queue
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.boxes.regions import ShownBox, read_boxes, to_regions
from tasks.review.questions.kinds.choose import choices_of, read_kind
from tasks.review.questions.kinds.crops import region_in_crop
from tasks.review.questions.kinds.registry import KINDS as QUESTION_KINDS
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.kinds.verify import VerifyPayload, read_check
from tasks.review.questions.queue import Queue, confirm_page_queue, mark_missed_queue, name_kind_queue
from tasks.review.questions.task import label_config

SIZE = (1000, 800)
CLASSES = ("car", "van", "truck")


def grid(count: int, class_name: str = "car") -> list[AnnotatorBox]:
    """Objects of 40×20 px that do not touch."""
    places = [(60.0 * (n % 16) + 5, 40.0 * (n // 16) + 5) for n in range(count)]
    return [AnnotatorBox(class_name, (x, y, x + 40, y + 20)) for x, y in places]


def shown(
    box: AnnotatorBox, number: int, *, sure: bool = False, class_name: str | None = None, off: float = 0.0
) -> PrefilledBox:
    x_min, y_min, x_max, y_max = box.xyxy
    return PrefilledBox(f"p{number}", class_name or box.class_name, (x_min + off, y_min, x_max + off, y_max), sure)


def answered(prefill: list[PrefilledBox], truth: list[AnnotatorBox], skill: float = 1.0, seed: int = 0) -> Work:
    person = People(skill=skill, seed=seed).for_question("mark-missed", "q")
    work = Work(SIZE, CLASSES, np.random.default_rng(seed), Stopwatch(np.random.default_rng(seed)))
    answer_boxes(work, prefill, truth, person.mistakes)
    return work


def test_an_empty_picture_is_answered_with_nothing() -> None:
    work = answered([], [])
    assert work.said == []
    assert set(work.watch.by_act) == {"look"}


def test_in_a_part_people_answer_for_the_objects_whose_middle_lies_there() -> None:
    crop, frame = (100.0, 100.0, 300.0, 300.0), (120.0, 120.0, 280.0, 280.0)
    inside = AnnotatorBox("car", (130, 130, 170, 160))
    over_the_edge = AnnotatorBox("car", (90, 200, 160, 230))  # its middle is in the frame, its end beyond the crop
    next_part = AnnotatorBox("car", (270, 200, 299, 230))
    elsewhere = AnnotatorBox("car", (600, 600, 650, 640))
    truth = (inside, over_the_edge, next_part, elsewhere)
    assert [box.xyxy for box in objects_of_part(truth, crop, frame, ())] == [(30, 30, 70, 60), (0, 100, 60, 130)]
    shown = PrefilledBox("p", "car", (170, 100, 199, 130), sure=False)
    assert len(objects_of_part(truth, crop, frame, [shown])) == 3  # nobody deletes a good box of the next part


def test_right_boxes_are_left_untouched() -> None:
    truth = grid(5)
    work = answered([shown(box, n) for n, box in enumerate(truth)], truth)
    assert [box.region for box in work.said] == ["p0", "p1", "p2", "p3", "p4"]
    assert not any(box.changed for box in work.said)
    assert work.acts == {"kept": 5, "changed": 0, "added": 0, "deleted": 0}


def test_a_box_around_nothing_is_deleted() -> None:
    work = answered([PrefilledBox("p0", "car", (500, 500, 540, 520), sure=False)], [])
    assert work.said == []
    assert work.acts["deleted"] == 1


def test_a_wrong_class_is_changed_and_the_edges_stay() -> None:
    truth = grid(1, "van")
    work = answered([shown(truth[0], 0, class_name="car")], truth)
    assert (work.said[0].class_name, work.said[0].xyxy, work.said[0].changed) == ("van", truth[0].xyxy, True)


@pytest.mark.parametrize(("off", "act"), [(0.0, "kept"), (13.0, "kept"), (14.0, "changed"), (21.0, "changed")])
def test_edges_are_mended_below_an_iou_of_a_half(off: float, act: str) -> None:
    truth = grid(1)
    work = answered([shown(truth[0], 0, off=off)], truth)
    assert work.acts[act] == 1
    if act == "changed":
        assert iou_of_all(np.array([work.said[0].xyxy]), np.array([truth[0].xyxy]))[0, 0] > 0.8


def test_a_box_too_far_off_is_deleted_and_the_object_drawn() -> None:
    truth = grid(1)
    work = answered([shown(truth[0], 0, off=25.0)], truth)
    assert (work.acts["deleted"], work.acts["added"]) == (1, 1)
    assert work.said[0].region is None


def test_a_glance_sees_half_of_the_wrong_boxes_that_are_shown_as_sure() -> None:
    truth = grid(300, "van")
    wrong = [shown(box, n, sure=True, class_name="car") for n, box in enumerate(truth)]
    assert answered(wrong, truth).acts["kept"] / 300 == pytest.approx(1 - NOTICED_AT_A_GLANCE, abs=0.1)


def test_one_box_is_kept_of_two_on_the_same_object() -> None:
    truth = grid(1)
    work = answered([shown(truth[0], 0, off=4.0), shown(truth[0], 1)], truth)
    assert [box.region for box in work.said] == ["p1"]


def test_a_blind_question_is_drawn_from_scratch() -> None:
    work = answered([], grid(20))
    assert work.acts == {"kept": 0, "changed": 0, "added": 20, "deleted": 0}
    overlaps = iou_of_all(np.array([box.xyxy for box in work.said]), np.array([box.xyxy for box in grid(20)]))
    assert overlaps.diagonal().mean() > 0.85


def test_objects_of_classes_that_are_not_offered_are_passed_over() -> None:
    assert answered([], grid(3, "cyclist")).said == []


def test_mistakes_come_at_the_stated_rate() -> None:
    person = People(skill=0.9).for_question("mark-missed", "q")
    drawn = person.mistakes(np.random.default_rng(1), 20_000)
    wrong = [mistake for mistake in drawn if mistake]
    assert len(wrong) / 20_000 == pytest.approx(0.1, abs=0.007)
    for kind, share in MISTAKES.items():
        assert wrong.count(kind) / len(wrong) == pytest.approx(share, abs=0.035)


def test_a_skill_of_one_makes_no_mistake_and_of_none_only_mistakes() -> None:
    rng = np.random.default_rng(0)
    assert not any(People(skill=1.0).named("q")[0].mistakes(rng, 500))
    assert all(People(skill=0.0).named("q")[0].mistakes(rng, 500))


def test_a_poor_eye_leaves_false_boxes_and_misses_objects() -> None:
    false = [PrefilledBox(f"p{n}", "car", (60.0 * n, 700, 60.0 * n + 40, 720), sure=False) for n in range(15)]
    work = answered(false, grid(200), skill=0.5, seed=2)
    assert 2 <= sum(box.region is not None for box in work.said) <= 13
    assert 140 <= sum(box.region is None for box in work.said) <= 195


def test_boxes_stay_inside_the_picture_whatever_the_slip() -> None:
    truth = [
        AnnotatorBox("car", (0, 0, 40, 20)),
        AnnotatorBox("car", (960, 780, 1000, 800)),
        AnnotatorBox("car", (0, 100, 1000, 130)),
    ]
    for seed in range(40):
        for box in answered([], truth, skill=0.0, seed=seed).said:
            assert 0 <= box.xyxy[0] < box.xyxy[2] <= SIZE[0]
            assert 0 <= box.xyxy[1] < box.xyxy[3] <= SIZE[1]


def test_seconds_are_look_verify_glance_and_draw_at_the_published_means() -> None:
    truth, totals = grid(30), []
    for seed in range(400):
        prefill = [shown(box, n, sure=n < 15) for n, box in enumerate(truth[:20])]
        totals.append(answered(prefill, truth, seed=seed).watch.seconds)
    expected = LOOK_OVER_IMAGE_S + 15 * GLANCE_BOX_S + 5 * VERIFY_BOX_S + 10 * DRAW_BOX_S["classic"]
    assert np.mean(totals) == pytest.approx(expected, rel=0.02)


def test_drawing_the_classic_way_takes_longer() -> None:
    watches = [Stopwatch(np.random.default_rng(0), drawing) for drawing in ("extreme-clicking", "classic")]
    for watch in watches:
        watch.draw(500)
    assert watches[1].seconds / watches[0].seconds == pytest.approx(25.5 / 7.0)


@pytest.mark.parametrize(
    ("by_points", "kind", "draw_s"), [(True, "vectorlabels", 7.0), (False, "rectanglelabels", 25.5)]
)
def test_who_clicks_extreme_points_does_so_where_the_queue_lets_them(by_points: bool, kind: str, draw_s: float) -> None:
    fast, truth = People(skill=1.0, drawing="extreme-clicking"), TruePicture("a", SIZE, tuple(grid(40)))
    desk = Desk(1, "mark-missed", CLASSES, "boxes", by_points=by_points)
    question = OpenQuestion(1, "q", desk, "item", None, (), ())
    person = fast.for_question(desk.queue, question.key)
    watch = Stopwatch(np.random.default_rng(0), desk.drawing_of(person))
    result, acts = answer_as(person, question, {"item": truth}, watch)
    assert {entry["type"] for entry in result} == {kind}
    assert len(read_boxes(result, *SIZE, classes=CLASSES, shown=())) == acts["added"] == 40
    assert watch.by_act["draw"] / 40 == pytest.approx(draw_s, rel=0.2)


def test_nothing_done_costs_nothing() -> None:
    watch = Stopwatch(np.random.default_rng(0))
    watch.draw(0)
    watch.glance(0)
    assert watch.seconds == 0


def test_the_same_person_gets_the_same_question_and_answers_it_alike() -> None:
    people = People(count=3, skill=0.6, seed=5)
    first, second = people.for_question("mark-missed", "item-1"), people.for_question("mark-missed", "item-1")
    assert first == second
    assert first.mistakes(first.chance("item-1"), 50) == second.mistakes(second.chance("item-1"), 50)


def test_questions_are_spread_over_people_and_queues_have_other_accounts() -> None:
    people = People(count=3)
    assert len({people.for_question("mark-missed", f"item-{n}").email for n in range(50)}) == 3
    mails = [{person.email for person in people.named(queue)} for queue in ("mark-missed", "name-kind")]
    assert mails[0].isdisjoint(mails[1])


@pytest.mark.parametrize(("box", "overlap"), [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((20, 0, 30, 10), 0.0)])
def test_iou_of_a_pair(box: tuple[float, ...], overlap: float) -> None:
    assert iou_of_all(np.array([[0.0, 0, 10, 10]]), np.array([box], float))[0, 0] == pytest.approx(overlap)


def test_iou_of_no_boxes_is_an_empty_matrix() -> None:
    assert iou_of_all(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    assert (iou_of_all(np.zeros((1, 4)), np.zeros((1, 4))) == 0).all()


def test_matching_is_one_to_one_and_best_overall() -> None:
    true = [(0.0, 0.0, 10.0, 10.0), (4.0, 0.0, 14.0, 10.0)]
    # greedily the first box would take the second object, and the second box be left without one
    assert {
        row: column for row, (column, _) in match([(3.0, 0.0, 13.0, 10.0), (5.0, 0.0, 15.0, 10.0)], true).items()
    } == {
        0: 0,
        1: 1,
    }
    assert match([], true) == {}
    assert match([(500.0, 0.0, 510.0, 10.0)], true) == {}


KINDS = ("box truck", "flatbed", "tanker")
CHOICES = tuple(choices_of("truck", KINDS))
CROP = (0.0, 0.0, 142.0, 88.0)
"""Around (22, 20, 101, 46), cut by the left and the upper edge of the picture."""


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (
            [AnnotatorBox("truck", (20, 20, 100, 45), "tanker"), AnnotatorBox("truck", (20, 55, 100, 80), "flatbed")],
            "tanker",
        ),
        ([AnnotatorBox("bus", (20, 20, 100, 45))], "not a truck"),
        ([AnnotatorBox("truck", (20, 20, 100, 45), None)], "cannot tell"),
        ([AnnotatorBox("truck", (20, 20, 100, 45), "crane")], "cannot tell"),
        ([AnnotatorBox("truck", (500, 20, 600, 45), "tanker")], "not a truck"),
        ([], "not a truck"),
    ],
)
def test_the_kind_of_the_object_in_the_middle_is_named(truth: list[AnnotatorBox], said: str) -> None:
    choice = answer_kind(CHOICES, CROP, TruePicture("a.jpg", SIZE, tuple(truth)), None, np.random.default_rng(0))
    assert choice == said
    assert read_kind(kind_result(choice), "truck", KINDS)


def test_a_slip_names_another_kind_that_is_offered() -> None:
    truth = [AnnotatorBox("truck", (20, 20, 100, 45), "tanker")]
    picture = TruePicture("a.jpg", SIZE, tuple(truth))
    said = {answer_kind(CHOICES, CROP, picture, "confused", np.random.default_rng(seed)) for seed in range(30)}
    assert said == {"box truck", "flatbed", "not a truck"}


def question(boxes: list[ShownBox]) -> OpenQuestion:
    desk = Desk(1, "mark-missed", CLASSES, "boxes")
    return OpenQuestion(7, "q1", desk, "item", None, (), tuple(to_regions(boxes, *SIZE)))


def test_regions_go_out_as_a_browser_sends_them_and_are_read_as_they_were_meant() -> None:
    prefill = [
        ShownBox(id="p0", class_name="car", score=0.9, x_min=5, y_min=5, x_max=45, y_max=25),
        ShownBox(id="p1", class_name="car", score=0.4, x_min=65, y_min=5, x_max=105, y_max=25, sure=False),
    ]
    asked = question(prefill)
    assert [box.sure for box in asked.prefilled(SIZE)] == [True, False]
    truth = [
        AnnotatorBox("car", (5, 5, 45, 25)),
        AnnotatorBox("van", (65, 5, 105, 25)),
        AnnotatorBox("truck", (300, 5, 400, 40)),
    ]
    work = answered(asked.prefilled(SIZE), truth)
    result = boxes_result(asked, work.said, SIZE, np.random.default_rng(0))
    assert [region["origin"] for region in result] == ["prediction", "prediction-changed", "manual"]
    assert ["score" in region for region in result] == [True, True, False]
    json.dumps(result, allow_nan=False)
    read = read_boxes(result, *SIZE, classes=CLASSES, shown=prefill)
    assert [(box.class_name, box.untouched) for box in read] == [("car", True), ("van", False), ("truck", False)]
    assert [box.id for box in read][:2] == ["p0", "p1"]


def test_an_open_question_is_read_from_a_task() -> None:
    link = "http://127.0.0.1:1/images/abc123?crop=1%2C2%2C30%2C40&signature=f00"
    data = {"image": link, "question_id": "q", "choices": [{"value": "tanker"}, {"value": "cannot tell"}]}
    read = question_of({"id": 3, "data": data, "predictions": []}, Desk(1, "name-kind", (), "kind"))
    assert (read.item_id, read.crop, read.choices, read.regions) == (
        "abc123",
        (1, 2, 30, 40),
        ("tanker", "cannot tell"),
        (),
    )


@pytest.mark.parametrize(
    "queue",
    [
        mark_missed_queue(CLASSES),
        name_kind_queue({"car": ("taxi", "police")}),
        confirm_page_queue(CLASSES),
        confirm_box_queue(CLASSES),
    ],
    ids=lambda queue: queue.name,
)
def test_people_know_what_kind_of_question_a_queue_asks_by_what_they_see(queue: Queue) -> None:
    assert _kind_of(label_config(queue)) == queue.kind


def test_a_label_config_that_asks_nothing_we_know_says_so() -> None:
    with pytest.raises(UnknownQuestionKind, match=r"controls \['sound'\] asks no kind of question that is known"):
        _kind_of("<View><Audio name='sound' value='$sound'/></View>")


def test_people_can_answer_every_kind_of_question_but_films() -> None:
    films = {name for name, kind in QUESTION_KINDS.items() if kind.together and kind.together.spans_batches}
    assert ANSWERS.keys() == QUESTION_KINDS.keys() - films
    for name in films:
        with pytest.raises(UnknownQuestionKind, match="watch no films"):
            _kind_of(f'<View><VideoRectangle name="{QUESTION_KINDS[name].control}" toName="video"/></View>')


def test_the_offered_classes_are_those_of_the_label_config() -> None:
    assert _classes_of(label_config(mark_missed_queue(("car", 'a "b" & <c>')))) == ("car", 'a "b" & <c>')


@pytest.fixture
def truth_folder(tmp_path: Path) -> Path:
    Image.new("RGB", (100, 50), "grey").save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n1 0.25 0.5 0.1 0.4\n")
    (tmp_path / "classes.txt").write_text("car\ntruck\n")
    return tmp_path


def write_kinds(folder: Path, kinds: Any) -> None:
    (folder / "kinds.json").write_text(json.dumps(kinds))


def test_the_world_is_known_by_the_bytes_of_its_pictures(truth_folder: Path) -> None:
    write_kinds(truth_folder, {"a.png": [None, "tanker"]})
    world = read_world(truth_folder)
    picture = world.pictures[hashlib.sha256((truth_folder / "a.png").read_bytes()).hexdigest()]
    assert (picture.name, picture.size_wh, world.classes) == ("a.png", (100, 50), ("car", "truck"))
    assert [(box.class_name, box.kind) for box in picture.boxes] == [("car", None), ("truck", "tanker")]


def test_the_world_of_texts_may_be_a_file(tmp_path: Path) -> None:
    table = tmp_path / "sms.csv"
    table.write_text("text,label\nwin a prize,spam\nsee you at five,ham\n")
    world = read_world(table)
    assert world.pictures[hashlib.sha256(b"win a prize").hexdigest()].class_name == "spam"
    assert sorted(world.classes) == ["ham", "spam"]


@pytest.mark.parametrize("kinds", [{"a.png": ["tanker"]}, ["tanker"], {"a.png": "tanker"}])
def test_kinds_that_do_not_fit_the_boxes_are_refused(truth_folder: Path, kinds: Any) -> None:
    write_kinds(truth_folder, kinds)
    with pytest.raises(BadTruth, match=r"kinds\.json"):
        read_world(truth_folder)


def test_a_report_adds_up() -> None:
    report = SimulationReport()
    report.note("mark-missed", "ada", {"look": 7.0, "draw": 3.0}, {"added": 1})
    report.note("name-kind", "ben", {"name": 2.0}, {})
    assert (report.answers, report.human_seconds) == (2, 12.0)
    assert report.seconds_by_act == {"look": 7.0, "draw": 3.0, "name": 2.0}
    assert report_table(report).row_count == 3


def test_an_empty_report_can_be_shown() -> None:
    assert report_table(SimulationReport()).row_count == 1


@pytest.mark.label_studio
def test_people_answer_every_question_once_and_the_line_reads_what_they_meant(
    engine: Engine, label_studio: AnnotationServer, truth_folder: Path
) -> None:
    write_kinds(truth_folder, {"a.png": [None, "tanker"]})
    world = read_world(truth_folder)
    (item_id,) = world.pictures
    collection = f"people-{item_id[:6]}"
    shown_box = ShownBox(id="p0", class_name="truck", score=0.3, sure=False, x_min=40, y_min=20, x_max=60, y_max=30)
    whole = {"type": "boxes", "width": 100, "height": 50, "prefill": ["p0"], "boxes": [shown_box.model_dump()]}
    crop = {
        "type": "kind",
        "width": 100,
        "height": 50,
        "crop": [8, 3, 42, 47],
        "class_name": "truck",
        "kinds": ["tanker"],
    }
    finders, experts = mark_missed_queue(world.classes), name_kind_queue({"truck": ("tanker",)})
    with writing(engine) as session:
        item = {"id": item_id, "key": "k", "name": "a.png", "sequence": "a", "media_type": "image/png", "size_bytes": 1}
        upsert(session, Item, [item | {"width": 100, "height": 50, "plain": True}])
        upsert(session, Batch, [{"id": "b", "collection": collection}])
    for queue, payload in ((finders, whole), (experts, crop)):
        write_questions(engine, queue, [Draft("b", item_id, read_payload(payload).model_dump(mode="json"))])
        post_questions(engine, label_studio, queue, "b")
    simulation = Simulation(label_studio, world, collection, People(skill=1.0))
    report = simulation.run(lambda: True, poll_s=0.1)
    assert report.answers_by_queue == {"mark-missed": 1, "name-kind": 1}
    assert report.boxes == {"kept": 0, "changed": 1, "added": 1, "deleted": 0}
    assert simulation.run(lambda: True, poll_s=0.1).answers == 2
    desks = {desk.queue: desk for desk in find_desks(label_studio, collection)}
    said = [submitted(label_studio, desks[name].project_id) for name in ("mark-missed", "name-kind")]
    boxes = read_boxes(said[0]["result"], 100, 50, world.classes, [shown_box])
    assert [(box.id == "p0", box.class_name) for box in boxes] == [(True, "car"), (False, "truck")]
    assert read_kind(said[1]["result"], "truck", ["tanker"]).kind == "tanker"
    assert sum(annotation["lead_time"] for annotation in said) == pytest.approx(report.human_seconds, abs=0.02)
    assert said[0]["completed_by"] != said[1]["completed_by"]


def submitted(server: AnnotationServer, project_id: int) -> dict[str, Any]:
    tasks = server.call("GET", "api/tasks/", params={"project": project_id, "fields": "all"})["tasks"]
    (annotation,) = tasks[0]["annotations"]
    return dict(annotation)


# --- is this box right? ---

ONE_CAR = TruePicture("one.jpg", SIZE, (AnnotatorBox("car", (100.0, 100.0, 140.0, 120.0)),))


@pytest.mark.parametrize(
    ("class_name", "box", "choice"),
    [
        ("car", (100.0, 100.0, 140.0, 120.0), "right"),
        ("car", (105.0, 100.0, 145.0, 120.0), "right"),  # IoU 0.78
        ("van", (100.0, 100.0, 140.0, 120.0), "wrong class or place"),
        ("car", (125.0, 100.0, 165.0, 120.0), "wrong class or place"),  # IoU 0.23
        ("car", (500.0, 500.0, 540.0, 520.0), "nothing there"),
    ],
)
def test_a_box_is_checked_against_the_truth(class_name: str, box: Any, choice: str) -> None:
    assert answer_check(class_name, box, ONE_CAR, None, np.random.default_rng(0)) == choice


def test_on_an_empty_picture_nothing_is_there() -> None:
    empty = TruePicture("empty.jpg", SIZE, ())
    assert answer_check("car", (0.0, 0.0, 9.0, 9.0), empty, None, np.random.default_rng(0)) == "nothing there"


def test_who_slips_says_something_else_and_each_of_it_happens() -> None:
    rng = np.random.default_rng(0)
    said = {answer_check("car", ONE_CAR.boxes[0].xyxy, ONE_CAR, "missed", rng) for _ in range(50)}
    assert said == {"wrong class or place", "nothing there"}


def test_a_check_is_answered_as_a_browser_does_in_the_published_time() -> None:
    crop = (90, 90, 150, 130)
    edges = {"x_min": 100.0, "y_min": 100.0, "x_max": 140.0, "y_max": 120.0}
    shown_box = ShownBox(id="p", class_name="car", score=0.0, **edges)
    payload = VerifyPayload(width=SIZE[0], height=SIZE[1], crop=crop, class_name="car", boxes=[shown_box])
    desk = Desk(1, "confirm-box", CLASSES, "confirm")
    floats = tuple(float(edge) for edge in crop)
    question = OpenQuestion(1, "q", desk, "item", floats, (), (region_in_crop(payload),))  # type: ignore[arg-type]
    class_name, box = question.checked_box()
    assert class_name == "car" and np.allclose(box, ONE_CAR.boxes[0].xyxy, atol=0.01)
    person = People(skill=1.0).for_question("confirm-box", question.key)
    watch = Stopwatch(np.random.default_rng(0))
    result, acts = answer_as(person, question, {"item": ONE_CAR}, watch)
    assert read_check(result).said == "right"
    assert set(watch.by_act) == {"verify"} and acts == {}
    assert _classes_of(label_config(confirm_box_queue(CLASSES))) == CLASSES
