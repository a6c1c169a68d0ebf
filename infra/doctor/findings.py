"""One line of the doctor's report."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"  # works, but not as it was tested, or not for long
    FAIL = "FAIL"  # something will not work


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do where it is not well."""

    level: Level
    what: str
    found: str
    advice: str = ""


def well(what: str, found: str) -> Finding:
    """Return that all is well with something."""
    return Finding(Level.OK, what, found)


def warn(what: str, found: str, advice: str) -> Finding:
    """Return a warning."""
    return Finding(Level.WARN, what, found, advice)


def fail(what: str, found: str, advice: str) -> Finding:
    """Return a failure."""
    return Finding(Level.FAIL, what, found, advice)
