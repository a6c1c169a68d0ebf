"""How a simulated person ticks the classes of a whole item, with the mistakes that their skill leaves."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from infra.annotators.desk import OpenQuestion
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from infra.annotators.truth import TruePicture
from tasks.review.questions.kinds.choose_several import ticked_region
from tasks.review.questions.kinds.controls import IMAGE, TEXT

BY_HAND = "by-hand"
"""Id of a region that no question began with: Label Studio's are as little ours."""

Mistakes = Callable[[np.random.Generator, int], list[Mistake | None]]


def answer_classes(
    question: OpenQuestion, picture: TruePicture, mistakes: Mistakes, rng: np.random.Generator, watch: Stopwatch
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Tick classes, and charge the time: a look at what is ticked already, and at all classes.

    Args:
        question: What is shown.
        picture: What really is there.
        mistakes: Draws, for each of several classes, which mistake is made with it.
        rng: The person's chance.
        watch: Of this person at this question.

    Returns:
        The result of an annotation as the browser would send it, and how many classes were kept, added and deleted.
    """
    if question.text is not None:
        watch.read(question.text)
    offered = question.desk.classes
    shown = ticked_in(question)
    there = [name for name in picture.class_names if name in offered]
    watch.verify(len(shown))
    watch.name_one_of(len(offered) - len(shown))
    said = set[str]()
    for name, slip in zip(there, mistakes(rng, len(there)), strict=True):
        if slip is None or slip == "sloppy" or (slip == "missed" and name in shown):
            said.add(name)
        elif slip in ("confused", "false"):
            said |= {_another(name, offered, rng)} | ({name} if slip == "false" else set())
    wrong = [name for name in shown if name not in there]
    said |= {name for name, slip in zip(wrong, mistakes(rng, len(wrong)), strict=True) if slip is not None}
    kept, added, deleted = len(said & shown), len(said - shown), len(shown - said)
    watch.click(added + deleted)
    acts = {"kept": kept, "added": added, "deleted": deleted}
    return _result(question, [name for name in offered if name in said], shown), acts


def ticked_in(question: OpenQuestion) -> frozenset[str]:
    """Return the classes that a question begins with."""
    return frozenset(name for region in question.regions for name in region["value"]["choices"])


def _another(name: str, offered: Sequence[str], rng: np.random.Generator) -> str:
    others = [one for one in offered if one != name]
    return others[int(rng.integers(len(others)))] if others else name


def _result(question: OpenQuestion, names: Sequence[str], shown: frozenset[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    before = question.regions[0] if question.regions else None
    if before is None:
        about = IMAGE if question.text is None else TEXT
        return [{**ticked_region(names, BY_HAND, about), "origin": "manual"}]
    origin = "prediction" if set(names) == shown else "prediction-changed"
    return [{**before, "value": {"choices": list(names)}, "origin": origin}]
