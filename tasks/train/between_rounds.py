"""What a line that propagates learns between its rounds: a detector of what people have settled so far.

It is no champion: nothing compares it, since people see all that it proposes, and it proposes to this line alone. Each
one begins with the weights that the line asks for, so what it knows depends on the labels and not on how many rounds
there were; once a line asks for others, or another champion is promoted, it proposes no more.
"""

import logging

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Bookmark, Source, utc_now
from blocks.errors import BadOption, BadWeights, NotEnoughData, TrainingFailed
from blocks.frozen import Frozen
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.dataset.snapshots import write_manifest
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.track.asked_for import propagate_asked
from tasks.train import registry
from tasks.train.fitting import training
from tasks.train.fitting.beginnings import is_trainable
from tasks.train.fitting.watch import Progress
from tasks.train.options import TrainOptions

log = logging.getLogger(__name__)

UNTESTED = 0
"""Labels in the test split that it takes: a film is one sequence, which is never parted, so it has none."""


class Learnt(Frozen):
    """What was learnt last in a collection, and of which detector."""

    spec: str
    base_version: str
    detector: DetectorRef


def learn_between_rounds(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    collection: str,
    spec: str,
    kind: str,
    options: TrainOptions,
    tiling: TilingOptions,
    progress: Progress | None = None,
) -> DetectorRef | None:
    """Train the detector of the next round on all that is settled; what was learnt from the same is not learnt again.

    Args:
        engine: The catalogue.
        store: Where pictures and weights are.
        experiments: Where trainings are kept.
        collection: Whose labels.
        spec: The detector that the line asks for.
        kind: Of the labels.
        options: How it is trained.
        tiling: How the line cuts its pictures.
        progress: Called after each epoch.

    Returns:
        The detector; None: the line does not propagate, nothing is left to propose on, there are no weights to begin
        with, or too few labels; or they cannot be trained, or training failed, which is logged with its reason: the
        line goes on with what it has.
    """
    asked = propagate_asked(spec)
    if asked is None or not _is_anything_left(engine, collection):
        return None
    base = registry.resolve_detector(experiments, store, collection, asked.detector or registry.CHAMPION, kind)
    is_nobody_wanted = base.is_nobody and asked.detector
    if is_nobody_wanted or not (options.base or is_trainable(base)):
        return None
    alone = options.model_copy(update={"min_test_boxes": UNTESTED})
    try:
        manifest = write_manifest(engine, store, collection)  # no snapshot: what is new for `retrain` stays new
        trained = training.finetune(experiments, store, manifest, base, alone, tiling=tiling, progress=progress)
    except NotEnoughData as error:
        log.info("nothing is learnt between the rounds of %s yet: %s", collection, error)
        return None
    except (BadOption, BadWeights, TrainingFailed) as error:
        log.warning("nothing is learnt between the rounds of %s, which goes on without: %s", collection, error)
        return None
    note_learnt(engine, collection, Learnt(spec=spec, base_version=base.version, detector=trained.detector))
    return trained.detector


def note_learnt(engine: Engine, collection: str, learnt: Learnt) -> None:
    """Note what was learnt last."""
    noted = {"name": learnt_bookmark(collection), "value": learnt.model_dump_json(), "updated_at": utc_now()}
    with writing(engine) as session:
        upsert(session, Bookmark, [noted], update=("value", "updated_at"))


def learnt_between_rounds(engine: Engine, collection: str, spec: str, base: DetectorRef) -> DetectorRef | None:
    """Return what was learnt last; None: nothing was of what the line asks for now.

    Args:
        engine: The catalogue.
        collection: Whose labels.
        spec: The detector that the line asks for.
        base: What that is now.
    """
    learnt = _last_learnt(engine, collection)
    return learnt.detector if learnt and (learnt.spec, learnt.base_version) == (spec, base.version) else None


def learnt_by_version(engine: Engine, collection: str, version: str) -> DetectorRef | None:
    """Return what was learnt last, where that is its version: a batch that was interrupted keeps to it."""
    learnt = _last_learnt(engine, collection)
    return learnt.detector if learnt and learnt.detector.version == version else None


def _last_learnt(engine: Engine, collection: str) -> Learnt | None:
    with reading(engine) as session:
        kept = session.get(Bookmark, learnt_bookmark(collection))
    return Learnt.model_validate_json(kept.value) if kept else None


def _is_anything_left(engine: Engine, collection: str) -> bool:
    batches = select(Batch.id).where(Batch.collection == collection)
    batched = select(BatchItem.item_id).where(col(BatchItem.batch_id).in_(batches))
    taken = select(Source.item_id).where(Source.collection == collection, col(Source.item_id).is_not(None))
    with reading(engine) as session:
        return session.exec(taken.where(col(Source.item_id).not_in(batched)).limit(1)).first() is not None


def learnt_bookmark(collection: str) -> str:
    """Name the bookmark that holds what was learnt last between a collection's rounds."""
    return f"learnt between the rounds of {collection}"
