"""Who answers, how skilled they are, and the mistakes that a skill below 1 makes.

A skill of 0.97 means: of 100 objects that need a person's eye or hand, 3 come out wrong. Which way is drawn from
`MISTAKES`. All chance is seeded by (seed, person, question): the same question gets the same answer again.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from blocks.frozen import Frozen
from infra.annotators.times import Drawing

Mistake = Literal["missed", "confused", "sloppy", "false"]

MISTAKES: dict[Mistake, float] = {"missed": 0.4, "confused": 0.25, "sloppy": 0.25, "false": 0.1}
"""How mistakes divide: an object overlooked, a wrong class, bad edges, a box around nothing."""

FIRST_NAMES = ("Ada", "Ben", "Chi", "Dina", "Emre", "Fay", "Gus", "Hana", "Ivo", "Jia", "Kofi", "Lea")
MAIL_DOMAIN = "people.invalid"
"""Reserved by RFC 2606: no mail ever leaves for it."""


class People(Frozen):
    """The simulated people of a line and how they work."""

    count: int = Field(default=3, ge=1, le=len(FIRST_NAMES), description="People per queue, each with an own account")
    skill: float = Field(default=0.97, ge=0, le=1, description="Share of objects that come out right")
    referees: int = Field(
        default=0, ge=0, le=len(FIRST_NAMES), description="Referees per queue, beside the people; 0: nobody decides"
    )
    referee_skill: float = Field(default=0.99, ge=0, le=1, description="The same of referees: they take their time")
    drawing: Drawing = Field(
        default="classic",
        description="How boxes are drawn: classic, as the estimate of manual work; or extreme-clicking, in queues "
        "that are drawn so",
    )
    invented: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Of the mistakes on right crops of a page, the share in which one is removed; the others are "
        "harmless. Ours, unpublished",
    )
    only_in: str | None = Field(default=None, description="The one queue in which mistakes are made; empty: in all")
    seed: int = Field(default=0, ge=0, description="The same seed makes the same mistakes")

    def named(self, queue: str) -> tuple["Person", ...]:
        """Return the people of a queue: other accounts for other queues, since other people have other skills."""
        habits = self if self.only_in in (None, queue) else self.model_copy(update={"skill": 1.0})
        return tuple(Person(name, _mail(name, queue), habits) for name in FIRST_NAMES[: self.count])

    def referees_of(self, queue: str) -> tuple["Person", ...]:
        """Return the referees of a queue: again other accounts, who have answered none of its questions before."""
        habits = self.model_copy(update={"skill": self.referee_skill})
        return tuple(Person(name, _mail(name, f"{queue}-referee"), habits) for name in FIRST_NAMES[: self.referees])

    def for_question(self, queue: str, question: str, slot: int = 0, *, as_referee: bool = False) -> "Person":
        """Return who of a queue answers a question: chance, but always the same person for the same question.

        In as many slots as there are people it is somebody else in each. There must be a referee where one is wanted.
        """
        people = self.referees_of(queue) if as_referee else self.named(queue)
        first = int(hashlib.sha256(f"{queue}|{question}".encode()).hexdigest(), 16)
        return people[(first + slot) % len(people)]


def _mail(name: str, place: str) -> str:
    slug = "".join(letter if letter.isalnum() else "-" for letter in place.lower())
    return f"{name.lower()}.{slug}@{MAIL_DOMAIN}"


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated person."""

    name: str
    email: str
    habits: People

    def chance(self, question: str) -> np.random.Generator:
        """Return this person's source of chance for one question."""
        digest = hashlib.sha256(f"{self.habits.seed}|{self.email}|{question}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))

    def mistakes(self, rng: np.random.Generator, objects: int) -> list[Mistake | None]:
        """Draw, for each object, which mistake this person makes with it, if any."""
        kinds = list(MISTAKES)
        drawn = rng.choice(len(kinds), objects, p=list(MISTAKES.values()))
        wrong = rng.random(objects) >= self.habits.skill
        return [kinds[int(kind)] if is_wrong else None for kind, is_wrong in zip(drawn, wrong, strict=True)]
