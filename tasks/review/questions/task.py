"""A question in Label Studio: the label config of its queue, and its task with our id and its one prediction inside.

Label Studio serves first what has the lowest prediction score ("Uncertainty sampling"; tasks without a prediction come
last, in no order). So every task has one prediction, and its score says nothing of boxes, which have their own: it is
the place of the question among all of its project, whenever they were posted. Blind questions and pages have an empty
one, which shows nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.controls import FILE, STYLE
from tasks.review.questions.kinds.registry import kind_named, read_payload
from tasks.review.questions.kinds.together import OneOfSeveral
from tasks.review.questions.queue import Queue
from tasks.review.questions.skip_reasons import add_why

MODEL_VERSION = "labelline"
"""Under which name our boxes stand in Label Studio; which detector drew them is in the catalogue."""

HIGHEST_SCORE = 1e-6
"""Of a question that everything else is asked before: far under what Label Studio shows of a score."""


def label_config(queue: Queue) -> str:
    """Return the label config of a queue as XML."""
    kind = kind_named(queue.kind)
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Style").text = STYLE
    kind.add_controls(view, queue)
    add_why(view, kind.about_in(queue))
    return ElementTree.tostring(view, encoding="unicode")


@dataclass(frozen=True, slots=True)
class AskedItem:
    """A question as far as its task shows it."""

    question_id: str
    item_id: str
    raw_payload: Mapping[str, Any]
    """As it stands in its row."""
    priority: float = 0.0
    """What has more is asked first."""
    file: str = ""
    """Original name of the picture; a page of crops is of many."""


def to_task(
    server: AnnotationServer,
    queue: Queue,
    question_id: str,
    item_id: str,
    raw_payload: Mapping[str, Any],
    priority: float = 0.0,
    file: str = "",
) -> dict[str, Any]:
    """Return a question as the task that Label Studio imports: `task_of` it alone."""
    return task_of(server, queue, [AskedItem(question_id, item_id, raw_payload, priority, file)])


def task_of(server: AnnotationServer, queue: Queue, asked: Sequence[AskedItem]) -> dict[str, Any]:
    """Return the task that Label Studio imports, with its one prediction inside.

    Args:
        server: Whose gateway serves the pictures.
        queue: Of the questions.
        asked: One question; where the queue has strips, the stills of one, in order.
    """
    first, way = asked[0], kind_named(queue.kind).together
    parts = [_part_of(server, one, queue) for one in asked]
    data, shown = parts[0].view if way is None or queue.stills == 1 else way.view(server, queue.title, parts)
    prediction = {"model_version": MODEL_VERSION, "score": place_score(first.priority), "result": shown}
    return {"data": {FILE: first.file, **data, "question_id": first.question_id}, "predictions": [prediction]}


def _part_of(server: AnnotationServer, one: AskedItem, queue: Queue) -> OneOfSeveral:
    """Return what a question alone has in its data, and the regions that it begins with."""
    payload = read_payload(one.raw_payload)
    kind = kind_named(payload.type)
    view = kind.task_data(server, queue, one.item_id, payload), kind.shown(payload)
    return OneOfSeveral(one.question_id, payload, view)


def place_score(priority: float) -> float:
    """Return the prediction score that puts a question at its place: the higher its priority, the lower.

    Args:
        priority: Any number; of most questions 0 to 1.

    Returns:
        0 to `HIGHEST_SCORE`: whoever is shown it as a share, reads 0, and learns nothing.
    """
    return HIGHEST_SCORE * (0.5 - priority / (2 * (1 + abs(priority))))
