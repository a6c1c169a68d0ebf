"""Choose several: which of the line's classes hold of a whole item, any number of them; none is an answer too."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.errors import BadRegion, UnknownClass
from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import SEVERAL, Whole, shape_columns
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.classes.many import CANNOT_TELL_KEY, KEYS, entries_of, list_in
from tasks.review.questions.kinds.classify import ShownClass
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
from tasks.suggest.class_sets import joined

CLASSES = "classes"
"""The control with a box to tick for each class."""

TICKED_FROM = 0.5
"""A class is ticked beforehand from this chance on, or where triage is sure of it: more likely there than not."""

BESIDE_OTHERS = shape_columns(Whole(type=SEVERAL))["shape"]


class AnsweredClass(Frozen):
    """One class that a person ticked; without a name: they could not tell."""

    class_name: str | None
    untouched: bool = False
    """Whether it was ticked already when the question was opened."""


class ClassesPayload(Payload):
    """A whole item, which classes may be ticked, and which are already."""

    type: Literal["classes"] = "classes"
    options: list[str] = Field(min_length=1)
    text: str | None = None
    """What a text says; None: the item is a picture."""
    blind: bool = False
    prefill: list[str] = Field(default_factory=list)
    proposed: list[ShownClass] = Field(default_factory=list)
    """What is ticked already."""
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why it is asked about, as in `CorrectPayload`."""
    is_live: bool = False
    """Whether what is ticked was found as the question was opened."""

    def showing(self, proposed: Sequence[ShownClass]) -> "ClassesPayload":
        """Return the same question with other classes ticked."""
        return self.model_copy(update={"proposed": list(proposed), "prefill": [one.id for one in proposed]})


