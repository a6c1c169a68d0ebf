"""What the labels of a collection teach, learnt when a batch is about to be looked at: no training, a few seconds.

Labels that people gave, or that came in as truth, teach. What a machine accepted does not: it would teach itself.
"""

import logging
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Item, Label, Question, Route
from blocks.errors import BadInput, OtherModelVersion
from blocks.servers.experiments import Experiments
from blocks.shapes import SEVERAL
from blocks.storage.stores import Store
from tasks.detect.proposers.suggested import taught_ref
from tasks.detect.refs import NOBODY, TAUGHT, DetectorRef
from tasks.intake.batches import items_of
from tasks.intake.label_kinds import noted_shapes
from tasks.kinds.registry import label_kind
from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL
from tasks.settle.in_force import is_in_force
from tasks.suggest.asked_for import SUGGEST, asked_of, check_suggested
from tasks.suggest.class_sets import joined, parted
from tasks.suggest.embedders.kept import Vector
from tasks.suggest.space import Space
from tasks.suggest.taught import Taught, version_of_bytes
from tasks.train.suggesting.rest import with_rest
from tasks.train.suggesting.whose_vectors import Vectoring, items_by_id, vectors_of, whose_vectors

logger = logging.getLogger(__name__)

LABELS_AT_MOST = 20_000
"""The newest ones; vectors of more would have to be held in memory, and teach little that these do not."""

FROM_BATCH = 1_000
"""Unlabelled items of the batch that are looked at beforehand: where vectors lie is found from these as well."""

BY_MACHINE = "machine"


def find_taught(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    collection: str,
    spec: str,
    kind: str = "boxes",
    batch_id: str | None = None,
    others: Sequence[Item] = (),
) -> DetectorRef | None:
    """Return what a collection's labels teach, learnt now where `suggest` is asked for; None: something else is meant.

    Where a batch is to be looked at, what there is learnt of may be no label at all: its vectors are what people's
    answers to it are learnt with while they answer.

    Args:
        engine: The catalogue.
        store: Where it is kept.
        experiments: Whose registry says whether there is a champion, whose features are then the vectors.
        collection: Whose labels.
        spec: `suggest`, with a learner or weights behind it (see `AskedFor`), or the version of what was learnt before.
        kind: Of the labels of the collection.
        batch_id: What is to be looked at; None: nothing yet.
        others: Items without a label from which is found where vectors lie, beside the first of the batch.

    Raises:
        BadOption: There is no such learner, or labels of this kind have no vectors.
        BadWeights: The champion's weights cannot be used.
    """
    asked = asked_of(spec)
    if asked is None:
        return None if spec == NOBODY else taught_ref(store, spec)
    check_suggested(spec, kind)
    labels = labels_that_teach(engine, collection)
    if batch_id is None and len({name for names in labels.values() for name in parted(names)}) < 2:
        logger.info("%s: nobody suggests before two classes have a label (%d labels)", collection, len(labels))
        return DetectorRef.nobody(SUGGEST)
    by = whose_vectors(engine, store, experiments, collection, asked, kind, labels)
    if by is None:
        return DetectorRef.nobody(SUGGEST)
    unlabelled = [*(items_of(engine, batch_id, 0, FROM_BATCH) if batch_id else []), *others]
    several = SEVERAL in label_kind(kind).shapes
    taught = _teach(engine, store, collection, labels, unlabelled, asked.learner, by, several=several)
    return _keep(store, taught, SUGGEST) if taught else DetectorRef.nobody(SUGGEST)


def labels_that_teach(engine: Engine, collection: str) -> dict[str, str]:
    """Return the class of each item of a collection that has one in force, given by people or as truth.

    Where an item may have several, they are joined (`class_sets.py`); of one that people found to have none, or that
    came in as having none: empty.
    """
    query = (
        select(Label.item_id, Label.class_name)
        .join(Batch, col(Batch.id) == Label.batch_id)
        .where(Batch.collection == collection, Label.origin != BY_MACHINE, *is_in_force())
        .order_by(col(Label.created_at).desc(), col(Label.id))
        .limit(LABELS_AT_MOST)
    )
    with reading(engine) as session:
        rows = session.exec(query).all()
        without = _found_to_have_none(session, collection, LABELS_AT_MOST - len(rows))
        if SEVERAL in noted_shapes(session, collection):
            without += _came_in_with_none(session, collection, LABELS_AT_MOST - len(rows) - len(without))
    names: dict[str, list[str]] = {}
    for item_id, class_name in rows:
        names.setdefault(item_id, []).append(class_name)
    if len(rows) == LABELS_AT_MOST:
        del names[rows[-1][0]]  # the limit may have cut its classes
    return {item_id: joined(names.get(item_id, ())) for item_id in sorted({*names, *without})}


