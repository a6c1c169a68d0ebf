"""How good people are at box questions: learnt from where they differ, no gold needed (gold helps, as a known person).

Four things are told apart, since they cost differently: what a person overlooks, what they draw around nothing, which
classes they confuse, and how exactly they draw. A person of few answers is drawn towards the mean of all, and that
towards a plain expectation. Two people who always answer together cannot be told apart: three or more on some
questions, or some questions with known truth, can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from blocks.frozen import Frozen
from tasks.kinds.boxes.fusion import EXPECTED_NOISE, GroupedBoxes, learn_noise
from tasks.review.consensus.box_matching import Matched
from tasks.review.consensus.dawid_skene import Floats, expected_confusion, learn_confusion
from tasks.review.consensus.votes import Beliefs, SkillArrays, Votes, believe, collect_votes

EXPECTED_MISS, EXPECTED_FALSE, EXPECTED_OBJECTS = 0.1, 0.1, 3.0
"""What we expect before anybody has answered: of 10 objects one missed, a false box in 10 questions, 3 objects each."""

PRIOR_OBJECTS, PRIOR_QUESTIONS, PRIOR_ANSWERS = 10.0, 5.0, 4.0
"""How much an expectation counts: as so many objects (misses), questions (false boxes), answers of a class."""

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

    classes: tuple[str, ...] = Field(min_length=1)
    skills: dict[str, Skill] = Field(default_factory=dict)
    newcomer: Skill = Field(description="What is expected of somebody who is not among the skills")
    objects_per_question: float = Field(default=EXPECTED_OBJECTS, gt=0)
    class_shares: tuple[float, ...]

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
    state = _first_guess(votes, given)
    for _ in range(MOST_ROUNDS):
        before, state = state, _learn(votes, _believe(votes, state), given)
        if _distance(before, state) < STILL:
            break
    return _to_skills(classes, people, votes, state, given)


@dataclass(frozen=True, slots=True)
class _State:
    rates: SkillArrays
    pooled_miss: float
    pooled_false: float
    pooled_confusion: Floats
    objects: float
    shares: Floats


def _first_guess(votes: Votes, given: Mapping[int, Skill]) -> _State:
    """Start from what is expected of everybody: then the first beliefs are those of an unweighted vote."""
    people, classes = votes.choices.people, votes.choices.classes
    expected = expected_confusion(classes)
    rates = SkillArrays(
        np.full(people, EXPECTED_MISS), np.full(people, EXPECTED_FALSE), np.repeat(expected[None], people, axis=0)
    )
    return _State(
        rates=_with_given(rates, given),
        pooled_miss=EXPECTED_MISS,
        pooled_false=EXPECTED_FALSE,
        pooled_confusion=expected,
        objects=max(len(votes.question) / len(votes.asked), 0.1),
        shares=np.full(classes, 1 / classes),
    )


def _believe(votes: Votes, state: _State) -> Beliefs:
    return believe(votes, state.rates, state.objects, state.shares)


def _learn(votes: Votes, beliefs: Beliefs, given: Mapping[int, Skill]) -> _State:
    """Estimate rates from beliefs: the maximisation step."""
    choices = votes.choices
    estimated = np.array([person not in given for person in range(choices.people)], bool)
    per_question = np.bincount(votes.question, beliefs.exists, minlength=len(votes.asked)) + beliefs.unseen
    objects = votes.asked.T @ per_question
    hits = np.bincount(choices.person, beliefs.exists[choices.subject], minlength=choices.people)
    false = np.bincount(choices.person, 1 - beliefs.exists[choices.subject], minlength=choices.people)
    answered = votes.asked.sum(axis=0)
    misses = np.maximum(objects - hits, 0)
    pooled_miss = _pooled(misses[estimated], objects[estimated], EXPECTED_MISS, PRIOR_OBJECTS)
    pooled_false = _pooled(false[estimated], answered[estimated], EXPECTED_FALSE, PRIOR_QUESTIONS)
    weighted = beliefs.exists[:, None] * beliefs.classes
    matrices = {person: np.array(skill.confusion, float) for person, skill in given.items()}
    confusion, pooled = learn_confusion(choices, weighted, PRIOR_ANSWERS, matrices)
    rates = SkillArrays(
        miss=(misses + PRIOR_OBJECTS * pooled_miss) / (objects + PRIOR_OBJECTS),
        false=(false + PRIOR_QUESTIONS * pooled_false) / (answered + PRIOR_QUESTIONS),
        confusion=confusion,
    )
    total = weighted.sum(axis=0) + 1.0
    crowd = float(max(beliefs.crowd.mean(), 1e-3))
    return _State(_with_given(rates, given), pooled_miss, pooled_false, pooled, crowd, total / total.sum())


def _pooled(events: Floats, chances: Floats, expected: float, weight: float) -> float:
    return float((events.sum() + weight * expected) / (chances.sum() + weight))


def _with_given(rates: SkillArrays, given: Mapping[int, Skill]) -> SkillArrays:
    miss, false, confusion = rates.miss.copy(), rates.false.copy(), rates.confusion.copy()
    for person, skill in given.items():
        miss[person], false[person] = skill.miss_rate, skill.false_boxes
        confusion[person] = np.array(skill.confusion, float)
    return SkillArrays(miss, false, confusion)


def _distance(before: _State, after: _State) -> float:
    return max(
        float(np.abs(getattr(before.rates, name) - getattr(after.rates, name)).max())
        for name in ("miss", "false", "confusion")
    )


def _to_skills(
    classes: Sequence[str], people: Sequence[str], votes: Votes, state: _State, given: Mapping[int, Skill]
) -> QueueSkills:
    noise, pooled_noise = _learn_edges(votes, _believe(votes, state), given)
    answered = votes.asked.sum(axis=0)
    skills = {
        name: Skill(
            miss_rate=float(state.rates.miss[index]),
            false_boxes=float(state.rates.false[index]),
            confusion=_rows(state.rates.confusion[index]),
            edge_noise=float(noise[index]),
            questions=int(answered[index]),
        )
        for index, name in enumerate(people)
    }
    newcomer = Skill(
        miss_rate=state.pooled_miss,
        false_boxes=state.pooled_false,
        confusion=_rows(state.pooled_confusion),
        edge_noise=pooled_noise,
    )
    return QueueSkills(
        classes=tuple(classes),
        skills=skills,
        newcomer=newcomer,
        objects_per_question=state.objects,
        class_shares=tuple(state.shares.tolist()),
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
