"""What triage must know of a whole batch before it decides about any item: the first of its two passes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import select

from blocks.audit_tables import Judgement
from blocks.database import reading
from blocks.errors import BadOption
from blocks.stores import Store
from tasks.triage.audit import draw_audit
from tasks.triage.bands import Proven
from tasks.triage.batch_colours import odd_colours_of
from tasks.triage.batch_surfaces import SurfaceFindings, odd_surfaces_of
from tasks.triage.boxes import Boxes, Scope, in_shards, read_boxes, scanned_items, usable_items
from tasks.triage.odd_images import MIN_IMAGES, items_with_embedding, odd_image_reasons
from tasks.triage.odd_places import MIN_ITEMS
from tasks.triage.oddities import MIN_BOXES
from tasks.triage.options import CertifiedBands, TriageOptions
from tasks.triage.usual import UsualBoxes, learn_boxes


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """What the first pass found out about the whole batch."""

    audits: Mapping[str, str]
    usual: UsualBoxes
    odd_items: Mapping[str, list[str]]
    """Why items are odd, by item id; the others are absent."""
    odd_boxes: Mapping[str, list[str]]
    """Why boxes are odd beyond what `usual` tells, by proposal id; the others are absent."""
    proven: Proven | None
    notes: tuple[str, ...] = ()
    """What could not be judged, and why."""
    lacking: tuple[str, ...] = ()
    """Classes that the detector does not know: where it finds nothing, there may be some."""


def measure(
    engine: Engine, store: Store | None, scope: Scope, options: TriageOptions, bands: CertifiedBands | None
) -> Yardsticks:
    """Find out what is usual and what is odd in a batch, and draw its audit.

    Where bands are certified, an odd colour is a reason to look at the item, and its box keeps its verdict: the proof
    is about all boxes that were drawn from, and colours are known to none of the draws.

    Raises:
        BadOption: Colours or surfaces are to be judged without a store.
    """
    if store is None and (options.odd_colours or options.odd_surfaces):
        raise BadOption("odd_colours and odd_surfaces need the images: pass the object store, or switch them off")
    audits = draw_audit(engine, scope.batch_id, options.audit_share, options.seed)
    usual = learn_boxes(_all_boxes(engine, scope), options)
    odd_items: dict[str, list[str]] = defaultdict(list)
    odd_boxes: dict[str, list[str]] = defaultdict(list)
    for one in odd_colours_of(engine, store, scope, options) if store and options.odd_colours else ():
        if bands is None:
            odd_boxes[one.proposal_id].append(one.reason)
        elif one.reason not in odd_items[one.item_id]:
            odd_items[one.item_id].append(one.reason)
    surfaces = odd_surfaces_of(engine, store, scope, options) if store and options.odd_surfaces else SurfaceFindings()
    scanned = list(scanned_items(engine, scope))
    counts = usual.counts.odd(scanned, options.odd_z) if options.odd_counts else {}
    for found in (odd_image_reasons(engine, scope, options), surfaces.reasons, counts):
        for item_id, why in found.items():
            odd_items[item_id] += why
    proven = None if bands is None else Proven(bands, _read_said(engine, scope))
    few = _too_few(options, usual, len(scanned), len(items_with_embedding(engine, scope)))
    notes = (*few, surfaces.note) if surfaces.note else tuple(few)
    return Yardsticks(audits, usual, dict(odd_items), dict(odd_boxes), proven, notes)


def _too_few(options: TriageOptions, usual: UsualBoxes, scanned: int, with_embedding: int) -> list[str]:
    """Say what cannot be called odd because nobody knows what is usual."""
    notes = []
    if options.odd_images and with_embedding < MIN_IMAGES:
        notes.append(f"images: not enough evidence: {with_embedding} with an embedding, and {MIN_IMAGES} are needed")
    if options.odd_counts and scanned < MIN_ITEMS:
        notes.append(f"numbers of boxes: not enough evidence: {scanned} images, and {MIN_ITEMS} are needed")
    few = [f"{name} ({count})" for name, count in usual.counts.totals.items() if name not in usual.sizes]
    if few:
        notes.append(f"sizes and places: not enough evidence of {', '.join(few)}: {MIN_BOXES} whole boxes are needed")
    return notes


def _read_said(engine: Engine, scope: Scope) -> dict[str, str]:
    """Return what was said of the proposals that were drawn by lot; those not asked about are as good as not drawn."""
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
