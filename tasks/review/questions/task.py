"""A question in Label Studio: the label config of its queue, and its task with our id and its one prediction inside.

Label Studio serves first what has the lowest prediction score ("Uncertainty sampling"; tasks without a prediction come
last, in no order). So every task has one prediction, and its score says nothing of boxes, which have their own: it is
the place of the question among all of its project, whenever they were posted. Blind questions and pages have an empty
one, which shows nothing.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.controls import FILE, STYLE
from tasks.review.questions.kinds.registry import kind_named, read_payload
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


def to_task(
    server: AnnotationServer,
    queue: Queue,
    question_id: str,
    item_id: str,
    raw_payload: Mapping[str, Any],
    priority: float = 0.0,
    file: str = "",
) -> dict[str, Any]:
    """Return a question as the task that Label Studio imports, with its one prediction inside.

    Args:
        server: Whose gateway serves the pictures.
        queue: Of the question.
        question_id: Its id.
        item_id: What it is about.
        raw_payload: As it stands in its row.
        priority: What has more is asked first.
        file: Original name of the picture; a page of crops is of many.
    """
    payload = read_payload(raw_payload)
    kind = kind_named(payload.type)
    data = {FILE: file, **kind.task_data(server, queue, item_id, payload), "question_id": question_id}
    prediction = {"model_version": MODEL_VERSION, "score": place_score(priority), "result": kind.shown(payload)}
    return {"data": data, "predictions": [prediction]}


def place_score(priority: float) -> float:
    """Return the prediction score that puts a question at its place: the higher its priority, the lower.

    Args:
        priority: Any number; of most questions 0 to 1.

    Returns:
        0 to `HIGHEST_SCORE`: whoever is shown it as a share, reads 0, and learns nothing.
    """
    return HIGHEST_SCORE * (0.5 - priority / (2 * (1 + abs(priority))))
