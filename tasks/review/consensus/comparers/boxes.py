"""Answers that are boxes: matched between people, fused, and compared with the truth at IoU 0.5."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

from tasks.kinds.boxes.kind import BOXES as BOX_LABELS
from tasks.kinds.geometry import SAME_PX, bounds_of, same_edges
from tasks.review.consensus.agreement import Statement, statements_about_places
from tasks.review.consensus.annotator_skill import QueueSkills, faultless, learn_skills, unknown_skills
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.box_consensus import Candidate, Consensus, agree_on_boxes
from tasks.review.consensus.box_matching import Matched, PersonAnswer, match_boxes
from tasks.review.consensus.comparers.protocol import ENOUGH, Comparer, GoldSaid
from tasks.review.consensus.overlap_rule import NextStep, Slots, next_step_of_boxes
from tasks.review.questions.kinds.boxes.regions import AnsweredBox, ShownBox
from tasks.review.questions.payload import Payload
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import GoldRule, OverlapRule

TRUTH = "(truth)"
"""Answers gold questions beside the people, and is never wrong."""

SURE = 0.9
"""A referee is shown a box as sure from this probability on."""


class ShowsBoxes(Protocol):
    """What the payload of a question has whose answers are compared as boxes."""

    @property
    def boxes(self) -> Sequence[ShownBox]:
        """With what people begin."""

    def showing(self, boxes: Sequence[ShownBox]) -> Payload:
        """Return the same question with other boxes to begin with."""


class BoxComparer(Comparer[Consensus]):
    """Compares boxes."""

    name = "boxes"

    def agree(
        self, queue: Queue, answered: Sequence[Group], history: Sequence[Group], gold: Sequence[GoldSaid]
    ) -> dict[str, Consensus]:
        """Return the consensus of each question."""
        matched = [match_answers(group.id, group.counted) for group in answered]
        earlier = [match_answers(group.id, group.counted) for group in history if group.counted]
        skills = learn_queue_skills(queue, [*matched, *earlier, *map(_with_truth, gold)])
        return {one.question_id: one for one in agree_on_boxes(matched, skills)}

    def next_step(self, opinion: Consensus, slots: Slots, rule: OverlapRule) -> NextStep:
        """Weigh the mistakes to expect of the boxes."""
        return next_step_of_boxes(opinion, slots, rule)

    def outcome(self, group: Group, opinion: Consensus) -> tuple[dict[str, Any], ...]:
        """Return the boxes that are there."""
        return tuple(box.model_dump() for box in agreed_boxes(opinion.boxes, group))

    def verbatim(self, group: Group, raw: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Return somebody's boxes; which of them were left untouched is said of the question itself, not of a slot."""
        boxes = as_shown(boxes_of(raw), _shown_by(group), SAME_PX)
        return tuple(box.model_dump() for box in boxes)

    def for_referee(self, group: Group, opinion: Consensus) -> Payload:
        """Show all boxes that anybody drew, doubtful ones as doubtful."""
        if not opinion.candidates:
            return group.payload
        exists = {one.region: one.exists for one in opinion.candidates}
        boxes = [
            ShownBox(
                score=exists.get(box.id, 0.0),
                sure=exists.get(box.id, 0.0) >= SURE,
                **box.model_dump(exclude={"untouched"}),
            )
            for box in agreed_boxes(opinion.candidates, group)
        ]
        return cast(ShowsBoxes, group.payload).showing(boxes)

    def statements(self, question_id: str, said: Sequence[SlotAnswer]) -> list[Statement]:
        """Return what people said of each place that somebody drew."""
        return statements_about_places([match_answers(question_id, said)])

    def passes(self, truth: Sequence[dict[str, Any]], raw: Sequence[dict[str, Any]], rule: GoldRule) -> bool:
        """Say whether enough boxes are right."""
        return passes_boxes(boxes_of(truth), boxes_of(raw), rule)

    def in_words(self, raw: Sequence[dict[str, Any]]) -> str:
        """Count the boxes by class."""
        counts = Counter(box.class_name for box in boxes_of(raw))
        return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing is there"


BOXES = BoxComparer()


def boxes_of(raw: Sequence[dict[str, Any]]) -> tuple[AnsweredBox, ...]:
    """Return the boxes of an answer."""
    return tuple(AnsweredBox.model_validate(entry) for entry in raw)


