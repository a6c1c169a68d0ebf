"""Answers that are spans of a text: matched between people, agreed on, and compared with the truth to the character."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol, cast

from tasks.kinds.spans.kind import SPANS as SPAN_LABELS
from tasks.review.consensus.agreement import NO_SPAN, Statement, statements_about_places
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.box_matching import Matched, PersonAnswer, Place, match_objects
from tasks.review.consensus.comparers.boxes import SURE, TRUTH, learn_queue_skills
from tasks.review.consensus.comparers.protocol import Comparer, GoldSaid
from tasks.review.consensus.overlap_rule import NextStep, Slots, next_step_of_spans
from tasks.review.consensus.span_consensus import SpanCandidate, SpanConsensus, agree_on_spans, exactness
from tasks.review.questions.kinds.texts.text_regions import AnsweredSpan, ShownSpan
from tasks.review.questions.payload import Payload
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import GoldRule, OverlapRule


class ShowsSpans(Protocol):
    """What the payload of a question has whose answers are compared as spans."""

    @property
    def spans(self) -> Sequence[ShownSpan]:
        """With what people begin."""

    def showing(self, spans: Sequence[ShownSpan]) -> Payload:
        """Return the same question with other spans to begin with."""


class SpanComparer(Comparer[SpanConsensus]):
    """Compares spans."""

    name = "spans"

    def agree(
        self, queue: Queue, answered: Sequence[Group], history: Sequence[Group], gold: Sequence[GoldSaid]
    ) -> dict[str, SpanConsensus]:
        """Return the consensus of each question."""
        matched = [match_spans(group.id, group.counted) for group in answered]
        earlier = [match_spans(group.id, group.counted) for group in history if group.counted]
        known = [*matched, *earlier, *map(_with_truth, gold)]
        agreed = agree_on_spans(matched, learn_queue_skills(queue, known), exactness(known))
        return {one.question_id: one for one in agreed}

    def next_step(self, opinion: SpanConsensus, slots: Slots, rule: OverlapRule) -> NextStep:
        """Weigh the mistakes to expect of the spans."""
        return next_step_of_spans(opinion, slots, rule)

    def outcome(self, group: Group, opinion: SpanConsensus) -> tuple[dict[str, Any], ...]:
        """Return the spans that are there."""
        return tuple(span.model_dump() for span in _agreed(opinion.spans, group))

    def verbatim(self, group: Group, raw: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Return somebody's spans; which of them were left untouched is said of the question itself, not of a slot."""
        return tuple(span.model_dump() for span in _as_shown(spans_of(raw), group))

    def for_referee(self, group: Group, opinion: SpanConsensus) -> Payload:
        """Show all spans that anybody marked."""
        if not opinion.candidates:
            return group.payload
        exists = {one.region: one.exists for one in opinion.candidates}
        spans = [
            ShownSpan(score=exists.get(span.id, 0.0), **span.model_dump(exclude={"untouched"}))
            for span in _agreed(opinion.candidates, group)
        ]
        return cast(ShowsSpans, group.payload).showing(sorted(spans, key=lambda span: (span.score >= SURE, span.start)))

    def statements(self, question_id: str, said: Sequence[SlotAnswer]) -> list[Statement]:
        """Return what people said of each place that somebody marked."""
        return statements_about_places([match_spans(question_id, said)], NO_SPAN)

    def passes(self, truth: Sequence[dict[str, Any]], raw: Sequence[dict[str, Any]], rule: GoldRule) -> bool:
        """Say whether enough spans are right: class and every character, of all that are there or were marked.

        Nothing marked where nothing is passes.
        """
        there, said = ({(one.start, one.end, one.class_name) for one in spans_of(some)} for some in (truth, raw))
        return len(there & said) >= rule.pass_share * len(there | said) - 1e-9

    def in_words(self, raw: Sequence[dict[str, Any]]) -> str:
        """Count the spans by class."""
        counts = Counter(span.class_name for span in spans_of(raw))
        return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing is there"


SPANS = SpanComparer()


def spans_of(raw: Sequence[dict[str, Any]]) -> tuple[AnsweredSpan, ...]:
    """Return the spans of an answer."""
    return tuple(AnsweredSpan.model_validate(entry) for entry in raw)


def match_spans(question_id: str, said: Sequence[SlotAnswer]) -> Matched[AnsweredSpan]:
    """Group the spans of several people's answers to one question; of a person's two the last counts."""
    last = {one.person: PersonAnswer(one.person, spans_of(one.raw)) for one in said}
    return match_objects(question_id, list(last.values()), SPAN_LABELS, _place)


def _place(span: AnsweredSpan) -> Place:
    return span.start, span.end, span.class_name, span.id


def _with_truth(gold: GoldSaid) -> Matched[AnsweredSpan]:
    both = [PersonAnswer(TRUTH, spans_of(gold.truth)), PersonAnswer(gold.person, spans_of(gold.raw))]
    return match_objects(f"gold {gold.answer_id}", both, SPAN_LABELS, _place)


def _agreed(candidates: Sequence[SpanCandidate], group: Group) -> list[AnsweredSpan]:
    """Return candidates as spans of an answer, from the beginning of the text; no two of them have one id."""
    spans: dict[str, AnsweredSpan] = {}
    for one in sorted(candidates, key=lambda one: (-len(one.drawn_by), one.start, one.end)):
        # Somebody may have given a shown span's id to another one: then two places have it. Most people's keeps it.
        region = one.region if one.region not in spans else f"{one.region}~{len(spans)}"
        spans[region] = AnsweredSpan(
            id=region, class_name=one.class_name, start=one.start, end=one.end, untouched=False
        )
    return _as_shown(sorted(spans.values(), key=_place), group)


def _as_shown(spans: Sequence[AnsweredSpan], group: Group) -> list[AnsweredSpan]:
    """Return spans that say rightly which of those that a question showed were left untouched."""
    shown = {(one.id, one.class_name, one.start, one.end) for one in cast(ShowsSpans, group.payload).spans}
    return [
        span.model_copy(update={"untouched": (span.id, span.class_name, span.start, span.end) in shown})
        for span in spans
    ]
