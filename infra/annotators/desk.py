"""The desk at which simulated people sit: open questions come in through Label Studio's API, answers go out.

What a browser sends is sent here too: untouched prefilled regions keep their id, score and `origin: "prediction"`,
changed ones say so, new ones are `manual`, and the annotation carries its seconds as `lead_time` and the prediction
that it began with as `parent_prediction`.
"""

import itertools
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import numpy as np

from blocks.errors import UnknownQuestionKind
from blocks.naming.emails import normal_email
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Bounds
from infra.annotators.boxes import PrefilledBox, SaidBox
from infra.annotators.clicks.four_clicks import LiveOutlines
from infra.annotators.pages import SeenCrop, crops_in
from infra.annotators.people import Person
from infra.annotators.times import Drawing
from tasks.review.posting.duplicates import list_tasks, where
from tasks.review.posting.projects import plain_queue, project_title
from tasks.review.questions.kinds.boxes.extreme_points import POINTS, as_points
from tasks.review.questions.kinds.boxes.regions import ShownBox, read_boxes, to_regions
from tasks.review.questions.kinds.boxes.strip import INDEX, STILLS, by_place
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.choose_several import CLASSES
from tasks.review.questions.kinds.classes.many import SEARCH
from tasks.review.questions.kinds.classes.missing import MISSING
from tasks.review.questions.kinds.classes.said import CLASS
from tasks.review.questions.kinds.controls import BOX, IMAGE, ITEM, TEXT
from tasks.review.questions.kinds.outlines.brush_regions import BRUSH
from tasks.review.questions.kinds.outlines.four_clicks import CLICKED
from tasks.review.questions.kinds.outlines.polygon_regions import HOLE, POLYGON
from tasks.review.questions.kinds.registry import KINDS
from tasks.review.questions.kinds.texts.text_regions import SPAN
from tasks.review.questions.slots import REFEREE, asked_queue, is_for_referees

log = logging.getLogger(__name__)

UNANSWERED = where(("total_annotations", "equal", 0), ("cancelled_annotations", "equal", 0))
CLASSES_IN = (BOX, CLASS, CLASSES, SEARCH, SPAN, POLYGON, BRUSH)
"""Names of the controls that offer the classes of a queue."""

PAGE_SIZE = 100
"""Questions taken from a queue at once: predictions of large pictures are heavy."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A queue of ours in Label Studio: its project and what it offers to choose from."""

    project_id: int
    queue: str
    classes: tuple[str, ...]
    kind: str
    """Of its questions."""
    slot: int = 0
    """Which of several people's, or referees', slots it is; 0: the queue is asked of one person."""
    is_for_referees: bool = False
    by_points: bool = False
    """Whether what is new is drawn by clicks on its extreme points."""
    outlines: LiveOutlines | None = field(default=None, repr=False, compare=False)
    """What makes outlines of these, where Label Studio does."""

    def drawing_of(self, person: Person) -> Drawing:
        """Return how somebody draws here: who has learnt to click extreme points needs a queue that lets them."""
        return person.habits.drawing if self.by_points else "classic"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that nobody has answered yet."""

    task_id: int
    question_id: str
    desk: Desk
    item_id: str
    crop: Bounds | None
    choices: tuple[str, ...]
    regions: tuple[dict[str, Any], ...]
    headline: str = ""
    page: tuple[SeenCrop, ...] = ()
    prediction_id: int | None = None
    """What the browser shows at first; None: the task has no prediction."""
    frame: Bounds | None = None
    """The bright part of the crop: objects whose middle lies there are asked about; None: all."""
    text: str | None = None
    """What it shows, where that is a text."""
    stills: tuple["OpenQuestion", ...] = ()
    """Of a strip, in order; empty: it is none."""

    @property
    def key(self) -> str:
        """What the question is about, the same in every run of the line: seeds the person's chance."""
        return f"{self.desk.queue}|{self.item_id}|{self.crop}"

    def checked_box(self) -> tuple[str, Bounds]:
        """Return class and corners of the box that a check shows, in pixels of the picture."""
        left, top, right, bottom = self.crop or (0.0, 0.0, 0.0, 0.0)
        size_wh = round(right - left), round(bottom - top)
        (box,) = read_boxes(self.regions, *size_wh, classes=self.desk.classes, shown=())
        return box.class_name, (box.x_min + left, box.y_min + top, box.x_max + left, box.y_max + top)

    def prefilled(self, size_wh: tuple[int, int]) -> list[PrefilledBox]:
        """Return the boxes that the question shows, in pixels of what it shows, which has this size."""
        sure = {region["id"] for region in self.regions if region["from_name"] == BOX}
        shown = read_boxes(self.regions, *size_wh, classes=self.desk.classes, shown=())
        return [
            PrefilledBox(box.id, box.class_name, (box.x_min, box.y_min, box.x_max, box.y_max), box.id in sure)
            for box in shown
        ]


