"""A label-error review as a thing: what was found, what is asked and in which round; kept as JSON in the store.

All findings are kept, also those that nobody is asked about. Once written, a look stays as it is: a run that wakes up,
or is made again, goes on with the same questions, however much has settled since.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import col, func, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Bookmark, Question, QuestionState
from blocks.frozen import Frozen
from blocks.naming.names import object_key_part
from blocks.naming.renamed import Renamed
from blocks.storage.stores import Store
from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.report import LabelErrorReport
from tasks.review.questions.bookmarks import questions_written, read_bookmarks, write_bookmarks
from tasks.review.questions.queue import MARK_MISSED

REVIEW_ROUND = 20
"""The first round of label-error reviews: the ones below are those in which a line asks, and asks again."""

OPEN = (QuestionState.WRITTEN.value, QuestionState.POSTED.value, QuestionState.SHARED.value)


@dataclass(frozen=True, slots=True)
class LookScope:
    """Whose labels are looked at again, and whose proposals are held against them."""

    collection: str
    detector: str
    recipe: str
    classes: tuple[str, ...]
    """Names that a label may have."""
    batch_id: str | None = None
    """Only the items of this batch; None: of all settled batches."""


class LookRef(Frozen):
    """A label-error review as flows pass it on."""

    id: str
    collection: str
    questions: int = Field(ge=0, description="items that people look at again")


class Look(Frozen):
    """What a detector has to say against the settled labels of a collection, and what people are asked about it."""

    id: str
    collection: str
    batch_id: str | None
    detector: str
    recipe: str
    classes: tuple[str, ...]
    round: int
    asked: dict[str, str] = Field(description="By item whose look people take: the batch of its question")
    findings: tuple[LabelFinding, ...] = Field(description="All, the most suspicious first")
    report: LabelErrorReport

    @property
    def ref(self) -> LookRef:
        """The look as flows pass it on."""
        return LookRef(id=self.id, collection=self.collection, questions=len(self.asked))

    @property
    def batches(self) -> list[str]:
        """The batches in which something is asked, in order."""
        return sorted(set(self.asked.values()))

    def is_of(self, scope: LookScope) -> bool:
        """Say whether this look had the same scope."""
        return LookScope(self.collection, self.detector, self.recipe, self.classes, self.batch_id) == scope


def look_id(scope: LookScope, item_ids: Sequence[str], options: Renamed) -> str:
    """Return the name of a look: 12 hex digits; the same one for the same items, detector and options."""
    items = hashlib.sha256("|".join(sorted(item_ids)).encode()).hexdigest()
    # As it was written before fields were renamed, and while colours were judged: a run that sleeps finds its look.
    wanted = options.json_under_former_names().replace('"scores"', '"odd_colours":true,"scores"')
    text = f"{scope}|{items}|{wanted}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def keep_look(store: Store, look: Look) -> None:
    """Write a look into the store."""
    store.put(_key(look.collection, look.id), look.model_dump_json().encode(), "application/json")


def read_look(store: Store, collection: str, id_: str) -> Look:
    """Read a look.

    Raises:
        ObjectMissing: There is none of this name.
    """
    return Look.model_validate_json(store.get(_key(collection, id_)))


def kept_looks(store: Store, collection: str) -> list[Look]:
    """Return the looks of a collection, in the order of their rounds."""
    looks = [Look.model_validate_json(store.get(key)) for key in store.keys(_key(collection, "").removesuffix(".json"))]
    return sorted(looks, key=lambda look: look.round)


def is_open(engine: Engine, look: Look) -> bool:
    """Say whether a question of a look still waits to be written, sent or answered."""
    waiting = select(func.count()).where(
        Question.queue == MARK_MISSED,
        col(Question.batch_id).in_(look.batches),
        Question.round == look.round,
        col(Question.state).in_(OPEN),
    )
    written = [questions_written(MARK_MISSED, batch_id, look.round) for batch_id in look.batches]
    with reading(engine) as session:
        return len(read_bookmarks(session, written)) < len(written) or session.exec(waiting).one() > 0


def claim_round(engine: Engine, collection: str, id_: str) -> int:
    """Return the round in which a look asks: its own, whoever looks at the same time."""
    for round_ in count(REVIEW_ROUND):
        name = look_bookmark(collection, round_)
        with writing(engine) as session:
            if upsert(session, Bookmark, [{"name": name, "value": id_}]):
                return round_
            if read_bookmarks(session, [name])[name] == id_:
                return round_
    raise AssertionError("rounds never end")


def look_bookmark(collection: str, round_: int | str) -> str:
    """Name the bookmark that holds which look asks in a round of a collection."""
    return f"audit look {collection} round {round_}"


def look_of_run(engine: Engine, run_id: str) -> str | None:
    """Return the look that a run takes; None while it has none."""
    with reading(engine) as session:
        return read_bookmarks(session, [_run(run_id)]).get(_run(run_id))


def note_run(engine: Engine, run_id: str, id_: str) -> None:
    """Write down which look a run takes."""
    with writing(engine) as session:
        write_bookmarks(session, {_run(run_id): id_})


def _run(run_id: str) -> str:
    return f"audit look of run {run_id}"


def _key(collection: str, id_: str) -> str:
    return f"looks/{object_key_part(collection)}/{id_}.json"
