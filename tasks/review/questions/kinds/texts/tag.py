"""Tag: a text with the machine's spans, to be mended and completed; without any: blind."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.errors import BadShape, UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import check_inside, read_shape
from tasks.kinds.spans.extents import Extent, extent_of
from tasks.kinds.spans.kind import SPANS, SpansKind
from tasks.review.questions.kinds.controls import COLORS, HOTKEYS, ITEM, TEXT, add_question, add_text
from tasks.review.questions.kinds.correct import why_line
from tasks.review.questions.kinds.protocol import (
    Asking,
    ItemToAsk,
    Likely,
    ParsedAnswer,
    QuestionKind,
    SaidLabel,
    live_id,
)
from tasks.review.questions.kinds.texts.text_regions import SPAN, AnsweredSpan, ShownSpan, sort_spans, to_text_regions
from tasks.review.questions.parts import refuse_without_good
from tasks.review.questions.payload import Payload
from tasks.suggest.marked_words import MarkedSpan, write_marked


class TagPayload(Payload):
    """A text, and the spans that people begin with; code points."""

    type: Literal["tag"] = "tag"
    text: str
    blind: bool = False
    prefill: list[str] = Field(default_factory=list)
    spans: list[ShownSpan] = Field(default_factory=list)
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why spans are asked about, by their id; '' is about the whole text."""

    def showing(self, spans: Sequence[ShownSpan]) -> "TagPayload":
        """Return the same question with other spans to begin with."""
        return self.model_copy(update={"spans": list(spans), "prefill": [span.id for span in spans]})


class Tag(QuestionKind[TagPayload]):
    """Mark and mend spans in a text."""

    name = "tag"
    payload = TagPayload
    control = SPAN
    about = TEXT
    compared_as = "spans"
    allows_empty = True
    shows_proposals = True
    settles: ClassVar[Literal["items", "kinds"] | None] = "items"
    answers_are = "spans"
    takes_suggestions = True
    needs_vectors = False

    def __init__(self, label_kind: SpansKind = SPANS) -> None:
        self.label_kind = label_kind

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the text, why it is asked about, and the classes to mark with."""
        add_question(view, queue.title)
        control = ElementTree.SubElement(view, "Labels", name=SPAN, toName=TEXT, showInline="true")
        is_one = len(queue.classes) == 1  # there is nothing to choose; a key would only take the choice back
        for position, name in enumerate(queue.classes):
            label = ElementTree.SubElement(control, "Label", value=name, background=COLORS[position % len(COLORS)])
            if is_one:
                label.set("selected", "true")
            elif position < len(HOTKEYS):
                label.set("hotkey", HOTKEYS[position])
        add_text(view)

    def task_data(self, server: AnnotationServer, queue: Asking, item_id: str, payload: TagPayload) -> dict[str, Any]:
        """Return the text, and what is odd about it and its spans."""
        return {TEXT: payload.text, ITEM: item_id, "why": why_line(payload.reasons)}

    def shown(self, payload: TagPayload) -> list[dict[str, Any]]:
        """Return the spans as regions."""
        return to_text_regions(payload.spans, payload.text)

    def unread(self, payload: TagPayload) -> list[dict[str, Any]]:
        """Return the same."""
        return self.shown(payload)

    def begin(self, item: ItemToAsk, queue: Asking) -> TagPayload:
        """Return the question with the proposed spans, doubtful ones first.

        Raises:
            UnknownClass: One has a class that the queue does not have.
            BadShape: The item is no text, or one is beyond it.
        """
        if item.text is None:
            raise BadShape(f"queue {queue.name!r} asks for spans, and the item is no text")
        for one in item.proposed:
            if one.proposal.class_name not in queue.classes:
                raise UnknownClass.named(one.proposal.class_name, queue.classes, f"queue {queue.name!r}")
            check_inside(read_shape(one.proposal.shape), None, len(item.text))
        shown = sorted(item.proposed, key=lambda one: (one.is_sure, one.proposal.score, one.proposal.id))
        spans = [_shown(one.proposal) for one in shown]
        ids = [span.id for span in spans]
        reasons = item.reasons_of(set(ids))
        return TagPayload(text=item.text, blind=item.blind, prefill=ids, spans=spans, reasons=reasons)

    def parse(self, payload: TagPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return the spans that a person left."""
        overlap = self.label_kind.overlap
        spans, parts = sort_spans(result, payload.text, queue.classes, payload.spans, overlap)
        refuse_without_good(parts, len(spans))
        return ParsedAnswer([span.model_dump() for span in spans], tuple(parts))

    def labels(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> tuple[SaidLabel, ...]:
        """Return the spans."""
        spans = map(AnsweredSpan.model_validate, said)
        return tuple(
            SaidLabel(span.id, span.class_name, None, span.untouched, span.shape.model_dump(mode="json"))
            for span in spans
        )

    def teaches(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> str | None:
        """Return the text with what is marked in it, as `read_marked` reads it."""
        marks = [
            MarkedSpan(label.start, label.end, label.class_name) for label in map(AnsweredSpan.model_validate, said)
        ]
        return write_marked(row["text"], marks)

    def with_suggestions(self, payload: TagPayload, likely: Sequence[Likely]) -> TagPayload:
        """Return the question with what is likely beside what it was posted with, where that has left room."""
        if payload.blind:
            return payload
        spans = list(payload.spans)
        for one in likely:
            if one.place and not one.is_quiet and all(_are_apart(one.place, (span.start, span.end)) for span in spans):
                start, end = one.place
                id_ = live_id(f"{start}|{end}|{one.class_name}")
                spans.append(ShownSpan(id=id_, class_name=one.class_name, score=one.chance, start=start, end=end))
        return payload.model_copy(update={"spans": spans})

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return all classes of the queue: people mark every span of them."""
        return frozenset(queue.classes)


TAG = Tag()


def _shown(proposal: Any) -> ShownSpan:
    start, end = extent_of(proposal)
    return ShownSpan(id=proposal.id, class_name=proposal.class_name, score=proposal.score, start=start, end=end)


def _are_apart(one: Extent, other: Extent) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]
