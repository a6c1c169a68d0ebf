"""All kinds of questions: the only place that lists them. Everything else asks here by the name in a row or queue."""

import difflib
from collections.abc import Mapping
from typing import Any

from blocks.errors import UnknownQuestionKind
from tasks.review.questions.kinds.choose import CHOOSE
from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL
from tasks.review.questions.kinds.classify import CLASSIFY
from tasks.review.questions.kinds.correct import CORRECT
from tasks.review.questions.kinds.films.watch import WATCH
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS
from tasks.review.questions.kinds.outlines.verify_outline import VERIFY_OUTLINE
from tasks.review.questions.kinds.page import CROP_PAGE
from tasks.review.questions.kinds.protocol import QuestionKind
from tasks.review.questions.kinds.texts.tag import TAG
from tasks.review.questions.kinds.verify import VERIFY
from tasks.review.questions.payload import Payload

_ALL: tuple[QuestionKind[Any], ...] = (
    *(CORRECT, CHOOSE, CROP_PAGE, VERIFY, CLASSIFY, CHOOSE_SEVERAL, TAG),
    *(MARK_POLYGONS, MARK_MASKS, VERIFY_OUTLINE, WATCH),
)

KINDS: dict[str, QuestionKind[Any]] = {kind.name: kind for kind in _ALL}


def kind_named(name: object) -> QuestionKind[Any]:
    """Return a kind of question by the name that stands in rows and queues.

    Raises:
        UnknownQuestionKind: There is none; which there are, and what to do.
    """
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    close = difflib.get_close_matches(str(name), KINDS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownQuestionKind(
        f"{name!r:.80} is no kind of question (known: {', '.join(KINDS)}).{hint} A row of a newer Labelline needs that "
        "version; a kind of your own needs its line in tasks/review/questions/kinds/registry.py."
    )


def read_payload(row: Mapping[str, Any]) -> Payload:
    """Return the payload of a question row, as its kind has it.

    Raises:
        UnknownQuestionKind: Its type is none that is known.
        ValidationError: It does not hold what its kind needs.
    """
    payload: Payload = kind_named(row.get("type")).payload.model_validate(row)
    return payload


def weighed_in_words() -> str:
    """Name the kinds of which several people's answers are weighed, and gold is judged: such as `boxes and class`."""
    *others, last = [name for name, kind in KINDS.items() if kind.is_weighed]
    return f"{', '.join(others)} and {last}" if others else last


def kinds_that_settle(what: str) -> list[str]:
    """Return the names of the kinds whose answers settle items, or exact kinds: see `QuestionKind.settles`."""
    return [name for name, kind in KINDS.items() if kind.settles == what]
