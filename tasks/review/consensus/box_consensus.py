"""What several people together say: the boxes that are there, their edges and classes, and how sure that is.

Who is right more often counts for more (see `votes.py` for existence, `dawid_skene.py` for classes, `fusion.py` for
edges). With people of whom nothing is known it is about a majority vote.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.kinds.boxes.fusion import Fused, fuse
from tasks.review.consensus.annotator_skill import QueueSkills, weigh_votes
from tasks.review.consensus.box_matching import Matched, SameObject
from tasks.review.consensus.votes import Beliefs, Believed, collect_votes


@dataclass(frozen=True, slots=True)
class Candidate(Believed):
    """A place where at least one person drew a box, and what to believe of it."""

    region: str
    """The id most of its boxes have, a proposal's where it was prefilled."""
    class_name: str
    """The most probable class."""
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    exists: float
    """Probability that it is an object."""
    right_class: float
    """Probability of `class_name`, if it is one."""
    edge_error: float
    """Standard error of the least certain edge, as a share of its side."""
    drawn_by: tuple[str, ...]
    """Who drew it, in the order of names."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the answers to one question come to."""

    question_id: str
    people: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    """All places that somebody drew, from the left."""
    missed: float
    """Expected number of objects that nobody drew."""

    @property
    def boxes(self) -> tuple[Candidate, ...]:
        """The boxes that are there."""
        return tuple(one for one in self.candidates if one.is_there)

    @property
    def wrong(self) -> float:
        """Expected number of mistakes: boxes too many, of a wrong class, or missing."""
        return self.missed + sum(one.wrong for one in self.candidates)


def agree_on_boxes(questions: Sequence[Matched], skills: QueueSkills) -> list[Consensus]:
    """Return the consensus of each question, given what is known about the people.

    Args:
        questions: Matched answers (`match_boxes`); may be empty, and a question may have no answers.
        skills: Skills of one queue (`learn_skills`, or `unknown_skills`).

    Returns:
        One per question, in the order given; the same for every order of people.

    Raises:
        UnknownClass: A box has a class that the queue of the skills does not have.
    """
    people = sorted({name for matched in questions for name in matched.people})
    votes = collect_votes(questions, skills.classes, people)
    beliefs = weigh_votes(votes, skills, people)
    assert votes.drawn is not None  # of boxes it never is
    fused = fuse(votes.drawn, skills.noise_of(people))
    agreed, group = [], 0
    for index, matched in enumerate(questions):
        groups = range(group, group + len(matched.objects))
        group += len(matched.objects)
        candidates = tuple(
            _candidate(one, skills.classes, beliefs, fused, at) for one, at in zip(matched.objects, groups, strict=True)
        )
        agreed.append(Consensus(matched.question_id, matched.people, candidates, float(beliefs.unseen[index])))
    return agreed


def _candidate(one: SameObject, classes: Sequence[str], beliefs: Beliefs, fused: Fused, at: int) -> Candidate:
    best = int(beliefs.classes[at].argmax())
    x_min, y_min, x_max, y_max = (float(edge) for edge in fused.edges_xyxy_px[at])
    return Candidate(
        region=_region_of(one),
        class_name=classes[best],
        x_min=x_min,
        y_min=y_min,
        x_max=x_max,
        y_max=y_max,
        exists=float(beliefs.exists[at]),
        right_class=float(beliefs.classes[at, best]),
        edge_error=float(fused.edge_error[at]),
        drawn_by=one.people,
    )


def _region_of(one: SameObject) -> str:
    counts = Counter(box.id for box in one.boxes)
    return min(counts, key=lambda region: (-counts[region], region))
