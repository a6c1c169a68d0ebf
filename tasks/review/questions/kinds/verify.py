"""Verify: is this one box right? Four choices, one key each, blind to what the machine thinks."""

from collections.abc import Sequence
from typing import Any, Literal
from xml.etree import ElementTree

from blocks.database.audit_tables import Said
from blocks.errors import BadRegion
from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.controls import HOTKEYS, IMAGE, add_frame, add_picture
from tasks.review.questions.kinds.crops import CropPayload, crop_data, region_in_crop
from tasks.review.questions.kinds.protocol import Asking, ParsedAnswer, QuestionKind

CHECK = "check"
"""The control with which people say what they think of the box."""

CHECKS: dict[str, Said] = {
    "right": Said.RIGHT,
    "wrong class or place": Said.WRONG,
    "nothing there": Said.NOTHING,
    "cannot tell": Said.CANNOT_TELL,
}
"""What a person may choose, in the order of the keys 1 to 4, and what it means."""


class AnsweredCheck(Frozen):
    """What a person said of one box."""

    said: Literal[Said.RIGHT, Said.WRONG, Said.NOTHING, Said.CANNOT_TELL]


class VerifyPayload(CropPayload):
    """The one box that is asked about."""

    type: Literal["confirm"] = "confirm"


class Verify(QuestionKind[VerifyPayload]):
    """One choice about whether one box is right."""

    name = "confirm"
    payload = VerifyPayload
    control = CHECK
    shows_proposals = True
    counts_unseen = False

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the crop, what is asked about in it, and the four choices."""
        ElementTree.SubElement(view, "Header", value="$question", size="4")
        add_picture(view)
        self.add_mark(view, queue.classes)
        attributes = {
            "name": self.control,
            "toName": IMAGE,
            "choice": "single",
            "showInLine": "true",
            "required": "true",
        }
        choices = ElementTree.SubElement(view, "Choices", attributes)
        for key, choice in zip(HOTKEYS, CHECKS, strict=False):
            ElementTree.SubElement(choices, "Choice", value=choice, hotkey=key)

    def add_mark(self, view: ElementTree.Element, classes: Sequence[str]) -> None:
        """Show which object is meant: its box."""
        add_frame(view, classes)

    def task_data(
        self, server: AnnotationServer, queue: Asking, item_id: str, payload: VerifyPayload
    ) -> dict[str, Any]:
        """Return the crop and the question."""
        return crop_data(server, queue.title, item_id, payload)

    def shown(self, payload: VerifyPayload) -> list[dict[str, Any]]:
        """Return the box."""
        return [region_in_crop(payload)]

    def parse(self, payload: VerifyPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return what a person said of the box."""
        return ParsedAnswer([read_check(result, self.control).model_dump(mode="json")], self.not_ours(result))


VERIFY = Verify()


def read_check(result: Sequence[Any], control: str = CHECK) -> AnsweredCheck:
    """Return what a person chose; what was shown comes along in the result, and moving it says nothing.

    Args:
        result: Of an annotation.
        control: The control with which they chose.

    Raises:
        BadRegion: The answer is not exactly one of the choices.
    """
    chosen = [entry["value"].get("choices") for entry in result if _is_check(entry, control)]
    if len(chosen) != 1 or not isinstance(chosen[0], list) or len(chosen[0]) != 1:
        raise BadRegion(f"the answer holds {chosen!r:.80} (expected exactly one choice of control {control!r})")
    choice = chosen[0][0]
    if not isinstance(choice, str) or choice not in CHECKS:
        raise BadRegion(f"choice {choice!r:.80} is not one of {list(CHECKS)}")
    return AnsweredCheck(said=CHECKS[choice])


def _is_check(entry: object, control: str) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("type") == "choices"
        and entry.get("from_name") == control
        and isinstance(entry.get("value"), dict)
    )
