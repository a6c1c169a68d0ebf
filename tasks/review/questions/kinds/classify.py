"""Classify: one choice about a whole item, which of the line's classes it shows; begun with what a model proposes."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.errors import BadRegion, UnknownClass
from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Whole, shape_columns
from tasks.review.questions.kinds.choose import CANNOT_TELL, AnsweredKind
from tasks.review.questions.kinds.controls import IMAGE, ITEM, TEXT, add_picture, add_question, add_text
from tasks.review.questions.kinds.correct import why_line
from tasks.review.questions.kinds.protocol import (
    LIVE,
    Asking,
    ItemToAsk,
    Likely,
    ParsedAnswer,
    QuestionKind,
    SaidLabel,
)
from tasks.review.questions.payload import Payload
from tasks.triage.reasons import removed_from_page

CLASS = "class"
"""The control with which people choose."""

CLASS_KEYS, CANNOT_TELL_KEY = "123456789", "0"

WHOLE = shape_columns(Whole())["shape"]


class ShownClass(Frozen):
    """The class that a question begins with, and whose: a proposal's."""

    id: str
    class_name: str
    score: float


class ClassPayload(Payload):
    """A whole item, what may be chosen about it, and what is chosen already."""

    type: Literal["class"] = "class"
    class_name: None = None
    """Of a box, where a choice is about one: this one is not."""
    way_out: None = None
    options: list[str] = Field(min_length=1)
    text: str | None = None
    """What a text says; None: the item is a picture."""
    blind: bool = False
    prefill: list[str] = Field(default_factory=list)
    proposed: ShownClass | None = None
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why it is asked about, as in `CorrectPayload`."""


class Classify(QuestionKind[ClassPayload]):
    """One class for a whole item, or that nobody could tell."""

    name = "class"
    payload = ClassPayload
    control = CLASS
    compared_as = "choice"
    shows_proposals = True
    settles: ClassVar[Literal["items", "kinds"] | None] = "items"
    answers_are = "classes"
    takes_suggestions = True

    def about_in(self, queue: Asking) -> str:
        """Name the text, or the picture."""
        return TEXT if queue.shows == "texts" else IMAGE

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the item, why it is asked about, and the classes with their keys."""
        add_question(view, queue.title)
        about = self.about_in(queue)
        attributes = {"name": CLASS, "toName": about, "choice": "single", "showInLine": "true", "required": "true"}
        choices = ElementTree.SubElement(view, "Choices", attributes)
        for number, name in enumerate(queue.classes):
            choice = ElementTree.SubElement(choices, "Choice", value=name)
            if number < len(CLASS_KEYS):
                choice.set("hotkey", CLASS_KEYS[number])
        ElementTree.SubElement(choices, "Choice", value=CANNOT_TELL, hotkey=CANNOT_TELL_KEY)
        (add_text if about == TEXT else add_picture)(view)

    def task_data(self, server: AnnotationServer, queue: Asking, item_id: str, payload: ClassPayload) -> dict[str, Any]:
        """Return the picture or the text, and what is odd about it."""
        seen = {IMAGE: server.image_link(item_id)} if payload.text is None else {TEXT: payload.text, ITEM: item_id}
        return {**seen, "why": why_line(payload.reasons)}

    def shown(self, payload: ClassPayload) -> list[dict[str, Any]]:
        """Return the proposed class as what is chosen already; nothing where none is."""
        if payload.proposed is None:
            return []
        about = IMAGE if payload.text is None else TEXT
        chosen = chosen_region(payload.proposed.class_name, payload.proposed.id, about)
        return [{**chosen, "score": payload.proposed.score}]

    def unread(self, payload: ClassPayload) -> list[dict[str, Any]]:
        """Return the same."""
        return self.shown(payload)

    def begin(self, item: ItemToAsk, queue: Asking) -> ClassPayload:
        """Return the question with the most probable of the proposed classes, but for what was taken off a page.

        Raises:
            UnknownClass: The queue does not have it.
        """
        likely = [one for one in item.proposed if removed_from_page() not in one.reasons]
        best = max(likely, key=lambda one: one.proposal.score, default=None)
        if best is None:
            return ClassPayload(
                options=list(queue.classes), text=item.text, blind=item.blind, reasons=item.reasons_of([])
            )
        proposal = best.proposal
        if proposal.class_name not in queue.classes:
            raise UnknownClass.named(proposal.class_name, queue.classes, f"queue {queue.name!r}")
        return ClassPayload(
            options=list(queue.classes),
            text=item.text,
            blind=item.blind,
            prefill=[proposal.id],
            proposed=ShownClass(id=proposal.id, class_name=proposal.class_name, score=proposal.score),
            reasons=item.reasons_of([proposal.id]),
        )

    def with_suggestions(self, payload: ClassPayload, likely: Sequence[Likely]) -> ClassPayload:
        """Return the question with the most likely class chosen; where none is likely enough, as it was posted."""
        best = next((one for one in likely if one.class_name in payload.options), None)
        known = payload.proposed.class_name if payload.proposed else None
        if payload.blind or best is None or best.class_name == known:
            return payload
        shown = ShownClass(id=live_id(best.class_name), class_name=best.class_name, score=best.chance)
        return payload.model_copy(update={"proposed": shown})

    def parse(self, payload: ClassPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return what a person chose."""
        return ParsedAnswer([read_class(result, queue.classes).said], self.not_ours(result))

    def labels(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> tuple[SaidLabel, ...] | None:
        """Return the one class; None where nobody could tell."""
        (chosen,) = map(AnsweredKind.model_validate, said)
        if chosen.kind is None:
            return None
        if chosen.as_suggested is not None:
            return (SaidLabel("", chosen.kind, None, chosen.as_suggested, WHOLE),)
        shown = row.get("proposed") or {}
        untouched = shown.get("class_name") == chosen.kind
        return (SaidLabel(str(shown.get("id", "")), chosen.kind, None, untouched, WHOLE),)

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return all classes of the queue."""
        return frozenset(queue.classes)


CLASSIFY = Classify()


def live_id(class_name: str) -> str:
    """Return the id of a choice that was suggested when its question was opened: it tells which one it was."""
    return f"{LIVE}{hashlib.sha256(class_name.encode()).hexdigest()[:16]}"


def chosen_region(class_name: str, id_: str, about: str = IMAGE) -> dict[str, Any]:
    """Return a class as Label Studio has it that is chosen for a picture, or for the object of another name."""
    return {"id": id_, "type": "choices", "from_name": CLASS, "to_name": about, "value": {"choices": [class_name]}}


def read_class(result: Sequence[Any], classes: Sequence[str]) -> AnsweredKind:
    """Return which class a person chose for an item.

    Raises:
        BadRegion: The answer is not exactly one choice.
        UnknownClass: The choice is none of the classes.
    """
    chosen = [
        (name, str(entry.get("id")))
        for entry in result
        if isinstance(entry, dict) and entry.get("from_name") == CLASS and isinstance(entry.get("value"), dict)
        for name in entry["value"].get("choices") or [None]
    ]
    if len(chosen) != 1 or not isinstance(chosen[0][0], str):
        raise BadRegion(
            f"the answer chooses {', '.join(repr(name) for name, _ in chosen) or 'nothing'} for one item (expected one "
            f"class, or {CANNOT_TELL!r})"
        )
    ((name, id_),) = chosen
    as_suggested = id_ == live_id(name) if id_.startswith(LIVE) else None
    if name == CANNOT_TELL:
        return AnsweredKind(kind=None, verdict="cannot_tell", as_suggested=as_suggested)
    if name not in classes:
        raise UnknownClass.named(name, classes, "the label config")
    return AnsweredKind(kind=name, verdict="kind", as_suggested=as_suggested)
