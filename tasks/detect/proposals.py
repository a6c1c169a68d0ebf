"""From items to proposals in the catalogue: what each model saw, one by one, with where it saw it.

An item is scanned once per model and recipe. Its proposals and the note that it was scanned are written together, so a
run that was killed finds each item done or not begun. A detector that knows none of the classes looks at nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, Proposal, Scan
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.detect.calibration import Calibration, read_calibration, way_of_seeing
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.imported import ImportedProposals, classes_of_import
from tasks.detect.proposers.propagated import open_propagated
from tasks.detect.proposers.protocol import Looked, Looker, UnreadItem
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.proposers.suggested import open_suggested
from tasks.detect.refs import DetectorRef
from tasks.detect.unknown_classes import lacking_classes, note_classes

SCANS_AT_ONCE = 16
"""Items whose boxes are written in one transaction: at most this many are looked at again after a crash."""

IDS_AT_ONCE = 500


class ProposalCounts(Frozen):
    """What scanning some items came to. Counts cover items scanned earlier too, so a second run reports the same."""

    items: int = Field(default=0, description="items with a scan")
    proposals: int = Field(default=0, description="boxes after merging")
    whole_frame: int = Field(default=0, description="boxes that the whole-image pass alone shows")
    tiles: int = Field(default=0, description="tiles looked at")
    scanned_now: int = Field(default=0, description="items that this call looked at")
    dropped: int = Field(default=0, description="detections in them that were no boxes: NaN, without area, no class")
    lacking: tuple[str, ...] = Field(default=(), description="classes asked for that the detector does not know")
    set_aside: tuple[UnreadItem, ...] = ()

    def __str__(self) -> str:
        """Say it in one line, as logs do."""
        now, aside = self.scanned_now, len(self.set_aside)
        return (
            f"{self.items} items scanned ({now} now, {aside} set aside), {self.tiles} tiles, "
            f"{self.proposals} proposals (on whole frames {self.whole_frame})"
        )

    def __add__(self, other: "ProposalCounts") -> "ProposalCounts":
        """Return the counts of two sets of items together."""
        return ProposalCounts(
            items=self.items + other.items,
            proposals=self.proposals + other.proposals,
            whole_frame=self.whole_frame + other.whole_frame,
            tiles=self.tiles + other.tiles,
            scanned_now=self.scanned_now + other.scanned_now,
            dropped=self.dropped + other.dropped,
            lacking=tuple(dict.fromkeys(self.lacking + other.lacking)),
            set_aside=self.set_aside + other.set_aside,
        )


def propose(  # the order every station uses: where to write, where to read, what, how
    engine: Engine,
    store: Store,
    items: Sequence[Item],
    ref: DetectorRef,
    classes: Sequence[str],
    options: TilingOptions,
    kind: str = "boxes",
) -> ProposalCounts:
    """Scan items that this detector has not yet scanned under this recipe, and write what it proposes.

    An item that cannot be read is reported in `set_aside` and left without a scan; the rest goes on. Where nothing is
    left to do, neither weights nor torch are loaded; nobody has nothing to propose.

    Args:
        engine: The catalogue.
        store: Where items and weights are.
        items: What to scan.
        ref: The detector.
        classes: Names of the classes wanted; others that the detector knows are not written.
        options: Tiling and thresholds.
        kind: Of the labels that are proposed.

    Raises:
        BadWeights: The detector's file is missing, corrupt, or not the one that the reference names.
        BadOption: The calibration is not in the store, or the back end cannot run here.
        StoreUnavailable: The store does not answer.
        CatalogUnavailable: The catalogue cannot be written.
    """
    if ref.is_nobody:
        return ProposalCounts()
    recipe = options.recipe(classes)
    ids = [item.id for item in items]
    with reading(engine) as session:
        done = {scan.item_id for scan in _scans(session, ids, ref.version, recipe)}
    todo = [item for item in items if item.id not in done]
    scanner = _Scanner(engine, store, ref, options, recipe)
    fresh = scanner.scan(todo, classes, kind) if todo else ProposalCounts()
    counts = fresh + _count(engine, ids, ref.version, recipe)
    return counts.model_copy(update={"lacking": lacking_classes(engine, ref.version, classes)})


def proposals_of(engine: Engine, item_ids: Sequence[str], detector: str, recipe: str) -> dict[str, list[Proposal]]:
    """Return the proposals of one detector under one recipe by item, best score first; an empty list where none."""
    found: dict[str, list[Proposal]] = {item_id: [] for item_id in item_ids}
    with reading(engine) as session:
        for some in _chunks(list(found)):
            query = select(Proposal).where(
                col(Proposal.item_id).in_(some), Proposal.detector == detector, Proposal.recipe == recipe
            )
            for proposal in session.exec(query.order_by(col(Proposal.score).desc(), col(Proposal.id))):
                found[proposal.item_id].append(proposal)
    return found


def scanned_items(engine: Engine, item_ids: Sequence[str], detector: str, recipe: str) -> set[str]:
    """Return those of some items that a detector has looked at under a recipe, whether it found anything or not."""
    seen: set[str] = set()
    with reading(engine) as session:
        for some in _chunks(list(item_ids)):
            query = select(Scan.item_id).where(col(Scan.item_id).in_(some))
            seen.update(session.exec(query.where(Scan.detector == detector, Scan.recipe == recipe)))
    return seen


def proposal_id(item_id: str, detector: str, recipe: str, rank: int) -> str:
    """Return the id of a box: the same scan made again gives the same ids."""
    return hashlib.sha256(f"{item_id}|{detector}|{recipe}|{rank}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Scanner:
    """What stays the same for all items of one call."""

    engine: Engine
    store: Store
    ref: DetectorRef
    options: TilingOptions
    recipe: str

    def scan(self, items: Sequence[Item], classes: Sequence[str], kind: str) -> ProposalCounts:
        """Look at items and write what is found; return what happened now."""
        looker = self._looker(kind)
        wanted = tuple(name for name in dict.fromkeys(classes) if name in looker.classes)
        note_classes(self.engine, self.ref.version, looker.classes, classes)
        if not wanted:
            return ProposalCounts()
        name = self.options.calibration
        calibration = read_calibration(self.store, self.ref.version, name) if name else None
        unseen: list[UnreadItem] = []
        waiting: list[Looked] = []
        scanned = dropped = 0
        for each in looker.look(items, wanted):
            if isinstance(each, UnreadItem):
                unseen.append(each)
                continue
            scanned, dropped = scanned + 1, dropped + each.dropped
            waiting.append(each)
            if len(waiting) == SCANS_AT_ONCE:
                self._write(waiting, calibration)
                waiting.clear()
        self._write(waiting, calibration)
        return ProposalCounts(scanned_now=scanned, dropped=dropped, set_aside=tuple(unseen))

    def _looker(self, kind: str) -> Looker:
        if self.ref.is_import:
            return ImportedProposals(self.engine, self.ref.version, classes_of_import(self.engine, self.ref.version))
        if self.ref.is_taught:
            return open_suggested(self.engine, self.store, self.ref, self.options)
        if self.ref.is_propagated:
            return open_propagated(self.engine, self.store, self.ref, self.options)
        return proposer_of(kind, self.ref.weights_key).open(self.store, self.ref, self.options)

    def _write(self, looked: Sequence[Looked], calibration: Calibration | None) -> None:
        key = {"detector": self.ref.version, "recipe": self.recipe}
        scans = [{"item_id": each.item_id, **key, **each.scan} for each in looked]
        proposals = [
            {**key, **row, "id": proposal_id(each.item_id, self.ref.version, self.recipe, rank)}
            for each in looked
            for rank, row in enumerate(_calibrated(each.rows, calibration))
        ]
        with writing(self.engine) as session:
            upsert(session, Proposal, proposals)
            upsert(session, Scan, scans)


def _calibrated(rows: list[dict[str, Any]], calibration: Calibration | None) -> list[dict[str, Any]]:
    """Return rows with calibrated scores; their parts keep what the network said."""
    if calibration is None or not rows:
        return rows
    keys = [(row["class_name"], way_of_seeing(row["view"], len(row["merged_from"]))) for row in rows]
    scores = calibration.scores_at(keys, np.array([row["score"] for row in rows], dtype=np.float64))
    return [{**row, "score": round(float(score), 5)} for row, score in zip(rows, scores, strict=True)]


def _count(engine: Engine, item_ids: Sequence[str], detector: str, recipe: str) -> ProposalCounts:
    with reading(engine) as session:
        scans = _scans(session, item_ids, detector, recipe)
    return ProposalCounts(
        items=len(scans),
        proposals=sum(scan.proposals for scan in scans),
        whole_frame=sum(scan.whole_frame for scan in scans),
        tiles=sum(scan.tiles for scan in scans),
    )


def _scans(session: Session, item_ids: Sequence[str], detector: str, recipe: str) -> list[Scan]:
    found: list[Scan] = []
    for some in _chunks(item_ids):
        query = select(Scan).where(col(Scan.item_id).in_(some), Scan.detector == detector, Scan.recipe == recipe)
        found.extend(session.exec(query))
    return found


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE))
