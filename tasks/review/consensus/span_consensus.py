"""What several people together say of a text: the spans that are there, their extents and classes, and how sure it is.

Whether a span is there, and its class, is weighed as of boxes (see `votes.py`). Where it begins and ends is a vote: who
marks a name means one of its extents, and the middle of two is none. How often a person marks exactly the right
characters is learnt from how often two who mark the same thing mark the same characters.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blocks.shapes import Span
from tasks.kinds.spans.extents import Extent
from tasks.kinds.spans.kind import SPANS
from tasks.review.consensus.annotator_skill import QueueSkills, weigh_votes
from tasks.review.consensus.box_matching import Matched, SameObject
from tasks.review.consensus.votes import Beliefs, Believed, collect_votes
from tasks.review.questions.kinds.texts.text_regions import AnsweredSpan

EXPECTED_EXACT, PRIOR_PAIRS = 0.95, 20.0
"""Ours, unpublished: of 20 spans 19 are marked exactly; it counts as so many pairs of people who marked one thing."""


@dataclass(frozen=True, slots=True)
class SpanCandidate(Believed):
    """A place that at least one person marked, and what to believe of it."""

    region: str
    """The id most of its spans have, a proposal's where it was prefilled."""
    class_name: str
    """The most probable class."""
    start: int
    end: int
    exists: float
    """Probability that something is marked there rightly."""
    right_class: float
    """Probability of `class_name`, if it is."""
    right_extent: float
    """Probability of `start` and `end`, if it is."""
    drawn_by: tuple[str, ...]
    """Who marked it, in the order of names."""

    @property
    def right_place(self) -> float:
        """Return the probability of its extent."""
        return self.right_extent


@dataclass(frozen=True, slots=True)
class SpanConsensus:
    """What the answers to one question come to."""

    question_id: str
    people: tuple[str, ...]
    candidates: tuple[SpanCandidate, ...]
    """All places that somebody marked, from the beginning of the text."""
    missed: float
    """Expected number of spans that nobody marked."""

    @property
    def spans(self) -> tuple[SpanCandidate, ...]:
        """The spans that are there."""
        return tuple(one for one in self.candidates if one.is_there)


def exactness(questions: Sequence[Matched[AnsweredSpan]]) -> float:
    """Return how often a person who marks something marks exactly the right characters, 0 to 1.

    Two people who do so independently agree with its square.
    """
    agreed, pairs = EXPECTED_EXACT**2 * PRIOR_PAIRS, PRIOR_PAIRS
    for matched in questions:
        for one in matched.objects:
            count = len(one.boxes)
            pairs += count * (count - 1) / 2
            agreed += sum(same * (same - 1) / 2 for same in Counter(map(_extent, one.boxes)).values())
    return math.sqrt(agreed / pairs)


def agree_on_spans(
    questions: Sequence[Matched[AnsweredSpan]], skills: QueueSkills, exact: float
) -> list[SpanConsensus]:
    """Return the consensus of each question, given what is known about the people.

    Args:
        questions: Matched answers (`match_objects`); may be empty, and a question may have no answers.
        skills: Skills of one queue (`learn_skills`, or `unknown_skills`).
        exact: How often a person marks exactly the right characters, above 0 and below 1 (`exactness`).

    Returns:
        One per question, in the order given; the same for every order of people.

    Raises:
        UnknownClass: A span has a class that the queue of the skills does not have.
    """
    people = sorted({name for matched in questions for name in matched.people})
    votes = collect_votes(questions, skills.classes, people)
    beliefs = weigh_votes(votes, skills, people)
    agreed, group = [], 0
    for index, matched in enumerate(questions):
        candidates = tuple(
            _candidate(one, skills.classes, beliefs, at, exact) for at, one in enumerate(matched.objects, group)
        )
        group += len(matched.objects)
        agreed.append(SpanConsensus(matched.question_id, matched.people, candidates, float(beliefs.unseen[index])))
    return agreed


def _candidate(
    one: SameObject[AnsweredSpan], classes: Sequence[str], beliefs: Beliefs, at: int, exact: float
) -> SpanCandidate:
    best = int(beliefs.classes[at].argmax())
    said = [_extent(span) for span in one.boxes]
    fused = SPANS.fuse([span.shape for span in one.boxes], [1.0] * len(said))
    assert isinstance(fused, Span)
    ids = Counter(span.id for span in one.boxes)
    return SpanCandidate(
        region=min(ids, key=lambda region: (-ids[region], region)),
        class_name=classes[best],
        start=fused.start,
        end=fused.end,
        exists=float(beliefs.exists[at]),
        right_class=float(beliefs.classes[at, best]),
        right_extent=_belief_in((fused.start, fused.end), said, exact),
        drawn_by=one.people,
    )


def _belief_in(extent: Extent, said: Sequence[Extent], exact: float) -> float:
    """Return how likely an extent is the right one, among all that were said and one that nobody said."""
    counts = Counter(said)
    others = len(counts)  # that somebody who is wrong may have marked: one that nobody said among them
    odds = math.log(exact) - math.log((1 - exact) / others)
    weights = {one: math.exp(odds * (count - counts[extent])) for one, count in counts.items()}
    return 1 / (sum(weights.values()) + math.exp(-odds * counts[extent]))


def _extent(span: AnsweredSpan) -> Extent:
    return span.start, span.end
