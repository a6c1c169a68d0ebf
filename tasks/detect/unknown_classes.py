"""Which of a line's classes a detector does not know: people find these, and the next detector learns them from them.

Noted when a detector is loaded, so that later runs can tell without its weights.
"""

import json
import logging
from collections.abc import Sequence

from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Bookmark, utc_now
from blocks.errors import UnknownClass

logger = logging.getLogger(__name__)


def lacking_classes(engine: Engine, detector: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes that a detector does not know, sorted; none for a detector that has never been loaded."""
    with reading(engine) as session:
        noted = session.get(Bookmark, _name(detector))
    return tuple(sorted(set(classes) - set(json.loads(noted.value)))) if noted else ()


def knows_nothing(engine: Engine, detector: str) -> bool:
    """Say whether a detector knows no class at all: what learns while people answer begins so."""
    with reading(engine) as session:
        noted = session.get(Bookmark, _name(detector))
    return noted is not None and not json.loads(noted.value)


def note_classes(engine: Engine, detector: str, known: Sequence[str], asked: Sequence[str]) -> None:
    """Keep what a detector knows, and warn of each class that was asked for and that it does not know."""
    row = {"name": _name(detector), "value": json.dumps(list(known)), "updated_at": utc_now()}
    with writing(engine) as session:
        upsert(session, Bookmark, [row])
    for name in sorted(set(asked) - set(known)) if known else ():  # of what learns as people answer nobody is warned
        unknown = UnknownClass.named(name, known, f"detector {detector}")
        logger.warning("%s People find such objects without boxes.", unknown)


def _name(detector: str) -> str:
    return f"detect classes {detector}"