def _found_to_have_none(session: Session, collection: str, at_most: int) -> list[str]:
    """Return the settled items that have no label in force, since whoever answered last ticked none of the classes."""
    batches = select(Batch.id).where(Batch.collection == collection)
    labels = select(Label.id).where(Label.item_id == Question.item_id, col(Label.batch_id).in_(batches), *is_in_force())
    query = (
        select(Question.item_id, Answer.raw)
        .join(Answer, col(Answer.question_id) == Question.id)
        .join(
            BatchItem,
            (col(BatchItem.batch_id) == Question.batch_id) & (col(BatchItem.item_id) == Question.item_id),
        )
        .where(col(Question.batch_id).in_(batches), col(Question.payload)["type"].as_string() == CHOOSE_SEVERAL.name)
        .where(col(Question.asked_id).is_(None), col(Question.gold_id).is_(None))
        .where(col(BatchItem.settled_at).is_not(None), Answer.state == AnswerState.COUNTED.value, ~labels.exists())
        .order_by(col(Question.round), col(Answer.answered_at), col(Answer.id))
    )
    last = {item_id: (number, raw) for number, (item_id, raw) in enumerate(session.exec(query).all())}
    newest = sorted(((number, item_id) for item_id, (number, raw) in last.items() if not raw), reverse=True)
    return [item_id for _, item_id in newest[:at_most]]


def _came_in_with_none(session: Session, collection: str, at_most: int) -> list[str]:
    """Return the items that came in as truth without a label, and of which nobody has said anything since.

    Only where an item may have several classes is that a word on each of them.
    """
    batches = select(Batch.id).where(Batch.collection == collection)
    labels = select(Label.id).where(
        Label.item_id == BatchItem.item_id, col(Label.batch_id).in_(batches), *is_in_force()
    )
    answers = (
        select(Answer.id)
        .join(Question, col(Question.id) == Answer.question_id)
        .where(Question.item_id == BatchItem.item_id, col(Question.batch_id).in_(batches))
        .where(Answer.state == AnswerState.COUNTED.value, col(Question.gold_id).is_(None))
    )
    query = (
        select(BatchItem.item_id)
        .where(col(BatchItem.batch_id).in_(batches), BatchItem.route == Route.IMPORT.value)
        .where(col(BatchItem.set_aside).is_(None), ~labels.exists(), ~answers.exists())
        .order_by(col(BatchItem.settled_at).desc(), col(BatchItem.item_id))
        .limit(at_most)
    )
    return list(session.exec(query).all())


def _teach(
    engine: Engine,
    store: Store,
    collection: str,
    labels: dict[str, str],
    others: Sequence[Item],
    learner: str,
    by: Vectoring,
    *,
    several: bool,
) -> Taught | None:
    embedder = by.embedder
    taken = vectors_of(engine, store, items_by_id(engine, list(labels)), embedder)
    rest = vectors_of(engine, store, others, embedder)
    pool = _rows([*taken.values(), *rest.values()])
    try:
        space = Space.of(embedder.name, pool)
    except BadInput as error:
        logger.info("nobody suggests: %s", error)
        return None
    good = [item_id for item_id in labels if item_id in taken and np.isfinite(taken[item_id]).all()]
    if len(good) < len(labels):
        missing = len(labels) - len(good)
        logger.warning("%d of %d labels teach nothing: their items have no vector", missing, len(labels))
    named = tuple(labels[item_id] for item_id in good)
    vectors = _rows([taken[item_id] for item_id in good])
    taught = Taught(learner, by.network.weights_key, space, tuple(good), named, vectors, several=several)
    return with_rest(engine, collection, taught, rest)


def _keep(store: Store, taught: Taught, name: str) -> DetectorRef:
    data = taught.to_bytes()
    ref = DetectorRef(version=(version := version_of_bytes(data)), weights_key=f"{TAUGHT}{version}.npz", name=name)
    store.put(ref.weights_key, data)
    logger.info(
        "%s %s: %d labels of %d classes, vectors by %s", name, version, len(taught.classes), len(taught.named),
        taught.space.embedder,
    )  # fmt: skip
    return ref


def _rows(vectors: Iterable[Vector]) -> NDArray[np.float16]:
    rows = list(vectors)
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise OtherModelVersion(
            f"vectors that are kept under one name have {' and '.join(map(str, lengths))} numbers: they are of "
            "different models. Delete them from the catalogue's table `item_vector`, and the items are embedded anew"
        )
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float16)
