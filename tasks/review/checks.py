"""What people may say of one shown box, and how their answer is read: four choices, one key each."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from blocks.audit_tables import Said
from blocks.errors import BadRegion

CHECK = "check"
"""The control with which people say what they think of the box."""

CHECKS: dict[str, Said] = {
    "right": Said.RIGHT,
    "wrong class or place": Said.WRONG,
    "nothing there": Said.NOTHING,
    "cannot tell": Said.CANNOT_TELL,
}
"""What a person may choose, in the order of the keys 1 to 4, and what it means."""


class AnsweredCheck(BaseModel):
    """What a person said of one box."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    said: Literal[Said.RIGHT, Said.WRONG, Said.NOTHING, Said.CANNOT_TELL]


def read_check(result: Sequence[Any]) -> AnsweredCheck:
    """Return what a person chose; the shown box comes along in the result, and moving it says nothing.

    Raises:
        BadRegion: The answer is not exactly one of the choices.
    """
    chosen = [entry["value"].get("choices") for entry in result if _is_check(entry)]
    if len(chosen) != 1 or not isinstance(chosen[0], list) or len(chosen[0]) != 1:
        raise BadRegion(f"the answer holds {chosen!r:.80} (expected exactly one choice of control {CHECK!r})")
    choice = chosen[0][0]
    if not isinstance(choice, str) or choice not in CHECKS:
        raise BadRegion(f"choice {choice!r:.80} is not one of {list(CHECKS)}")
    return AnsweredCheck(said=CHECKS[choice])


def _is_check(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("type") == "choices"
        and entry.get("from_name") == CHECK
        and isinstance(entry.get("value"), dict)
    )
