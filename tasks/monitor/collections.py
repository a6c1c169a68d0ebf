"""All collections at a glance: how far each has come, what it took people, and what waits; counted in the catalogue."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Engine, Select, distinct, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, Batch, BatchItem, Question, QuestionState, Source
from blocks.database.vector_tables import NearDuplicate
from blocks.errors import BadShape
from blocks.frozen import Frozen
from tasks.intake.label_kinds import noted_kind
from tasks.intake.texts.media import Medium, medium_of_collection
from tasks.review.consensus.answer_groups import CONSENSUS
from tasks.settle.annotators.skipped import count_skipped
from tasks.settle.in_force import count_by_class


class CollectionProgress(Frozen):
    """How far one collection has come."""

    name: str
    kind: str = Field(default="boxes", description="of its labels")
    medium: Medium = Field(default="pictures", description="what its items are")
    pictures: int = Field(description="items that were taken in")
    near_duplicates: int = Field(default=0, description="items that are alike one that was taken in before them")
    files_set_aside: int = Field(description="files that could not be taken in")
    settled: int = Field(description="pictures with settled truth, those that show nothing included")
    set_aside: int = Field(description="pictures that left the line on the way, for a stated reason")
    skipped: int = Field(description="pictures that people skipped or let lie, and nobody is asked about any more")
    unbatched: int = Field(description="pictures that no batch has taken yet")
    open_batches: int = Field(description="batches that are not settled")
    open_questions: int = Field(description="that people may answer, or that wait to be sent")
    answered: int = Field(description="questions with an answer that counts")
    labels: int = Field(description="in force")
    human_seconds: float = Field(description="what people spent, skipped and deleted answers included")
    folders: tuple[str, ...] = Field(description="where its pictures were found, at most three")
    by_class: dict[str, int] = Field(description="labels in force of each class")
    by_origin: dict[str, int] = Field(description="labels in force that people, machines or an import gave")
    last_change: datetime | None = Field(description="when an answer came or a batch was opened; None: never")

    @property
    def seconds_per_label(self) -> float | None:
        """Human seconds over labels in force that were made here; None without any."""
        own = self.labels - self.by_origin.get("import", 0)
        return self.human_seconds / own if own else None


def read_collections(engine: Engine) -> list[CollectionProgress]:
    """Return all collections by name; none for an empty catalogue."""
    with reading(engine) as session:
        sources = _by_state(session)
        pictures = _counts(session, _items_of_sources())
        alike = _counts(session, _near_duplicates())
        places = _places(session)
        questions = _questions(session)
        batches = {name: (int(open_), last) for name, open_, last in session.exec(_batches()).all()}
        seconds = {name: (float(spent), last) for name, spent, last in session.execute(_seconds()).all()}
        labels = count_by_class(session)
        folders = {name: _folders(session, name) for name in {*sources, *batches}}
    skipped = count_skipped(engine)
    return [
        CollectionProgress(
            name=name,
            kind=_kind_of(engine, name),
            medium=medium_of_collection(engine, name) or "pictures",
            pictures=pictures[name],
            near_duplicates=alike[name],
            files_set_aside=sources.get(name, Counter())["set_aside"],
            settled=places.get(name, (0, 0, 0))[1],
            set_aside=places.get(name, (0, 0, 0))[2],
            skipped=skipped.get(name, 0),
            unbatched=max(0, pictures[name] - places.get(name, (0, 0, 0))[0]),
            open_batches=batches.get(name, (0, None))[0],
            open_questions=sum(questions[name, state.value] for state in (QuestionState.WRITTEN, QuestionState.POSTED)),
            answered=questions[name, QuestionState.ANSWERED.value],
            labels=sum(sum(origins.values()) for origins in labels.get(name, {}).values()),
            human_seconds=round(seconds.get(name, (0.0, None))[0], 1),
            folders=folders[name],
            by_class={one: sum(origins.values()) for one, origins in labels.get(name, {}).items()},
            by_origin=_by_origin(labels.get(name, {})),
            last_change=_latest(batches.get(name, (0, None))[1], seconds.get(name, (0.0, None))[1]),
        )
        for name in sorted({*sources, *batches})
    ]


def _by_origin(by_class: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for origins in by_class.values():
        counts.update(origins)
    return dict(sorted(counts.items()))


def _kind_of(engine: Engine, collection: str) -> str:
    try:
        kind = noted_kind(engine, collection)
    except BadShape:  # labels of shapes that no kind has together: what trains and exports them says so
        kind = None
    return "boxes" if kind is None else kind.name


def _by_state(session: Session) -> dict[str, Counter[str]]:
    query = select(Source.collection, Source.state, func.count()).group_by(Source.collection, Source.state)
    counts: dict[str, Counter[str]] = {}
    for name, state, count in session.exec(query).all():
        counts.setdefault(name, Counter())[state] += count
    return counts


def _items_of_sources() -> Select[Any]:
    return (
        select(Source.collection, func.count(distinct(col(Source.item_id))))
        .where(col(Source.item_id).is_not(None))
        .group_by(Source.collection)
    )


def _near_duplicates() -> Select[Any]:
    return (
        select(NearDuplicate.collection, func.count())
        .where(col(NearDuplicate.of_item_id).is_not(None))
        .group_by(NearDuplicate.collection)
    )


def _counts(session: Session, query: Select[Any]) -> Counter[str]:
    return Counter({name: int(count) for name, count in session.execute(query).all()})


def _places(session: Session) -> dict[str, tuple[int, int, int]]:
    """Return by collection how many pictures are in batches, settled, and set aside."""
    item = col(BatchItem.item_id)
    query = (
        select(
            Batch.collection,
            func.count(distinct(item)),
            func.count(distinct(item)).filter(
                col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None)
            ),
            func.count(distinct(item)).filter(col(BatchItem.set_aside).is_not(None)),
        )
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .group_by(Batch.collection)
    )
    return {name: (int(batched), int(settled), int(aside)) for name, batched, settled, aside in session.exec(query)}


def _questions(session: Session) -> Counter[tuple[str, str]]:
    query = (
        select(Batch.collection, Question.state, func.count())
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .group_by(Batch.collection, Question.state)
    )
    return Counter({(name, state): int(count) for name, state, count in session.exec(query).all()})


def _batches() -> Any:
    open_ = func.count(distinct(col(Batch.id))).filter(col(Batch.settled_at).is_(None))
    return select(Batch.collection, open_, func.max(Batch.created_at)).group_by(Batch.collection)


def _seconds() -> Select[Any]:
    """By collection: seconds of people, each annotation with its largest version, which includes the earlier ones."""
    versions = (
        select(
            Batch.collection,
            func.max(Answer.seconds).label("seconds"),
            func.max(Answer.answered_at).label("answered_at"),
        )
        .join(Question, col(Question.id) == col(Answer.question_id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Answer.heard_by != CONSENSUS)
        .group_by(col(Batch.collection), col(Answer.person), col(Answer.question_id), col(Answer.annotation_id))
        .subquery()
    )
    return select(versions.c.collection, func.sum(versions.c.seconds), func.max(versions.c.answered_at)).group_by(
        versions.c.collection
    )


def place_of(uri: str) -> str:
    """Return where a source was taken in from: the folder of a file; of a row of a table, the table."""
    table, is_row, _ = uri.partition("#")
    return table if is_row else uri.rpartition("/")[0]


def _folders(session: Session, collection: str, most: int = 3) -> tuple[str, ...]:
    query = select(Source.uri).where(Source.collection == collection).order_by(col(Source.uri)).limit(200)
    return tuple(dict.fromkeys(place_of(uri) for uri in session.exec(query)))[:most]


def _latest(*moments: datetime | None) -> datetime | None:
    return max(filter(None, moments), default=None)
