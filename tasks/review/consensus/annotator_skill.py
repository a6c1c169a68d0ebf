"""How good people are at box questions: learnt from where they differ, no gold needed (gold helps, as a known person).

Four things are told apart, since they cost differently: what a person overlooks, what they draw around nothing, which
classes they confuse, and how exactly they draw. A person of few answers is drawn towards the mean of all, and that
towards a plain expectation. Two people who always answer together cannot be told apart: three or more on some
questions, or some questions with known truth, can. So the best estimate goes with others that explain the answers as
well (`skill/plausible.py`): what is believed of a box is the mean over these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field

from blocks.frozen import Frozen
from tasks.kinds.boxes.fusion import EXPECTED_NOISE, GroupedBoxes, learn_noise
from tasks.review.consensus.box_matching import Matched
from tasks.review.consensus.dawid_skene import Floats, expected_confusion
from tasks.review.consensus.skill.plausible import Crowd, believe_all, draw_crowds
from tasks.review.consensus.skill.rates import (
    EXPECTED_FALSE,
    EXPECTED_MISS,
    EXPECTED_OBJECTS,
    KnownRates,
    PeopleRates,
    believe_evenly,
    distance,
    first_guess,
    learn,
    plain_prior,
    tally,
)
from tasks.review.consensus.votes import Beliefs, SkillArrays, Votes, believe, collect_votes

SURELY_THERE = 0.5
MOST_ROUNDS = 500
STILL = 1e-5
"""When no rate moves by more, the estimate stands."""


class Skill(Frozen):
    """How good one person is at one queue's box questions."""

    miss_rate: float = Field(
        ge=0, le=1, description="False-negative rate: share of objects that the person does not draw"
    )
    false_boxes: float = Field(ge=0, description="False positives: boxes around nothing, per question")
    confusion: tuple[tuple[float, ...], ...] = Field(description="Row: true class; column: share of each class named")
    edge_noise: float = Field(gt=0, description="Deviation of drawn edges, as a share of the box's side")
    questions: int = Field(default=0, ge=0, description="Answers it was learnt from; 0: an expectation")


class QueueSkills(Frozen):
    """What is known about the people of one queue, and about its items: all that a consensus needs."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    classes: tuple[str, ...] = Field(min_length=1)
    skills: dict[str, Skill] = Field(default_factory=dict)
    newcomer: Skill = Field(description="What is expected of somebody who is not among the skills")
    objects_per_question: float = Field(default=EXPECTED_OBJECTS, gt=0)
    class_shares: tuple[float, ...]
    crowds: tuple[Crowd, ...] = Field(
        default=(), exclude=True, repr=False, description="What else the people may be like, all about as likely"
    )

    def skill_of(self, person: str) -> Skill:
        """Return a person's skill, or what is expected of a newcomer."""
        return self.skills.get(person, self.newcomer)

    def rates_of(self, people: Sequence[str]) -> SkillArrays:
        """Return people's skill as arrays, in the order given."""
        skills = [self.skill_of(name) for name in people]
        size = len(self.classes)
        return SkillArrays(
            miss=np.array([skill.miss_rate for skill in skills], float),
            false=np.array([skill.false_boxes for skill in skills], float),
            confusion=np.array([skill.confusion for skill in skills], float).reshape(-1, size, size),
        )

    def noise_of(self, people: Sequence[str]) -> Floats:
        """Return the edge noise of people, shape (people,)."""
        return np.array([self.skill_of(name).edge_noise for name in people], float)


def unknown_skills(classes: Sequence[str]) -> QueueSkills:
    """Return the skills of people of whom nothing is known yet."""
    newcomer = Skill(
        miss_rate=EXPECTED_MISS,
        false_boxes=EXPECTED_FALSE,
        confusion=_rows(expected_confusion(len(classes))),
        edge_noise=EXPECTED_NOISE,
    )
    return QueueSkills(classes=tuple(classes), newcomer=newcomer, class_shares=(1 / len(classes),) * len(classes))