class ChooseSeveral(QuestionKind[ClassesPayload]):
    """Any number of classes for a whole item, or that nobody could tell."""

    name = "classes"
    payload = ClassesPayload
    control = CLASSES
    compared_as = "classes"
    allows_empty = True
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
        attributes = {"name": CLASSES, "toName": about, "choice": "multiple", "showInLine": "true"}
        choices = ElementTree.SubElement(view, "Choices", attributes)
        for number, name in enumerate(queue.classes):
            choice = ElementTree.SubElement(choices, "Choice", value=name)
            if number < len(KEYS):
                choice.set("hotkey", KEYS[number])
        ElementTree.SubElement(choices, "Choice", value=CANNOT_TELL, hotkey=CANNOT_TELL_KEY)
        if about == TEXT:
            add_text(view)
        else:
            add_picture(view)

    def task_data(
        self, server: AnnotationServer, queue: Asking, item_id: str, payload: ClassesPayload
    ) -> dict[str, Any]:
        """Return the picture or the text, and what is odd about it."""
        seen = {IMAGE: server.image_link(item_id)} if payload.text is None else {TEXT: payload.text, ITEM: item_id}
        return {**seen, "why": why_line(payload.reasons)}

    def shown(self, payload: ClassesPayload) -> list[dict[str, Any]]:
        """Return the ticked classes as one region, as Label Studio has them; nothing where none is."""
        names = [one.class_name for one in payload.proposed]
        if not names:
            return []
        about = IMAGE if payload.text is None else TEXT
        id_ = _live_id(names, payload.options) if payload.is_live else CLASSES
        return [{**ticked_region(names, id_, about), "score": max(one.score for one in payload.proposed)}]

    def unread(self, payload: ClassesPayload) -> list[dict[str, Any]]:
        """Return the same."""
        return self.shown(payload)

    def begin(self, item: ItemToAsk, queue: Asking) -> ClassesPayload:
        """Return the question with each class ticked that triage is sure of, or that is more likely there than not.

        Raises:
            UnknownClass: The queue does not have one of them.
        """
        for one in item.proposed:
            if one.proposal.class_name not in queue.classes:
                raise UnknownClass.named(one.proposal.class_name, queue.classes, f"queue {queue.name!r}")
        ticked = [one.proposal for one in item.proposed if one.is_sure or one.proposal.score >= TICKED_FROM]
        asked = ClassesPayload(
            options=list(queue.classes),
            text=item.text,
            blind=item.blind,
            reasons=item.reasons_of({one.id for one in ticked}),
        )
        return asked.showing([ShownClass(id=one.id, class_name=one.class_name, score=one.score) for one in ticked])

    def with_suggestions(self, payload: ClassesPayload, likely: Sequence[Likely]) -> ClassesPayload:
        """Return the question with each class ticked that is more likely there than not, as far as is known now."""
        if payload.blind or not likely:
            return payload
        before = {one.class_name: one.id for one in payload.proposed}
        ticked = [
            ShownClass(id=before.get(one.class_name, ""), class_name=one.class_name, score=one.chance)
            for one in likely
            if one.class_name in payload.options and one.chance >= TICKED_FROM and not one.is_quiet
        ]
        return payload.model_copy(update={"proposed": ticked, "is_live": True})

    def parse(self, payload: ClassesPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return what a person ticked; nothing: none of the classes holds.

        Raises:
            BadRegion: They ticked a class and that they cannot tell.
            UnknownClass: What they ticked is none of the classes.
        """
        found = [(name, str(entry.get("id"))) for entry in entries_of(result, CLASSES) for name in _names_in(entry)]
        names = list(dict.fromkeys(name for name, _ in found))
        for name in names:
            if name != CANNOT_TELL and name not in queue.classes:
                raise UnknownClass.named(name, queue.classes, "the label config")
        shown = _shown_as_opened(payload, found[0][1] if found else "")
        said = [AnsweredClass(class_name=name, untouched=name in shown) for name in names if name != CANNOT_TELL]
        if CANNOT_TELL in names:
            if said:
                told = ", ".join(repr(one.class_name) for one in said)
                raise BadRegion(f"the answer ticks {told} and {CANNOT_TELL!r}: expected classes, or that one alone")
            said = [AnsweredClass(class_name=None)]
        return ParsedAnswer([one.model_dump() for one in said], self.not_ours(result))

    def labels(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> tuple[SaidLabel, ...] | None:
        """Return a label for each class; None where nobody could tell."""
        classes = classes_of(said)
        if classes is None:
            return None
        ids = {one["class_name"]: one["id"] for one in row.get("proposed") or ()}
        return tuple(
            SaidLabel(ids.get(one.class_name, ""), one.class_name or "", None, one.untouched, BESIDE_OTHERS)
            for one in classes
        )

    def teaches(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> str | None:
        """Return the classes, joined as learners read them; None where nobody could tell."""
        classes = classes_of(said)
        return None if classes is None else joined(one.class_name or "" for one in classes)

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return all classes of the queue: people tick every one that holds."""
        return frozenset(queue.classes)


CHOOSE_SEVERAL = ChooseSeveral()


def classes_of(said: Sequence[Mapping[str, Any]]) -> tuple[AnsweredClass, ...] | None:
    """Return the classes of an answer in our own form, in order; None: whoever answered could not tell."""
    found = tuple(map(AnsweredClass.model_validate, said))
    return None if any(one.class_name is None for one in found) else found


def ticked_region(names: Sequence[str], id_: str, about: str = IMAGE) -> dict[str, Any]:
    """Return classes as Label Studio has them that are ticked for a picture, or for the object of another name."""
    value = {"choices": list(names)}
    return {"id": id_, "type": "choices", "from_name": CLASSES, "to_name": about, "value": value}


def _names_in(entry: dict[str, Any]) -> list[str]:
    names = list_in(entry, "choices")
    strange = next((name for name in names if not isinstance(name, str)), None)
    if strange is not None:
        raise BadRegion(f"the answer ticks {strange!r}, which is no class")
    return names


def _live_id(names: Sequence[str], options: Sequence[str]) -> str:
    """Return the id of a region that was ticked when its question was opened: it tells which classes."""
    return f"{LIVE}{CLASSES}-{sum(1 << options.index(name) for name in names):x}"


def _shown_as_opened(payload: ClassesPayload, id_: str) -> frozenset[str]:
    """Return which classes were ticked when a question was opened, by the id of the answered region.

    A region of another id was made by whoever answered: nothing was ticked, or they had taken all of it away.
    """
    if id_ == CLASSES:
        return frozenset(one.class_name for one in payload.proposed)
    begins = f"{LIVE}{CLASSES}-"
    try:
        bits = int(id_.removeprefix(begins), 16) if id_.startswith(begins) else 0
    except ValueError:
        return frozenset()  # of no version of ours: nothing is known of what stood there
    return frozenset(name for place, name in enumerate(payload.options) if bits >> place & 1)
