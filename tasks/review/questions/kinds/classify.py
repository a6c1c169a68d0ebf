"""Classify: one choice about a whole item, which of the line's classes it shows; begun with what a model proposes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.errors import UnknownClass
from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Whole, shape_columns
from tasks.review.questions.kinds.choose import CANNOT_TELL, AnsweredKind
from tasks.review.questions.kinds.classes.many import (
    CANNOT_TELL_KEY,
    KEY,
    KEYS,
    LIKELY,
    LISTED,
    SEARCH,
    add_many,
    are_many,
    key_region,
    listed_regions,
    nine_of,
)
from tasks.review.questions.kinds.classes.missing import WRITTEN, add_missing
from tasks.review.questions.kinds.classes.said import CLASS, chosen_region, read_class
from tasks.review.questions.kinds.controls import (
    IMAGE,
    ITEM,
    PICTURE_HEIGHT,
    PICTURE_UNDER_A_LIST,
    TEXT,
    add_picture,
    add_question,
    add_text,
)
from tasks.review.questions.kinds.correct import why_line
from tasks.review.questions.kinds.protocol import (
    SHOWN_FROM,
    Asking,
    ItemToAsk,
    Likely,
    ParsedAnswer,
    QuestionKind,
    SaidLabel,
    live_id,
)
from tasks.review.questions.payload import Payload
from tasks.triage.reasons import removed_from_page

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
    likely: list[str] = Field(default_factory=list)
    """Where there are very many classes: what else it may be, the likeliest first."""
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why it is asked about, as in `CorrectPayload`."""


class Classify(QuestionKind[ClassPayload]):
    """One class for a whole item, or that nobody could tell."""

    name = "class"
    payload = ClassPayload
    control = CLASS
    other_controls = (KEY, LIKELY, LISTED, SEARCH, WRITTEN)
    compared_as = "choice"
    shows_proposals = True
    settles: ClassVar[Literal["items", "kinds"] | None] = "items"
    answers_are = "classes"
    takes_suggestions = True
    takes_missing = True
    most_classes = 2000  # searched

    def about_in(self, queue: Asking) -> str:
        """Name the text, or the picture."""
        return TEXT if queue.shows == "texts" else IMAGE

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the item, why it is asked about, and the classes with their keys."""
        add_question(view, queue.title)
        about = self.about_in(queue)
        add = add_many if are_many(queue.classes) else add_buttons
        choices = add(view, about, queue.classes)
        if queue.missing_classes:
            add_missing(view, choices, about)
        if about == TEXT:
            add_text(view)
        else:
            add_picture(view, PICTURE_UNDER_A_LIST if are_many(queue.classes) else PICTURE_HEIGHT)

    def task_data(self, server: AnnotationServer, queue: Asking, item_id: str, payload: ClassPayload) -> dict[str, Any]:
        """Return the picture or the text, and what is odd about it."""
        seen = {IMAGE: server.image_link(item_id)} if payload.text is None else {TEXT: payload.text, ITEM: item_id}
        return {**seen, "why": why_line(payload.reasons)}

    def shown(self, payload: ClassPayload) -> list[dict[str, Any]]:
        """Return the proposed class as what is chosen already, and a list of what is likely; nothing where none is."""
        about, best = IMAGE if payload.text is None else TEXT, payload.proposed
        if payload.blind or not are_many(payload.options):
            return [{**chosen_region(best.class_name, best.id, about), "score": best.score}] if best else []
        names = nine_of([*([best.class_name] if best else []), *payload.likely], payload.options)
        chosen = [{**key_region(0, best.id, about), "score": best.score}] if best else []
        return [*listed_regions(names, about), *chosen]

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

    def offering(self, payload: ClassPayload, classes: Sequence[str]) -> ClassPayload:
        """Return the question with the classes that were added to its form since it was posted."""
        return payload.model_copy(update={"options": list(dict.fromkeys([*payload.options, *classes]))})

    def with_suggestions(self, payload: ClassPayload, likely: Sequence[Likely]) -> ClassPayload:
        """Return the question with the most likely class chosen; where none is likely enough, as it was posted."""
        options = frozenset(payload.options)
        known = [one for one in likely if one.class_name in options]
        if payload.blind or not known:
            return payload
        best, was = known[0], payload.proposed
        listed = [one.class_name for one in sorted(known, key=lambda one: one.is_quiet)]
        payload = payload.model_copy(update={"likely": listed})
        if best.chance < SHOWN_FROM:
            return payload
        if best.is_quiet:
            return payload.model_copy(update={"proposed": None})
        if was is not None and was.class_name == best.class_name:
            return payload
        shown = ShownClass(id=live_id(best.class_name), class_name=best.class_name, score=best.chance)
        return payload.model_copy(update={"proposed": shown})

    def parse(self, payload: ClassPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return what a person chose."""
        return ParsedAnswer([read_class(result, queue.classes).said], self.not_ours(result))

    def looks_as(self, queue: Asking, other: Asking) -> bool:
        """Say whether both have buttons, or both the search: Label Studio keeps the controls of answers."""
        return are_many(queue.classes) == are_many(other.classes)

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

    def teaches(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> str | None:
        """Return the one class."""
        labels = self.labels(row, said)
        return labels[0].class_name if labels else None

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return all classes of the queue."""
        return frozenset(queue.classes)


CLASSIFY = Classify()


def add_buttons(view: ElementTree.Element, about: str, classes: Sequence[str]) -> ElementTree.Element:
    """Add a button for each class to a label config, the first nine with their keys; return the control."""
    attributes = {"name": CLASS, "toName": about, "choice": "single", "showInLine": "true", "required": "true"}
    choices = ElementTree.SubElement(view, "Choices", attributes)
    for number, name in enumerate(classes):
        choice = ElementTree.SubElement(choices, "Choice", value=name)
        if number < len(KEYS):
            choice.set("hotkey", KEYS[number])
    ElementTree.SubElement(choices, "Choice", value=CANNOT_TELL, hotkey=CANNOT_TELL_KEY)
    return choices