def faultless(classes: Sequence[str]) -> Skill:
    """Return the skill of the truth itself: known to `learn_skills`, gold answers teach everybody else's."""
    return Skill(miss_rate=0.0, false_boxes=0.0, confusion=_rows(np.eye(len(classes))), edge_noise=0.003)


def learn_skills(
    questions: Sequence[Matched[Any]], classes: Sequence[str], known: Mapping[str, Skill] | None = None
) -> QueueSkills:
    """Learn how good people are from all their answers to one queue.

    Args:
        questions: Matched answers, several people's each; those of one person teach little. May be empty. Leave out
            nothing that was easy: skill is measured against all.
        classes: Known class names.
        known: Skill that is given, by person: truth (`faultless`) and referees.

    Raises:
        UnknownClass: A box has a class that is not among the known ones.
    """
    people = sorted({name for matched in questions for name in matched.people})
    if not people:
        return unknown_skills(classes)
    votes = collect_votes(questions, classes, people)
    given = {index: known[name] for index, name in enumerate(people) if known and name in known}
    rates = {index: _as_rates(skill) for index, skill in given.items()}
    tallied, prior = tally(votes), plain_prior(votes)
    weights = tallied.weighted(np.ones(len(questions)))
    learnt = first_guess(tallied, rates, prior)
    for _ in range(MOST_ROUNDS):
        believed = believe_evenly(tallied.votes, learnt)
        before, learnt = learnt, learn(tallied.votes, weights, believed, rates, prior)
        if distance(before, learnt) < STILL:
            break
    crowds = draw_crowds(votes, [matched.question_id for matched in questions], people, rates)
    return _to_skills(classes, people, votes, learnt, given).model_copy(update={"crowds": crowds})


def weigh_votes(votes: Votes, skills: QueueSkills, people: Sequence[str]) -> Beliefs:
    """Return what to believe of votes, given what is known about the people, and how little that may be.

    Args:
        votes: With the classes of the skills; may be empty.
        skills: Skills of one queue (`learn_skills`, or `unknown_skills`).
        people: Who answered, in the order of the votes.
    """
    if skills.crowds:
        return believe_all(votes, skills.crowds, people)
    return believe(votes, skills.rates_of(people), skills.objects_per_question, np.array(skills.class_shares, float))


def _as_rates(skill: Skill) -> KnownRates:
    return KnownRates(skill.miss_rate, skill.false_boxes, np.array(skill.confusion, float))


def _to_skills(
    classes: Sequence[str], people: Sequence[str], votes: Votes, learnt: PeopleRates, given: Mapping[int, Skill]
) -> QueueSkills:
    noise, pooled_noise = _learn_edges(votes, believe_evenly(votes, learnt), given)
    answered = votes.asked.sum(axis=0)
    skills = {
        name: Skill(
            miss_rate=float(learnt.people.miss[index]),
            false_boxes=float(learnt.people.false[index]),
            confusion=_rows(learnt.people.confusion[index]),
            edge_noise=float(noise[index]),
            questions=int(answered[index]),
        )
        for index, name in enumerate(people)
    }
    newcomer = Skill(
        miss_rate=learnt.miss,
        false_boxes=learnt.false,
        confusion=_rows(learnt.confusion),
        edge_noise=pooled_noise,
    )
    return QueueSkills(
        classes=tuple(classes),
        skills=skills,
        newcomer=newcomer,
        objects_per_question=learnt.objects,
        class_shares=tuple(learnt.shares.tolist()),
    )


def _learn_edges(votes: Votes, beliefs: Beliefs, given: Mapping[int, Skill]) -> tuple[Floats, float]:
    """Learn how exactly people draw from the objects that are there rather than not."""
    if votes.drawn is None:
        return np.full(votes.choices.people, EXPECTED_NOISE), EXPECTED_NOISE
    there = beliefs.exists[votes.drawn.about] > SURELY_THERE
    drawn = GroupedBoxes(
        votes.drawn.edges_xyxy_px[there], votes.drawn.person[there], votes.drawn.about[there], votes.drawn.objects
    )
    known = {person: skill.edge_noise for person, skill in given.items()}
    return learn_noise(drawn, votes.choices.people, known)


def _rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(share) for share in row) for row in matrix)
