"""A kind of question that Labelline does not have: how many are there? One file, as whoever adds a kind would write it.

People type a number. Two who type the same number agree, so their answers are compared as choices are.
"""

from collections.abc import Sequence
from typing import Any, Literal
from xml.etree import ElementTree

from blocks.errors import BadRegion
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.choose import AnsweredKind
from tasks.review.questions.kinds.controls import IMAGE, add_picture
from tasks.review.questions.kinds.protocol import Asking, ParsedAnswer, QuestionKind
from tasks.review.questions.payload import Payload

MOST = 9


class CountPayload(Payload):
    """What is counted on a whole item."""

    type: Literal["count"] = "count"
    class_name: str

    @property
    def options(self) -> list[str]:
        return [str(number) for number in range(MOST + 1)]

    @property
    def way_out(self) -> str:
        return "none"


class Count(QuestionKind[CountPayload]):
    """One number about a whole item."""

    name = "count"
    payload = CountPayload
    control = "number"
    compared_as = "choice"

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        ElementTree.SubElement(view, "Header", value="$question", size="4")
        add_picture(view)
        attributes = {"name": self.control, "toName": IMAGE, "min": "0", "max": str(MOST), "required": "true"}
        ElementTree.SubElement(view, "Number", attributes)

    def task_data(self, server: AnnotationServer, queue: Asking, item_id: str, payload: CountPayload) -> dict[str, Any]:
        return {IMAGE: server.image_link(item_id), "question": f"{queue.title} ({payload.class_name})"}

    def parse(self, payload: CountPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        parts = self.not_ours(result)
        typed = [entry["value"]["number"] for entry in result if entry.get("from_name") == self.control]
        if len(typed) != 1 or str(typed[0]) not in payload.options:
            raise BadRegion(f"the answer holds {typed!r:.80} (expected one whole number from 0 to {MOST})")
        return ParsedAnswer([AnsweredKind(kind=str(typed[0]), verdict="kind").said], parts)


COUNT = Count()