def find_desks(server: AnnotationServer, collection: str) -> list[Desk]:
    """Return the queues of a collection that exist in Label Studio, slot by slot, those of referees as well."""
    # Asked every second: whole projects come with counts over all their tasks, ten times as much work.
    params = {"include": "id,title,label_config", "page_size": 1000}
    found = server.call("GET", "api/projects/", params=params)
    desks = []
    for project in found["results"]:
        _, separator, numbered = project["title"].rpartition(": ")
        queue = plain_queue(numbered)
        if separator and project["title"] == project_title(numbered, collection):
            slot = slot_of(queue)
            try:
                kind = _kind_of(project["label_config"])
            except UnknownQuestionKind as error:  # the others go on
                log.warning("%s: nobody answers there: %s", project["title"], error)
                continue
            classes = _classes_of(project["label_config"])
            place = (int(project["id"]), asked_queue(queue), classes, kind, slot, is_for_referees(queue))
            seen = _seen_in(project["label_config"])
            outlines = LiveOutlines(server, place[0]) if CLICKED in seen else None
            desks.append(Desk(*place, by_points=bool(seen & {POINTS, CLICKED}), outlines=outlines))
    return desks


def slot_of(queue: str) -> int:
    """Return which slot of its queue a name means, among people's or among referees'; 0: the queue itself."""
    return int(queue.partition("~")[2].removeprefix(REFEREE) or 0)


def _kind_of(label_config: str) -> str:
    """Return the kind of question that a label config asks: the one whose control people see."""
    seen = _seen_in(label_config)
    found = [kind.name for kind in KINDS.values() if kind.control in seen]
    found = found or [kind.name for kind in KINDS.values() if seen.intersection(kind.other_controls)]
    if len(found) == 1 and (way := KINDS[found[0]].together) and way.spans_batches:
        raise UnknownQuestionKind("simulated people watch no films")
    if len(found) != 1:
        raise UnknownQuestionKind(
            f"a label config with the controls {sorted(seen)} asks no kind of question that is known "
            f"({', '.join(KINDS)}): it was made by another version, or changed by hand."
        )
    return found[0]


def _seen_in(label_config: str) -> set[str]:
    """Return the names of what people see of a label config."""
    root = ElementTree.fromstring(label_config)  # noqa: S314  # our own config, from our own server
    hidden = {id(one) for view in root.findall(".//View[@style='display:none']") for one in view.iter()}
    return {name for one in root.iter() if id(one) not in hidden and (name := one.get("name", "").removesuffix(INDEX))}


def _classes_of(label_config: str) -> tuple[str, ...]:
    root = ElementTree.fromstring(label_config)  # noqa: S314  # our own config, from our own server
    places = (f".//*[@name='{name}{index}']/*[@value]" for name in CLASSES_IN for index in ("", INDEX))
    found = next((some for place in places if (some := root.findall(place))), [])
    named = tuple(one.get("value", "") for one in found)
    return tuple(name for name in named if name not in (CANNOT_TELL, MISSING, HOLE))


def open_questions(server: AnnotationServer, desk: Desk, passed_over: Collection[int] = ()) -> list[OpenQuestion]:
    """Return some of a queue's unanswered questions, in order, without tasks that are passed over; empty: none."""
    include = ("id", "data", "predictions", "annotations")  # without annotations Label Studio leaves predictions out
    for page in itertools.count(1):
        tasks = list_tasks(server, desk.project_id, UNANSWERED, include=include, page=page, page_size=PAGE_SIZE)
        ours = [task for task in tasks if "question_id" in task["data"] and task["id"] not in passed_over]
        if ours or len(tasks) < PAGE_SIZE:
            return [question_of(task, desk) for task in ours]
    raise AssertionError("pages never end")


