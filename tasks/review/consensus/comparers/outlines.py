"""Answers that are polygons or masks: matched between people by mask IoU, fused, and compared with the truth at 0.5."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, cast

from tasks.kinds.masks.kind import MASKS as MASK_LABELS
from tasks.kinds.polygons.kind import POLYGONS as POLYGON_LABELS
from tasks.kinds.protocol import LabelKind
from tasks.review.consensus.agreement import Statement, statements_about_places
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.box_matching import Matched, PersonAnswer, Place, match_objects
from tasks.review.consensus.comparers.boxes import SURE, TRUTH, learn_queue_skills
from tasks.review.consensus.comparers.outline_consensus import (
    CLOSE_IOU,
    OutlineCandidate,
    OutlineConsensus,
    agree_on_outlines,
)
from tasks.review.consensus.comparers.protocol import Comparer, GoldSaid
from tasks.review.consensus.overlap_rule import MOST_REASONS, WORTH_A_REASON, NextStep, Slots, decide_by
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.payload import Payload
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import GoldRule, OverlapRule

NO_OUTLINE = "(no outline)"
"""What somebody says of a place that others outlined and they did not."""


class ShowsOutlines(Protocol):
    """What the payload of a question has whose answers are compared as outlines."""

    @property
    def outlines(self) -> Sequence[ShownOutline]:
        """With what people begin."""

    def showing(self, outlines: Sequence[ShownOutline]) -> Payload:
        """Return the same question with others to begin with."""


_Compares = Comparer[OutlineConsensus]


class OutlineComparer(_Compares):
    """Compares outlines, or masks."""

    label_kind: ClassVar[LabelKind]

    def agree(
        self, queue: Queue, answered: Sequence[Group], history: Sequence[Group], gold: Sequence[GoldSaid]
    ) -> dict[str, OutlineConsensus]:
        """Return the consensus of each question."""
        matched = [self.match(group.id, group.counted) for group in answered]
        earlier = [self.match(group.id, group.counted) for group in history if group.counted]
        skills = learn_queue_skills(queue, [*matched, *earlier, *map(self._with_truth, gold)])
        return {one.question_id: one for one in agree_on_outlines(matched, skills, self.label_kind)}

    def match(self, question_id: str, said: Sequence[SlotAnswer]) -> Matched[AnsweredOutline]:
        """Group what several people answered to one question; of a person's two answers the last counts."""
        last = {one.person: PersonAnswer(one.person, outlines_of(one.raw)) for one in said}
        return match_objects(question_id, list(last.values()), self.label_kind, _place)

    def _with_truth(self, gold: GoldSaid) -> Matched[AnsweredOutline]:
        both = [PersonAnswer(TRUTH, outlines_of(gold.truth)), PersonAnswer(gold.person, outlines_of(gold.raw))]
        return match_objects(f"gold {gold.answer_id}", both, self.label_kind, _place)

    def next_step(self, opinion: OutlineConsensus, slots: Slots, rule: OverlapRule) -> NextStep:
        """Weigh the mistakes to expect of the outlines."""
        doubts = sorted(_doubts(opinion), key=lambda doubt: (-doubt[0], doubt[1]))
        wrong = opinion.missed + sum(one.wrong for one in opinion.candidates)
        share = wrong / max(len(opinion.outlines), 1)
        return decide_by(share, tuple(reason for _, reason in doubts[:MOST_REASONS]), slots, rule)

    def outcome(self, group: Group, opinion: OutlineConsensus) -> tuple[dict[str, Any], ...]:
        """Return the objects that are there."""
        return _dumped(self._agreed(opinion.outlines, group))

    def verbatim(self, group: Group, raw: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Return somebody's outlines; which were left untouched is said of the question itself, not of a slot."""
        return _dumped(self._as_shown(outlines_of(raw), group))

    def for_referee(self, group: Group, opinion: OutlineConsensus) -> Payload:
        """Show all that anybody drew, doubtful ones first."""
        if not opinion.candidates:
            return group.payload
        exists = {one.region: one.exists for one in opinion.candidates}
        shown = [
            ShownOutline(
                id=one.id,
                class_name=one.class_name,
                shape=one.shape,
                score=exists.get(one.id, 0.0),
                sure=exists.get(one.id, 0.0) >= SURE,
            )
            for one in self._agreed(opinion.candidates, group)
        ]
        return cast(ShowsOutlines, group.payload).showing(sorted(shown, key=lambda one: (one.sure, one.score)))

    def statements(self, question_id: str, said: Sequence[SlotAnswer]) -> list[Statement]:
        """Return what people said of each place that somebody outlined."""
        return statements_about_places([self.match(question_id, said)], NO_OUTLINE)

    def passes(self, truth: Sequence[dict[str, Any]], raw: Sequence[dict[str, Any]], rule: GoldRule) -> bool:
        """Say whether enough outlines are right: class, and mask IoU 0.5 or more, of all that are there or were drawn.

        Nothing drawn where nothing is passes.
        """
        there, said = outlines_of(truth), outlines_of(raw)
        both = [PersonAnswer("said", said), PersonAnswer("truth", there)]
        pairs = [
            one.boxes for one in match_objects("gold", both, self.label_kind, _place).objects if len(one.boxes) == 2
        ]
        right = sum(self._is_right(*pair) for pair in pairs)
        return right >= rule.pass_share * (len(there) + len(said) - right) - 1e-9

    def _is_right(self, one: AnsweredOutline, other: AnsweredOutline) -> bool:
        alike = float(self.label_kind.similarity([one], [other])[0, 0])
        return one.class_name == other.class_name and alike >= self.label_kind.right_from

    def in_words(self, raw: Sequence[dict[str, Any]]) -> str:
        """Count the objects by class."""
        counts = Counter(one.class_name for one in outlines_of(raw))
        return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing is there"

    def _agreed(self, candidates: Sequence[OutlineCandidate], group: Group) -> list[AnsweredOutline]:
        """Return candidates as an answer; one that most of its people left as shown stays as it was shown."""
        shown = {one.id: one for one in cast(ShowsOutlines, group.payload).outlines}
        left = Counter(one.id for said in group.counted for one in outlines_of(said.raw) if one.untouched)
        found: dict[str, AnsweredOutline] = {}
        for one in sorted(candidates, key=lambda one: -len(one.drawn_by)):
            region = one.region if one.region not in found else f"{one.region}~{len(found)}"
            before = shown.get(region)
            is_left = before is not None and 2 * left[one.region] > len(one.drawn_by)
            shape = before.shape if before is not None and is_left else one.shape
            found[region] = AnsweredOutline(id=region, class_name=one.class_name, shape=shape, untouched=False)
        return self._as_shown(list(found.values()), group)

    def _as_shown(self, outlines: Sequence[AnsweredOutline], group: Group) -> list[AnsweredOutline]:
        """Return outlines that say rightly which of those that a question showed were left untouched."""
        shown = {one.id: one for one in cast(ShowsOutlines, group.payload).outlines}
        return [
            one.model_copy(update={"untouched": one.id in shown and self.label_kind.is_same(one, shown[one.id])})
            for one in outlines
        ]


class PolygonComparer(OutlineComparer, Comparer[OutlineConsensus]):
    """Compares polygons."""

    name = "polygons"
    label_kind = POLYGON_LABELS


class MaskComparer(OutlineComparer, Comparer[OutlineConsensus]):
    """Compares masks."""

    name = "masks"
    label_kind = MASK_LABELS


POLYGONS, MASKS = PolygonComparer(), MaskComparer()


def outlines_of(raw: Sequence[dict[str, Any]]) -> tuple[AnsweredOutline, ...]:
    """Return the outlines of an answer."""
    return tuple(AnsweredOutline.model_validate(entry) for entry in raw)


def _place(one: AnsweredOutline) -> Place:
    return *(one.shape.bounds() or ()), one.class_name, one.id, one.shape.model_dump_json()


def _dumped(outlines: Sequence[AnsweredOutline]) -> tuple[dict[str, Any], ...]:
    return tuple(one.model_dump(mode="json") for one in outlines)


def _doubts(consensus: OutlineConsensus) -> list[tuple[float, str]]:
    """Return what is in doubt, with the number of mistakes to expect from it."""
    doubts = []
    if consensus.missed > WORTH_A_REASON:
        doubts.append((consensus.missed, f"about {consensus.missed:.2g} objects that nobody outlined"))
    for one in consensus.candidates:
        place = f"{one.class_name} at {', '.join(f'{edge:.0f}' for edge in one.shape.bounds() or ())}"
        drawn = f"drawn by {len(one.drawn_by)} of {len(consensus.people)}"
        if min(one.exists, 1 - one.exists) > WORTH_A_REASON:
            doubts.append((min(one.exists, 1 - one.exists), f"{place}: is it there? ({one.exists:.0%}, {drawn})"))
        if one.is_there and 1 - one.right_class > WORTH_A_REASON:
            doubts.append((1 - one.right_class, f"{place}: is it a {one.class_name}? ({one.right_class:.0%})"))
        if one.is_there and one.closeness < CLOSE_IOU:
            doubts.append((1 - one.closeness, f"{place}: where is its outline? (mask IoU {one.closeness:.2f})"))
    return doubts
