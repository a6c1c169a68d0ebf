"""Whether somebody who answered had the proposals before them: what their annotation says, else what the clocks say.

Label Studio notes with which prediction a browser began an annotation, and a region that was shown keeps its id. Where
neither is there, the person may have taken every box away, or there was never one: then it matters whether the
proposals were seen to stand in Label Studio before the question was opened.
"""

from typing import Any

from blocks.database.tables import Question
from tasks.review.questions.kinds.protocol import LIVE
from tasks.review.questions.kinds.registry import KINDS
from tasks.review.receiving.annotations import HeardAnnotation


def saw_proposals(question: Question, annotation: HeardAnnotation, *, live: bool = False) -> bool | None:
    """Say whether who answered was shown the question's proposals.

    Args:
        question: As it stands in the catalogue.
        annotation: What was heard.
        live: Whether its question is opened with suggestions of the moment: where these fail it shows nothing, so that
            what was posted says nothing of what was seen.

    Returns:
        None where there were none to be shown, or where nothing tells.
    """
    payload = question.payload
    shown = payload.get("prefill") or [box.get("id") for box in payload.get("boxes") or []]
    kind = KINDS.get(payload.get("type", ""))
    ids = _ids_in(annotation.result)
    if kind is None or not kind.shows_proposals:
        return None
    if any(id_.startswith(LIVE) for id_ in ids):
        return True
    if not shown:
        return None
    if annotation.parent_prediction is not None or ids & set(shown):
        return True
    if annotation.opened_at is None or live:
        return None
    return question.prefilled_at is not None and question.prefilled_at <= annotation.opened_at


def _ids_in(result: Any) -> set[str]:
    """Return the ids of the regions of a result, whatever else it holds."""
    if not isinstance(result, list):
        return set()
    ids = (entry.get("id") for entry in result if isinstance(entry, dict))
    return {id_ for id_ in ids if isinstance(id_, str)}
