"""What several people together say: the outlined objects that are there, with outline and class, and how sure that is.

Whether one is there, and its class, is weighed as of boxes (see `votes.py`). The outline is what the kind of label
makes of theirs. How far people's outlines lie apart is a measure of its own: people who mean the same edges meet the
fused outline closely, and one that is met at less is in doubt.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blocks.shapes import Shape
from tasks.kinds.outlines.raster import mask_iou, rasterised
from tasks.kinds.protocol import LabelKind
from tasks.review.consensus.annotator_skill import QueueSkills, weigh_votes
from tasks.review.consensus.box_matching import Matched, SameObject
from tasks.review.consensus.votes import Beliefs, Believed, collect_votes
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline

CLOSE_IOU = 0.8
"""Ours, unpublished: from this mean mask IoU with the fused outline on, people mean the same edges."""


@dataclass(frozen=True, slots=True)
class OutlineCandidate(Believed):
    """A place where at least one person outlined something, and what to believe of it."""

    region: str
    """The id that most of its outlines have, a proposal's where it was prefilled."""
    class_name: str
    """The most probable class."""
    shape: Shape
    exists: float
    """Probability that it is an object."""
    right_class: float
    """Probability of `class_name`, if it is one."""
    closeness: float
    """Mean mask IoU of people's outlines with the fused one; 1 where one person drew it."""
    drawn_by: tuple[str, ...]
    """Who drew it, in the order of names."""

    @property
    def right_place(self) -> float:
        """Return 1 where people mean the same edges, and else how closely these meet."""
        return 1.0 if self.closeness >= CLOSE_IOU else self.closeness


@dataclass(frozen=True, slots=True)
class OutlineConsensus:
    """What the answers to one question come to."""

    question_id: str
    people: tuple[str, ...]
    candidates: tuple[OutlineCandidate, ...]
    """All places that somebody drew, from the left."""
    missed: float
    """Expected number of objects that nobody drew."""

    @property
    def outlines(self) -> tuple[OutlineCandidate, ...]:
        """The objects that are there."""
        return tuple(one for one in self.candidates if one.is_there)


def agree_on_outlines(
    questions: Sequence[Matched[AnsweredOutline]], skills: QueueSkills, kind: LabelKind
) -> list[OutlineConsensus]:
    """Return the consensus of each question, given what is known about the people.

    Args:
        questions: Matched answers (`match_objects`); may be empty, and a question may have no answers.
        skills: Skills of one queue (`learn_skills`, or `unknown_skills`).
        kind: Of the labels: what several outlines come to.

    Returns:
        One per question, in the order given; the same for every order of people.

    Raises:
        UnknownClass: One has a class that the queue of the skills does not have.
    """
    people = sorted({name for matched in questions for name in matched.people})
    votes = collect_votes(questions, skills.classes, people)
    beliefs = weigh_votes(votes, skills, people)
    agreed, group = [], 0
    for index, matched in enumerate(questions):
        candidates = tuple(_candidate(one, skills, beliefs, at, kind) for at, one in enumerate(matched.objects, group))
        group += len(matched.objects)
        agreed.append(OutlineConsensus(matched.question_id, matched.people, candidates, float(beliefs.unseen[index])))
    return agreed


def _candidate(
    one: SameObject[AnsweredOutline], skills: QueueSkills, beliefs: Beliefs, at: int, kind: LabelKind
) -> OutlineCandidate:
    best = int(beliefs.classes[at].argmax())
    shapes = [drawn.shape for drawn in one.boxes]
    noise = skills.noise_of(one.people)
    shape = kind.fuse(shapes, [float(1 / each**2) for each in noise])
    fused = rasterised(shape)
    ids = Counter(drawn.id for drawn in one.boxes)
    return OutlineCandidate(
        region=min(ids, key=lambda region: (-ids[region], region)),
        class_name=skills.classes[best],
        shape=shape,
        exists=float(beliefs.exists[at]),
        right_class=float(beliefs.classes[at, best]),
        closeness=float(np.mean([mask_iou(rasterised(each), fused) for each in shapes])) if len(shapes) > 1 else 1.0,
        drawn_by=one.people,
    )
