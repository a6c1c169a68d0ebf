"""What an annotator sees before anything is clicked: the chosen class, two lines of reasons, the object meant."""

from xml.etree import ElementTree

import pytest

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.drafts.box_checks import confirm_box_queue
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.controls import BOX, FILE
from tasks.review.questions.kinds.correct import SAID_CHARACTERS
from tasks.review.questions.kinds.page import PageCrop
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.queue import Queue, confirm_page_queue, mark_missed_queue, name_kind_queue
from tasks.review.questions.skip_reasons import SKIP_WHY
from tasks.review.questions.task import label_config, to_task
from tasks.triage import reasons

SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)
CROP = (100, 100, 260, 220)
SHOWN = ShownBox(id="p0", class_name="car", score=0.9, x_min=130, y_min=130, x_max=230, y_max=190)

QUEUES = {
    "boxes": mark_missed_queue(("car", "van")),
    "kind": name_kind_queue({"car": ("taxi", "police")}),
    "confirm": confirm_box_queue(("car", "van")),
    "page": confirm_page_queue(("car",)),
}


def task_of(queue: Queue, **payload: object) -> dict[str, object]:
    """A question of a queue as Label Studio gets it."""
    size = {} if "crops" in payload else {"width": 640, "height": 480}  # a page is of many pictures
    given = read_payload({"type": queue.kind, **size, **payload}).model_dump(mode="json")
    return to_task(SERVER, queue, "q", "a" * 64, given, file="north/DSC 1.JPG")


def labels_of(queue: Queue) -> list[ElementTree.Element]:
    found = ElementTree.fromstring(label_config(queue)).find(f".//RectangleLabels[@name='{BOX}']")
    assert found is not None
    return list(found)


@pytest.mark.parametrize(("classes", "chosen"), [(("car",), ["car"]), (("car", "van"), [])])
def test_a_class_is_chosen_where_there_is_only_one(classes: tuple[str, ...], chosen: list[str]) -> None:
    labels = labels_of(mark_missed_queue(classes))
    assert [label.get("value") for label in labels if label.get("selected") == "true"] == chosen


@pytest.mark.parametrize("queue", QUEUES.values(), ids=QUEUES)
def test_the_reason_for_a_skip_stands_last_and_in_sight(queue: Queue) -> None:
    view = ElementTree.fromstring(label_config(queue))
    assert view[-1].get("className") == SKIP_WHY
    style = view.find("Style")
    assert style is not None
    assert f".{SKIP_WHY} {{ position: sticky; bottom: 0;" in (style.text or "")


@pytest.mark.parametrize("kind", ["kind", "confirm"])
def test_a_crop_shows_which_object_is_meant(kind: str) -> None:
    queue = QUEUES[kind]
    kinds = ["taxi", "police"] if kind == "kind" else []
    task = task_of(queue, crop=CROP, class_name="car", kinds=kinds, boxes=[SHOWN])
    ((region,),) = [prediction["result"] for prediction in task["predictions"]]  # type: ignore[attr-defined]
    assert region["from_name"] in {label.get("name") for label in ElementTree.fromstring(label_config(queue)).iter()}
    assert (region["value"]["x"], region["value"]["width"]) == (pytest.approx(18.75), pytest.approx(62.5))
    assert "score" not in region, "people answer blind to it"


def test_the_list_of_tasks_shows_the_original_name() -> None:
    assert task_of(QUEUES["boxes"])["data"][FILE] == "north/DSC 1.JPG"  # type: ignore[index]
    crop = PageCrop(proposal_id="p", item_id="a" * 64, crop=CROP, box=(130, 130, 230, 190))
    assert task_of(QUEUES["page"], class_name="car", crops=[crop])["data"][FILE] == ""  # type: ignore[index]


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        (reasons.unusual_size(34.3, "bus"), "much larger than a bus usually is"),
        (reasons.unusual_size(0.21, "bus"), "much smaller than a bus usually is"),
        (reasons.unusual_shape(2.4, "ambulance"), "much wider for its height than an ambulance usually is"),
        (reasons.unusual_shape(0.3, "car"), "much narrower for its height than a car usually is"),
        (reasons.odd_image(2.5), "unlike the other pictures"),
        (reasons.odd_surface(3.0), "a spot unlike all good surfaces"),
        (reasons.no_embedding(), "cannot be compared with the other images"),
        (reasons.odd_place("above", "car"), "far above where a car usually is"),
        (reasons.unknown_classes(["tram"]), "the detector does not know tram"),
    ],
)
def test_people_read_reasons_in_plain_words(reason: str, plain: str) -> None:
    assert reasons.in_plain_words(reason) == plain


def test_reasons_above_a_picture_are_two_lines_at_most_and_say_a_thing_once() -> None:
    sizes = {f"p{n}": reasons.unusual_size(10.0 + n, "bus") for n in range(40)}
    why = task_of(QUEUES["boxes"], reasons=sizes)["data"]["why"]  # type: ignore[index]
    assert why == "much larger than a bus usually is"
    many = {f"p{n}": reasons.unusual_size(10.0, f"{n} {'very ' * 9}long class name") for n in range(40)}
    long = task_of(QUEUES["boxes"], reasons=many)["data"]["why"]  # type: ignore[index]
    assert len(long) <= SAID_CHARACTERS + len("; and 39 more, with their boxes")
