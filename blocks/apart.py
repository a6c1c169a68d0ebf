"""One broken thing stops one thing: units of work that fail each on their own, and are told of together afterwards.

A sweep reads many projects and wakes many runs, a monitor looks at many collections. What one of them fails with, by
name (`LabellingError`), is noted here and the others go on; whoever began them says at the end that not all was well.
What has no name of ours is a fault of the program, or the end of Prefect itself, and goes on up.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from blocks.errors import LabellingError, PartlyFailed
from blocks.frozen import Frozen

SHOWN = 3
"""Failures that an error's message quotes; artifacts and `labelline status` show all."""

Result_co = TypeVar("Result_co", covariant=True)

log = logging.getLogger(__name__)


class Failure(Frozen):
    """What one unit of work failed with."""

    what: str
    reason: str

    def __str__(self) -> str:
        """Say both in a line."""
        return f"{self.what}: {self.reason}"


class Pending(Protocol[Result_co]):
    """Something whose result is still to come, such as a mapped step."""

    def result(self) -> Result_co:
        """Wait for it; raises what it failed with."""
        ...


class Failures:
    """What failed of several units of work, in the order in which it failed; at first what failed before."""

    def __init__(self, before: Iterable[Failure] = ()) -> None:
        self.found: list[Failure] = list(before)

    @contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """Do one unit of work: what it fails with by name is noted under what it is, and goes no further."""
        try:
            yield
        except LabellingError as error:
            self.note(what, error)

    def note(self, what: str, error: LabellingError | str) -> None:
        """Note a failure."""
        log.warning("%s: %s", what, error)
        self.found.append(Failure(what=what, reason=str(error)))

    def results(self, names: Iterable[str], pending: Iterable[Pending[Result_co]]) -> list[Result_co]:
        """Wait for all of them, and return the results of those that did not fail, in their order."""
        found: list[Result_co] = []
        for name, one in zip(names, pending, strict=True):
            with self.apart(name):
                found.append(one.result())
        return found

    def raise_if_any(self, whole: str) -> None:
        """End what was begun as failed, now that all else of it is done.

        Args:
            whole: What it was, such as "the sweep".

        Raises:
            PartlyFailed: Something failed.
        """
        if self.found:
            raise PartlyFailed(f"{whole} did all but this: {in_words(self.found)}")


def by_reason(failures: Sequence[Failure]) -> list[tuple[list[str], str]]:
    """Return each reason once, with all that failed for it: a token that is refused is one thing to mend, not fifty."""
    found: dict[str, list[str]] = {}
    for one in failures:
        found.setdefault(one.reason, []).append(one.what)
    return [(what, reason) for reason, what in found.items()]


def in_words(failures: Sequence[Failure]) -> str:
    """Say in a few sentences what failed."""
    told = by_reason(failures)
    parts = [f"{_several(what)}: {reason}" for what, reason in told[:SHOWN]]
    return "; ".join(parts) + (f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else "")


def _several(what: Sequence[str]) -> str:
    return ", ".join(what[:SHOWN]) + (f" and {len(what) - SHOWN} more" if len(what) > SHOWN else "")
