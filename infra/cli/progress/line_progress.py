"""How far a labelling run has come, counted in the catalogue: what a terminal shows while it waits."""

from dataclasses import dataclass

from sqlalchemy import Engine, case, distinct, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Label, Question, QuestionState, Scan, Source
from tasks.intake.texts.media import medium_of_collection


@dataclass(frozen=True, slots=True)
class QueueProgress:
    """How far one queue has come."""

    name: str
    asked: int
    answered: int
    project_id: int | None


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far one batch has come; everything 0 before it is opened."""

    items: int = 0
    scanned: int = 0
    settled: int = 0
    set_aside: int = 0
    queues: tuple[QueueProgress, ...] = ()


def count_intake(engine: Engine, collection: str) -> str:
    """Return in words what became of the files of a collection."""
    query = select(Source.state, func.count()).where(Source.collection == collection).group_by(Source.state)
    with reading(engine) as session:
        counts = dict(session.exec(query).all())
    what = "texts" if medium_of_collection(engine, collection) == "texts" else "images"
    return (
        f"{counts.get('taken', 0)} {what} taken in, {counts.get('duplicate', 0)} duplicates, "
        f"{counts.get('set_aside', 0)} set aside"
    )


def count_unbatched(engine: Engine, collection: str) -> int:
    """Return how many items of a collection no batch of it has taken yet."""
    batched = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection)
    )
    query = select(func.count(distinct(col(Source.item_id)))).where(
        Source.collection == collection, col(Source.item_id).is_not(None), col(Source.item_id).not_in(batched)
    )
    with reading(engine) as session:
        return session.exec(query).one()


def read_progress(engine: Engine, flow_run_id: str) -> BatchProgress:
    """Return how far the batch of a run has come."""
    with reading(engine) as session:
        batch = session.exec(select(Batch).where(Batch.flow_run_id == flow_run_id)).first()
        if batch is None:
            return BatchProgress()
        in_batch = BatchItem.batch_id == batch.id
        items, settled, aside = session.exec(
            select(func.count(), func.count(col(BatchItem.settled_at)), func.count(col(BatchItem.set_aside))).where(
                in_batch
            )
        ).one()
        scans = (
            select(func.count(distinct(col(Scan.item_id))))
            .join(BatchItem, col(BatchItem.item_id) == col(Scan.item_id))
            .where(in_batch)
        )
        mine = Scan.detector == batch.detector if batch.detector else col(Scan.created_at) >= batch.created_at
        scanned = session.exec(scans.where(mine)).one()
        return BatchProgress(items, scanned, settled, aside, _queues(session, batch.id))


def describe_settled(engine: Engine, flow_run_id: str) -> str:
    """Return in words what a run settled and what it took people."""
    from tasks.settle.effort import unprompted_of  # here, since it loads what the other commands do without

    with reading(engine) as session:
        batch = session.exec(select(Batch).where(Batch.flow_run_id == flow_run_id)).first()
        if batch is None:
            return "there was nothing new to label"
        in_force = (Label.batch_id == batch.id, col(Label.retracted).is_(False))
        query = select(Label.origin, func.count(distinct(col(Label.region)))).where(*in_force).group_by(Label.origin)
        by_origin = dict(session.exec(query).all())
        counted = (
            select(func.sum(Answer.seconds))
            .join(Question, col(Question.id) == col(Answer.question_id))
            .where(Question.batch_id == batch.id, Answer.state == AnswerState.COUNTED.value)
        )
        seconds = session.exec(counted).one() or 0.0
        unprompted, by_hand_s = unprompted_of(session, batch.id)
    machine, person = by_origin.get("machine", 0), by_origin.get("person", 0)
    told = f"{machine + person} labels settled: {machine} by the machine, {person} by people in {seconds:,.0f} s"
    if unprompted:
        answers = f"{unprompted:,} answer{'' if unprompted == 1 else 's'}"
        told += f" ({by_hand_s:,.0f} s on {answers} without their proposals, lost on the way: see docs/operations.md)"
    return told


def _queues(session: Session, batch_id: str) -> tuple[QueueProgress, ...]:
    answered = func.sum(case((col(Question.state) == QuestionState.ANSWERED.value, 1), else_=0))
    query = (
        select(Question.queue, func.count(), answered, func.max(Question.project_id))
        .where(Question.batch_id == batch_id)
        .group_by(Question.queue)
        .order_by(func.min(Question.created_at))
    )
    return tuple(QueueProgress(name, asked, int(done), project) for name, asked, done, project in session.exec(query))
