"""What a simulated person sees chosen about a whole item, and how their browser sends what they choose."""

from typing import Any

from blocks.errors import BadInput
from infra.annotators.desk import OpenQuestion
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.classes.many import (
    KEY,
    KEYS,
    LIKELY,
    are_many,
    entries_of,
    key_region,
    searched_region,
)
from tasks.review.questions.kinds.classes.said import chosen_region, read_class
from tasks.review.questions.kinds.controls import IMAGE, TEXT


def chosen_in(question: OpenQuestion) -> str | None:
    """Return the class that a question begins with; None where there is none."""
    try:
        return read_class(question.regions, question.desk.classes).kind
    except BadInput:
        return None


def class_result(question: OpenQuestion, choice: str) -> list[dict[str, Any]]:
    """Return the result of a choice about a whole item as the browser would send it: what was chosen keeps its id."""
    about = IMAGE if question.text is None else TEXT
    if are_many(question.desk.classes):
        return _of_many(question, choice, about)
    if not question.regions:
        return [{**chosen_region(choice, "class", about), "origin": "manual"}]
    (before,) = question.regions
    origin = "prediction" if chosen_in(question) == choice else "prediction-changed"
    return [{**before, "value": {"choices": [choice]}, "origin": origin}]


def _of_many(question: OpenQuestion, choice: str, about: str) -> list[dict[str, Any]]:
    """Press the key of a class, where it is on the list; else search it, which takes the key's answer away."""
    shown = [{**one, "origin": "prediction"} for one in question.regions]
    names = [name for one in entries_of(shown, LIKELY) for name in one["value"]["text"]]
    rest = [one for one in shown if one["from_name"] != KEY]
    if choice not in names and choice != CANNOT_TELL:
        return [*rest, {**searched_region(choice, "search", about), "origin": "manual"}]
    before = next((one for one in shown if one["from_name"] == KEY), None)
    pressed = key_region(0, str(before["id"]) if before else "key", about)
    pressed["value"] = {"choices": [choice if choice == CANNOT_TELL else KEYS[names.index(choice)]]}
    same = before is not None and before["value"] == pressed["value"]
    return [*rest, {**pressed, "origin": "prediction" if same else "prediction-changed" if before else "manual"}]
