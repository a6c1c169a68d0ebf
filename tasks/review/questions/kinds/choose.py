"""Choose: one choice about one object in a crop, such as which finer kind it is, with two ways out.

Which object is meant is shown by its outline where it has one, else by its box.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.errors import BadRegion
from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.controls import HOTKEYS, IMAGE, add_frame, add_picture
from tasks.review.questions.kinds.crops import CropPayload, crop_data, region_in_crop
from tasks.review.questions.kinds.outlines.brush_regions import BRUSH
from tasks.review.questions.kinds.outlines.outline import ShownOutline
from tasks.review.questions.kinds.outlines.polygon_regions import POLYGON
from tasks.review.questions.kinds.outlines.verify_outline import add_outline, outline_in_crop
from tasks.review.questions.kinds.protocol import Asking, ParsedAnswer, QuestionKind

KIND = "kind"
"""The control with which people choose."""

CANNOT_TELL = "cannot tell"
"""The choice of a person who cannot see it; an honest answer is worth more than a guess."""


class AnsweredKind(Frozen):
    """What a person said about one box."""

    kind: str | None
    verdict: Literal["kind", "not_an_object", "cannot_tell", "missing_class"]
    as_suggested: bool | None = None
    """Whether it is what the question was opened with as a suggestion of the moment; None: there was none."""
    suggested: str | None = None
    """Which class that suggestion named, where it is known."""
    missing: str | None = None
    """The class that is missing among the choices, as the person wrote it; None: none is."""

    @property
    def said(self) -> dict[str, Any]:
        """The form in which the catalogue keeps it."""
        return self.model_dump(
            exclude={name for name in ("as_suggested", "suggested", "missing") if getattr(self, name) is None}
        )

    def is_same_as(self, other: "AnsweredKind") -> bool:
        """Say whether both choose the same, whatever they were shown."""
        return (self.kind, self.verdict, self.missing) == (other.kind, other.verdict, other.missing)


class ChoosePayload(CropPayload):
    """One box, and what may be chosen about it."""

    type: Literal["kind"] = "kind"
    kinds: list[str] = Field(default_factory=list)
    outlines: list[ShownOutline] = Field(default_factory=list)
    """Its outline, where it has one: it is shown in place of the box."""

    @property
    def way_out(self) -> str:
        """The choice that says that the box holds no such object."""
        return not_an_object(self.class_name or "")

    @property
    def options(self) -> list[str]:
        """What can be chosen, without "cannot tell", which is no choice."""
        return [*self.kinds, self.way_out]


class Choose(QuestionKind[ChoosePayload]):
    """One choice about one box."""

    name = "kind"
    payload = ChoosePayload
    control = KIND
    other_controls = (POLYGON, BRUSH)
    compared_as = "choice"
    settles: ClassVar[Literal["items", "kinds"] | None] = "kinds"
    answers_are = "kinds"

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the crop, its box and the choices that the question brings."""
        ElementTree.SubElement(view, "Header", value="$question", size="4")
        add_picture(view)
        add_frame(view, queue.classes)
        if queue.outlined:
            add_outline(view, queue.classes)
        attributes = {"name": KIND, "toName": IMAGE, "value": "$choices", "choice": "single", "showInLine": "true"}
        ElementTree.SubElement(view, "Choices", attributes, required="true")

    def task_data(
        self, server: AnnotationServer, queue: Asking, item_id: str, payload: ChoosePayload
    ) -> dict[str, Any]:
        """Return the crop, the question and the choices."""
        choices = choice_list(choices_of(payload.class_name or "", payload.kinds))
        return {**crop_data(server, queue.title, item_id, payload), "choices": choices}

    def shown(self, payload: ChoosePayload) -> list[dict[str, Any]]:
        """Return which object is meant; nothing where the question does not say."""
        if payload.crop is not None and payload.outlines:
            return outline_in_crop(payload.outlines[0], payload.crop)
        return [region_in_crop(payload)] if payload.boxes else []

    def parse(self, payload: ChoosePayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return what a person chose."""
        parts = self.not_ours(result)
        return ParsedAnswer([read_kind(result, payload.class_name or "", payload.kinds).said], parts)


CHOOSE = Choose()


def not_an_object(class_name: str) -> str:
    """Return the choice that says that a box of a class holds no such object."""
    return f"not a {class_name}"


def choices_of(class_name: str, kinds: Sequence[str]) -> list[str]:
    """Return what a person may choose about a box: its kinds, and the two ways out."""
    return [*kinds, not_an_object(class_name), CANNOT_TELL]


def choice_list(choices: Sequence[str]) -> list[dict[str, str]]:
    """Return choices as the task data that Label Studio turns into buttons, with hotkeys for the first ten."""
    keys = dict(zip(choices, HOTKEYS, strict=False))
    return [{"value": choice} | ({"hotkey": keys[choice]} if choice in keys else {}) for choice in choices]


def read_kind(result: Sequence[Any], class_name: str, kinds: Sequence[str]) -> AnsweredKind:
    """Return what a person chose about one box; anything else in the result says nothing about it.

    Raises:
        BadRegion: The answer is not exactly one of the choices.
    """
    chosen = [entry.get("value", {}).get("choices") for entry in result if _is_choice(entry)]
    if len(chosen) != 1 or not isinstance(chosen[0], list) or len(chosen[0]) != 1:
        raise BadRegion(
            f"the answer holds {len(chosen)} choices of control {KIND!r} among {len(result)} entries (expected one)"
        )
    choice = chosen[0][0]
    known = choices_of(class_name, kinds)
    if choice not in known:
        raise BadRegion(f"choice {choice!r} is not one of {known}")
    if choice == CANNOT_TELL:
        return AnsweredKind(kind=None, verdict="cannot_tell")
    if choice == not_an_object(class_name):
        return AnsweredKind(kind=None, verdict="not_an_object")
    return AnsweredKind(kind=choice, verdict="kind")


def _is_choice(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("type") == "choices"
        and entry.get("from_name") == KIND
        and isinstance(entry.get("value"), dict)
    )
