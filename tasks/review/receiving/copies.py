"""Annotations that nobody gave: Label Studio can make them in bulk, in the name of whoever pressed the button.

"Create annotations from predictions" turns every proposal into an answer of the administrator's, and a blind question
into "nothing is there"; "Propagate annotations" does so with somebody's answer to another picture; an import brings
annotations along. Nobody has looked, so nothing of it counts, and the question stays open. A person who submits what a
question shows untouched has looked, if only for a second: their editor measures the time, which these do not have.

Source:
    Label Studio 1.23.2, `data_manager/actions/predictions_to_annotations.py` and `experimental.py`: both leave
    `lead_time` empty and set `parent_prediction` or `parent_annotation`, which is emptied when the parent is deleted.
"""

from collections.abc import Sequence
from typing import Any

from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.payload import Payload
from tasks.review.receiving.annotations import HeardAnnotation

NOBODYS = "nobody gave this answer"
"""Begins the reason."""


def reason_if_nobodys(annotation: HeardAnnotation, payload: Payload) -> str | None:
    """Say why an annotation is no person's answer; None where a person gave it."""
    if annotation.import_id is not None and annotation.updated_by is None:
        return f"{NOBODYS}: it was imported with its task"
    if annotation.was_cancelled or annotation.seconds > 0:
        return None
    evidence = {
        "it is a copy of what a model proposed, made for many questions at once": annotation.parent_prediction,
        "it is a copy of an answer to another question, made for many questions at once": annotation.parent_annotation,
        "it was made for many questions at once": annotation.bulk_created or None,
        "it is what the question shows, to the last digit, and no editor measured a time": (
            _is_as_shown(annotation.result, payload) or None
        ),
    }
    why = next((words for words, found in evidence.items() if found is not None), None)
    return None if why is None else f"{NOBODYS}: {why}"


def is_nobodys(reason: str | None) -> bool:
    """Say whether a reason is one of these."""
    return (reason or "").startswith(NOBODYS)


def _is_as_shown(result: object, payload: Payload) -> bool:
    """Say whether a result is the prediction of its question as we posted it; an editor would add an origin."""
    if not isinstance(result, list):
        return False
    shown = kind_named(payload.type).unread(payload)
    return _values(result) == _values(shown) and not any("origin" in entry for entry in result)


def _values(regions: Sequence[Any]) -> list[Any]:
    return [entry.get("value") if isinstance(entry, dict) else entry for entry in regions]