def question_of(task: dict[str, Any], desk: Desk) -> OpenQuestion:
    """Return what a person sees of a task, as Label Studio lists it: with its id, and that of its prediction."""
    data = task["data"]
    page = crops_in(data)
    if data.get(STILLS):
        return _strip_of(task, desk)
    shown: dict[str, Any] = task["predictions"][0] if task.get("predictions") else {"id": None, "result": []}
    if page:
        return OpenQuestion(
            task_id=int(task["id"]),
            question_id=data["question_id"],
            desk=desk,
            item_id=page[0].item_id,
            crop=page[0].crop,
            choices=(),
            regions=(),
            headline=data["question"],
            page=page,
            prediction_id=shown["id"],
        )
    text = data.get(TEXT)
    link = urlsplit(data[IMAGE]) if text is None else urlsplit(data[ITEM])
    query = parse_qs(link.query)
    return OpenQuestion(
        task_id=int(task["id"]),
        question_id=data["question_id"],
        desk=desk,
        item_id=link.path.rpartition("/")[2],
        crop=_edges_in(query, "crop"),
        frame=_edges_in(query, "frame"),
        choices=tuple(choice["value"] for choice in data.get("choices", [])),
        regions=tuple(shown["result"]),
        prediction_id=shown["id"],
        text=text,
    )


def _strip_of(task: dict[str, Any], desk: Desk) -> OpenQuestion:
    """Return a strip as its first still, with what a person sees of each as of a question alone."""
    data, shown = task["data"], task["predictions"][0]
    parted = by_place(shown["result"], len(data[STILLS]))
    stills = []
    for own, entries in zip(data[STILLS], parted, strict=True):
        alone = {"id": shown["id"], "result": [entry for _, entry in entries]}
        one = {"id": task["id"], "data": {**own, "question_id": own["question"]}, "predictions": [alone]}
        stills.append(question_of(one, desk))
    return replace(stills[0], question_id=data["question_id"], stills=tuple(stills))


def _edges_in(query: Mapping[str, Sequence[str]], name: str) -> Bounds | None:
    if name not in query:
        return None
    x_min, y_min, x_max, y_max = (float(edge) for edge in query[name][0].split(","))
    return x_min, y_min, x_max, y_max


def ensure_accounts(server: AnnotationServer, people: Sequence[Person]) -> dict[str, int]:
    """Make the accounts that are missing; return the user number by e-mail."""
    numbers = {normal_email(user["email"]): int(user["id"]) for user in server.call("GET", "api/users/")}
    for person in people:
        if person.email not in numbers:
            account = {"email": person.email, "username": person.email, "first_name": person.name}
            numbers[person.email] = int(server.call("POST", "api/users/", body=account)["id"])
    return {person.email: numbers[person.email] for person in people}


def submit(
    server: AnnotationServer, question: OpenQuestion, result: Sequence[dict[str, Any]], user: int, seconds: float
) -> None:
    """Submit an annotation in somebody's name."""
    body = {"result": list(result), "completed_by": user, "lead_time": round(seconds, 2)}
    body["parent_prediction"] = question.prediction_id
    server.call("POST", f"api/tasks/{question.task_id}/annotations/", body=body)


def boxes_result(
    question: OpenQuestion,
    said: Sequence[SaidBox],
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    drawing: Drawing = "classic",
) -> list[dict[str, Any]]:
    """Return the result of an annotation as the browser would send it."""
    shown = {region["id"]: region for region in question.regions}
    result = []
    for box in said:
        before = shown.get(box.region) if box.region else None
        if before is not None and not box.changed:
            result.append({**before, "origin": "prediction"})
            continue
        identity = box.region or _new_id(rng)
        score = 0.0 if before is None else float(before.get("score") or 0.0)
        x_min, y_min, x_max, y_max = box.xyxy
        drawn = ShownBox(
            id=identity, class_name=box.class_name, score=score, x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max
        )
        region = to_regions([drawn], *size_wh)[0]
        if before is None:
            del region["score"]  # only machines give scores
            region = as_points(region) if drawing == "extreme-clicking" else region
        result.append({**region, "origin": "manual" if before is None else "prediction-changed"})
    return result


def _new_id(rng: np.random.Generator) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    return "".join(letters[int(index)] for index in rng.integers(0, len(letters), 10))
