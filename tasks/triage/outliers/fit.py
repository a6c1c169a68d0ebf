"""What triage must know of a whole batch before it decides about any item: the first of its two passes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import Judgement
from blocks.database.engine import reading
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.detect.refs import Scope
from tasks.triage.audit import draw_audit
from tasks.triage.boxes import Boxes, in_shards, read_boxes, scanned_items, usable_items
from tasks.triage.options import CertifiedThresholds, TriageOptions
from tasks.triage.outliers.batch_normal import UsualBoxes, learn_boxes
from tasks.triage.outliers.box_place import MIN_ITEMS
from tasks.triage.outliers.box_shape import MIN_BOXES
from tasks.triage.outliers.image_embedding import MIN_IMAGES, items_with_embedding, odd_image_reasons
from tasks.triage.outliers.read_surfaces import SurfaceFindings, odd_surfaces_of
from tasks.triage.outliers.read_tracks import odd_track_reasons
from tasks.triage.thresholds import Certified


@dataclass(frozen=True, slots=True)
class BatchFit:
    """What the first pass found out about the whole batch."""

    audits: Mapping[str, str]
    usual: UsualBoxes
    odd_items: Mapping[str, list[str]]
    """Why items are odd, by item id; the others are absent."""
    certified: Certified | None
    notes: tuple[str, ...] = ()
    """What could not be judged, and why."""
    lacking: tuple[str, ...] = ()
    """Classes that the detector does not know: where it finds nothing, there may be some."""
    has_model: bool = True
    """Whether anything looks at items before people do."""


def measure(
    engine: Engine, store: Store | None, scope: Scope, options: TriageOptions, thresholds: CertifiedThresholds | None
) -> BatchFit:
    """Find out what is usual and what is odd in a batch, and draw its audit.

    Raises:
        BadOption: Surfaces are to be judged without a store.
    """
    if store is None and options.surface_anomalies:
        raise BadOption("surface_anomalies needs the images: pass the object store, or switch it off")
    audits = draw_audit(engine, scope.batch_id, options.audit_share, options.seed)
    usual = learn_boxes(_all_boxes(engine, scope), options)
    usual = replace(usual, tracks=odd_track_reasons(engine, scope, store))
    odd_items: dict[str, list[str]] = defaultdict(list)
    surfaces = (
        odd_surfaces_of(engine, store, scope, options) if store and options.surface_anomalies else SurfaceFindings()
    )
    scanned = list(scanned_items(engine, scope))
    counts = usual.counts.odd(scanned, options.outlier_z) if options.count_outliers else {}
    for found in (odd_image_reasons(engine, scope, options), surfaces.reasons, counts):
        for item_id, why in found.items():
            odd_items[item_id] += why
    certified = None if thresholds is None else Certified(thresholds, _read_said(engine, scope))
    few = _too_few(options, usual, len(scanned), len(items_with_embedding(engine, scope)))
    notes = (*few, surfaces.note) if surfaces.note else tuple(few)
    return BatchFit(audits, usual, dict(odd_items), certified, notes)


def _too_few(options: TriageOptions, usual: UsualBoxes, scanned: int, with_embedding: int) -> list[str]:
    """Say what cannot be called odd because nobody knows what is usual."""
    notes = []
    if options.image_outliers and with_embedding < MIN_IMAGES:
        notes.append(f"images: not enough evidence: {with_embedding} with an embedding, and {MIN_IMAGES} are needed")
    if options.count_outliers and scanned < MIN_ITEMS:
        notes.append(f"numbers of boxes: not enough evidence: {scanned} images, and {MIN_ITEMS} are needed")
    few = [f"{name} ({count})" for name, count in usual.counts.totals.items() if name not in usual.sizes]
    if few:
        notes.append(f"sizes and places: not enough evidence of {', '.join(few)}: {MIN_BOXES} whole boxes are needed")
    return notes


def _read_said(engine: Engine, scope: Scope) -> dict[str, str]:
    """Return what was said of the randomly sampled proposals; those not asked about are as good as not drawn."""
    query = select(Judgement.proposal_id, Judgement.said).where(
        Judgement.batch_id == scope.batch_id,
        Judgement.detector == scope.detector,
        Judgement.recipe == scope.recipe,
    )
    with reading(engine) as session:
        return {proposal_id: said for proposal_id, said in session.exec(query).all() if said is not None}


def _all_boxes(engine: Engine, scope: Scope) -> Iterator[Boxes]:
    for item_ids in in_shards(usable_items(engine, scope.batch_id)):
        yield read_boxes(engine, scope, item_ids)