def match_answers(question_id: str, said: Sequence[SlotAnswer]) -> Matched:
    """Group the boxes of several people's answers to one question; of a person's two the last counts."""
    last = {one.person: PersonAnswer(one.person, boxes_of(one.raw)) for one in said}
    return match_boxes(question_id, list(last.values()))


def learn_queue_skills(queue: Queue, matched: Sequence[Matched[Any]]) -> QueueSkills:
    """Learn how good people are at a queue's questions about boxes, or spans.

    Args:
        queue: The queue.
        matched: People's answers to this batch and earlier ones, and to gold, matched with each other and the truth.
    """
    classes = classes_of(queue, matched)
    if sum(len(one.people) > 1 for one in matched) < ENOUGH:
        return unknown_skills(classes)
    return learn_skills(matched, classes, known={TRUTH: faultless(classes)})


def classes_of(queue: Queue, matched: Iterable[Matched[Any]]) -> tuple[str, ...]:
    """Return the classes of a queue, and those it had once and that answers still use."""
    used = {box.class_name for one in matched for same in one.objects for box in same.boxes}
    return queue.classes + tuple(sorted(used - set(queue.classes)))


def agreed_boxes(candidates: Sequence[Candidate], group: Group) -> list[AnsweredBox]:
    """Return candidates as boxes of an answer; one that most of its people left as shown stays as it was shown."""
    shown = {box.id: box for box in _shown_by(group)}
    left = [box.id for said in group.counted for box in boxes_of(said.raw) if box.untouched]
    boxes: dict[str, AnsweredBox] = {}
    for one in sorted(candidates, key=lambda one: -len(one.drawn_by)):
        # Somebody may have dragged a shown box to another object: then two places have its id. Most people's keeps it.
        region = one.region if one.region not in boxes else f"{one.region}~{len(boxes)}"
        edges = {name: getattr(one, name) for name in ("x_min", "y_min", "x_max", "y_max")}
        before = shown.get(region)
        if before is not None and 2 * left.count(one.region) > len(one.drawn_by):
            edges = {name: getattr(before, name) for name in edges}
        boxes[region] = AnsweredBox(id=region, class_name=one.class_name, untouched=False, **edges)
    return as_shown(list(boxes.values()), _shown_by(group), SAME_PX)


def as_shown(boxes: Sequence[AnsweredBox], shown: Sequence[ShownBox], same_px: float) -> list[AnsweredBox]:
    """Return boxes that say rightly which of the boxes a question showed they left untouched."""
    by_id = {box.id: box for box in shown}
    return [box.model_copy(update={"untouched": _is_untouched(box, by_id.get(box.id), same_px)}) for box in boxes]


def passes_boxes(truth: Sequence[AnsweredBox], said: Sequence[AnsweredBox], rule: GoldRule) -> bool:
    """Say whether boxes pass a gold question: the share of right ones among all objects and all boxes is enough.

    A right box lies on an object with IoU 0.5 or more and has its class. Missed objects and boxes around nothing count
    against it alike. Nothing drawn where nothing is passes.
    """
    pairs = match_boxes("gold", [PersonAnswer("said", tuple(said)), PersonAnswer("truth", tuple(truth))]).objects
    right = sum(_is_right(one.boxes) for one in pairs if len(one.boxes) == 2)
    places = len(truth) + len(said) - right
    return right >= rule.pass_share * places - 1e-9


def _with_truth(gold: GoldSaid) -> Matched:
    both = [PersonAnswer(TRUTH, boxes_of(gold.truth)), PersonAnswer(gold.person, boxes_of(gold.raw))]
    return match_boxes(f"gold {gold.answer_id}", both)


def _shown_by(group: Group) -> Sequence[ShownBox]:
    return cast(ShowsBoxes, group.payload).boxes


def _is_untouched(box: AnsweredBox, shown: ShownBox | None, same_px: float) -> bool:
    if shown is None or shown.class_name != box.class_name:
        return False
    return same_edges(bounds_of(box), bounds_of(shown), same_px)


def _is_right(boxes: Sequence[AnsweredBox]) -> bool:
    alike = float(BOX_LABELS.similarity(boxes[:1], boxes[1:])[0, 0])
    return boxes[0].class_name == boxes[1].class_name and alike >= BOX_LABELS.right_from
