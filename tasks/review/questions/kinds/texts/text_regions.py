"""Between spans of a text and the regions that Label Studio has for them.

What is no span of the question does not void those beside it: see `parts.py`.

Source:
    Label Studio 1.23.2, result of a Labels control on a Text: value start and end in code points, text, labels.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.errors import BadRegion, UnknownClass
from blocks.frozen import Frozen
from blocks.shapes import Span
from tasks.kinds.spans.extents import Extent, Overlap, may_stand_together
from tasks.review.questions.kinds.controls import TEXT
from tasks.review.questions.kinds.texts.utf16 import place_said
from tasks.review.questions.parts import SetAsidePart, is_word, passed_over, set_aside

SPAN = "span"
"""The control with which people mark."""


class ShownSpan(Frozen):
    """A span as a question shows it; code points."""

    id: str
    class_name: str
    score: float
    start: int
    end: int


class AnsweredSpan(Frozen):
    """A span as a person left it; code points. `id` is the proposal's where a shown one was kept."""

    id: str
    class_name: str
    start: int
    end: int
    untouched: bool

    @property
    def shape(self) -> Span:
        """Its place."""
        return Span(start=self.start, end=self.end)


class _SpanValue(BaseModel):
    """The value of a region, in code points, or as an earlier Label Studio counts: in UTF-16."""

    model_config = ConfigDict(strict=True)

    start: int
    end: int
    labels: list[str]
    text: str | None = None


class _SpanRegion(BaseModel):
    """One entry of a result, as far as it is read."""

    id: str
    type: Literal["labels"]
    from_name: Literal["span"]
    value: _SpanValue


def to_text_regions(spans: Sequence[ShownSpan], text: str) -> list[dict[str, Any]]:
    """Return spans as the regions of a prediction, in the order given; each lies inside the text."""
    return [
        {
            "id": span.id,
            "type": "labels",
            "from_name": SPAN,
            "to_name": TEXT,
            "score": span.score,
            "value": {
                "start": span.start,
                "end": span.end,
                "text": text[span.start : span.end],
                "labels": [span.class_name],
            },
        }
        for span in spans
    ]


def sort_spans(
    result: Sequence[Any], text: str, classes: Sequence[str], shown: Sequence[ShownSpan], overlap: Overlap
) -> tuple[list[AnsweredSpan], list[SetAsidePart]]:
    """Return the spans that a person left in an answer, and what in it does not count, with the reasons.

    Blanks at the ends of a span are no part of it: a mouse takes them along. Two spans of one id are two spans, and the
    second gets an id of its own; the same span again is none.

    Args:
        result: The annotation's result as Label Studio sends it; empty means that nothing is there.
        text: What people saw.
        classes: Known class names.
        shown: The spans that the question began with.
        overlap: Which spans may share characters; of two that may not, the one said first counts.
    """
    prefilled = {span.id: span for span in shown}
    spans: dict[str, AnsweredSpan] = {}
    said: set[tuple[int, int, str]] = set()
    parts: list[SetAsidePart] = []
    for position, entry in enumerate(result):
        if is_word(entry):
            parts.append(passed_over(position, entry))
            continue
        try:
            span = _to_span(_parse(entry), text, classes, prefilled)
            if (span.start, span.end, span.class_name) in said:
                parts.append(passed_over(position, entry))
                continue
            _refuse_overlap(span, spans.values(), overlap)
        except (BadRegion, UnknownClass) as error:
            parts.append(set_aside(position, entry, error))
            continue
        said.add((span.start, span.end, span.class_name))
        number = sum(id_.partition("~")[0] == span.id for id_ in spans)
        span = span.model_copy(update={"id": f"{span.id}~{number}", "untouched": False}) if number else span
        spans[span.id] = span
    return list(spans.values()), parts


def trimmed(text: str, start: int, end: int) -> Extent:
    """Return an extent without the blanks at its ends; one of blanks alone has no length."""
    marked = text[start:end]
    end = start + len(marked.rstrip())
    return min(end, start + len(marked) - len(marked.lstrip())), end


def _parse(entry: object) -> _SpanRegion:
    try:
        return _SpanRegion.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        name = repr(entry.get("id") if isinstance(entry, dict) else entry)[:80]
        raise BadRegion(
            f"entry {name} is no span of this question: {where}: {first['msg']} (got {first['input']!r:.80})"
        ) from None


def _to_span(region: _SpanRegion, text: str, classes: Sequence[str], prefilled: dict[str, ShownSpan]) -> AnsweredSpan:
    value = region.value
    if len(value.labels) != 1:
        raise BadRegion(f"span {region.id!r} has {len(value.labels)} labels (expected 1)")
    (class_name,) = value.labels
    if class_name not in classes:
        raise UnknownClass.named(class_name, classes, "the label config")
    if value.start >= value.end:
        raise BadRegion(f"span {region.id!r} has no character: it reaches from {value.start} to {value.end}")
    start, end = trimmed(text, *place_said(value.start, value.end, value.text, text))
    if start == end:
        raise BadRegion(f"span {region.id!r} marks nothing but blanks")
    shown = prefilled.get(region.id)
    untouched = shown is not None and (shown.start, shown.end, shown.class_name) == (start, end, class_name)
    return AnsweredSpan(id=region.id, class_name=class_name, start=start, end=end, untouched=untouched)


def _refuse_overlap(span: AnsweredSpan, others: Any, overlap: Overlap) -> None:
    for other in others:
        if not may_stand_together((span.start, span.end), (other.start, other.end), overlap):
            allowed = "one span may only be inside another" if overlap == "nested" else "no two may"
            raise BadRegion(
                f"span {span.id!r} ({span.class_name}, {span.start} to {span.end}) shares characters with "
                f"{other.class_name} from {other.start} to {other.end}: {allowed}"
            )
