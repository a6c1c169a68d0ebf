"""What a sweep did, and what it could not do: kept for `labelline status`, and shown as an artifact."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field, ValidationError
from sqlalchemy import Engine

from blocks.apart import Failure, by_reason
from blocks.database.engine import reading, writing
from blocks.database.tables import utc_now
from blocks.frozen import Frozen
from tasks.review.questions.bookmarks import LAST_SWEEP, read_bookmarks, write_bookmarks

LISTED = 50
"""Lines of one kind on the page."""


class SweepPart(Frozen):
    """What one part of a sweep did, what it mended, and what it could not do."""

    name: str
    did: str = Field(description="What was done, with counts")
    mended: tuple[str, ...] = Field(default=(), description="What somebody had deleted or changed, and is as it was")
    failures: tuple[Failure, ...] = Field(default=(), description="What failed alone, while the rest was done")


class Sweep(Frozen):
    """A whole sweep."""

    ended_at: datetime
    parts: tuple[SweepPart, ...]
    failures: tuple[Failure, ...] = Field(default=(), description="Of all parts, and parts that failed as a whole")

    @property
    def mended(self) -> tuple[str, ...]:
        """What was mended, of all parts."""
        return tuple(line for part in self.parts for line in part.mended)

    @property
    def is_whole(self) -> bool:
        """Whether everything could be read and done."""
        return not self.failures


def end_sweep(parts: Sequence[SweepPart], failures: Sequence[Failure]) -> Sweep:
    """Return the sweep that these parts make.

    Args:
        parts: What was done.
        failures: Of parts that failed as a whole.
    """
    of_parts = tuple(one for part in parts for one in part.failures)
    return Sweep(ended_at=utc_now(), parts=tuple(parts), failures=(*failures, *of_parts))


def keep_sweep(engine: Engine, swept: Sweep) -> None:
    """Keep a sweep as the last one."""
    with writing(engine) as session:
        write_bookmarks(session, {LAST_SWEEP: swept.model_dump_json()})


def last_sweep(engine: Engine) -> Sweep | None:
    """Return the last sweep; None where none has ended yet, or one of another version of this program."""
    with reading(engine) as session:
        value = read_bookmarks(session, [LAST_SWEEP]).get(LAST_SWEEP)
    try:
        return Sweep.model_validate_json(value) if value else None
    except ValidationError:
        return None


def sweep_page(swept: Sweep) -> str:
    """Return a sweep as an operator reads it: what failed and what to do first, then what was mended and done."""
    parts = []
    if swept.failures:
        parts += ["## Not everything could be read or done", "All else was done. The next sweep tries these again."]
        told = by_reason(swept.failures)
        parts += ["\n".join(f"- **{_listed(what)}**: {reason}" for what, reason in told[:LISTED]) + _more(len(told))]
    if swept.mended:
        mended = "\n".join(f"- {line}" for line in swept.mended[:LISTED])
        parts += ["## Mended", mended + _more(len(swept.mended))]
    done = "\n".join(f"| {part.name} | {part.did} |" for part in swept.parts)
    parts += ["## Done", f"| part | what was done |\n|---|---|\n{done}" if done else "Nothing."]
    return "\n\n".join(parts)


def _listed(what: Sequence[str]) -> str:
    return ", ".join(what[:LISTED]) + _more(len(what))


def _more(count: int) -> str:
    return f" and {count - LISTED:,} more" if count > LISTED else ""
