"""A detector's proposals for some items of a batch, as columns: triage decides on arrays, not on rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import BatchItem, Item, Proposal, Scan
from tasks.detect.refs import Scope
from tasks.triage.robust_z import Floats

Member = TypeVar("Member")

SHARD_ITEMS = 128
"""How many items are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Proposals in columns, all of length n, ordered by item and then by score.

    `xyxy_px` is (n, 4), `frame_wh_px` (n, 2): width and height of the item that each box is in.
    """

    ids: list[str]
    item_ids: list[str]
    class_names: npt.NDArray[np.str_]
    scores: Floats
    xyxy_px: Floats
    frame_wh_px: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def has_place(self) -> npt.NDArray[np.bool_]:
        """Whether a proposal is of a part of its item, shape (n,); one of the whole has no edges at all."""
        return np.asarray(~np.isnan(self.xyxy_px).all(axis=1))

    @property
    def log_area(self) -> Floats:
        """Natural logarithm of the area in square pixels, shape (n,); not finite for a box without area."""
        width, height = self._sides()
        return np.asarray(np.log(width) + np.log(height))

    @property
    def log_aspect(self) -> Floats:
        """Natural logarithm of width over height, shape (n,); not finite for a box without area."""
        width, height = self._sides()
        return np.asarray(np.log(width) - np.log(height))

    @property
    def is_cut_off(self) -> npt.NDArray[np.bool_]:
        """Whether a box touches the item's border, so that its object may go on outside; shape (n,)."""
        near = np.concatenate([self.xyxy_px[:, :2], self.frame_wh_px - self.xyxy_px[:, 2:]], axis=1)
        return np.asarray((near <= 1.0).any(axis=1))

    def where(self, keep: npt.NDArray[np.bool_]) -> "Boxes":
        """Return the boxes for which `keep`, shape (n,), is true; their order stays."""
        places = np.flatnonzero(keep)
        return Boxes(
            ids=[self.ids[place] for place in places],
            item_ids=[self.item_ids[place] for place in places],
            class_names=self.class_names[places],
            scores=self.scores[places],
            xyxy_px=self.xyxy_px[places],
            frame_wh_px=self.frame_wh_px[places],
        )

    def _sides(self) -> tuple[Floats, Floats]:
        width, height = (self.xyxy_px[:, 2:] - self.xyxy_px[:, :2]).T
        return np.where(width > 0, width, np.nan), np.where(height > 0, height, np.nan)


def boxes_from_rows(rows: Sequence[Any]) -> Boxes:
    """Turn rows (id, item, class, score, four corners, frame width, frame height) into columns. May be empty."""
    numbers = np.array([tuple(row)[3:] for row in rows], dtype=np.float64).reshape(-1, 7)
    return Boxes(
        ids=[row[0] for row in rows],
        item_ids=[row[1] for row in rows],
        class_names=np.array([row[2] for row in rows], dtype=np.str_),
        scores=numbers[:, 0],
        xyxy_px=numbers[:, 1:5],
        frame_wh_px=numbers[:, 5:7],
    )


def read_boxes(engine: Engine, scope: Scope, item_ids: Sequence[str]) -> Boxes:
    """Read the proposals for some items; at most a few hundred items at a time."""
    query = (
        select(  # type: ignore[call-overload]
            Proposal.id,
            Proposal.item_id,
            Proposal.class_name,
            Proposal.score,
            Proposal.x_min,
            Proposal.y_min,
            Proposal.x_max,
            Proposal.y_max,
            Item.width,
            Item.height,
        )
        .join(Item, col(Item.id) == Proposal.item_id)
        .where(col(Proposal.item_id).in_(item_ids))
        .where(Proposal.detector == scope.detector, Proposal.recipe == scope.recipe)
        .order_by(col(Proposal.item_id), col(Proposal.score).desc(), col(Proposal.id))
    )
    with reading(engine) as session:
        return boxes_from_rows(session.exec(query).all())


def usable_items(engine: Engine, batch_id: str) -> list[str]:
    """Return the items of a batch that are not set aside, in order."""
    query = (
        select(BatchItem.item_id)
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_(None))
        .order_by(col(BatchItem.position))
    )
    with reading(engine) as session:
        return list(session.exec(query).all())


def scanned_items(engine: Engine, scope: Scope) -> dict[str, str]:
    """Return where in the store each item is that this detector has looked at and is not set aside, in batch order."""
    query = (
        select(Item.id, Item.key)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .join(Scan, col(Scan.item_id) == col(Item.id))
        .where(BatchItem.batch_id == scope.batch_id, col(BatchItem.set_aside).is_(None))
        .where(Scan.detector == scope.detector, Scan.recipe == scope.recipe)
        .order_by(col(BatchItem.position))
    )
    with reading(engine) as session:
        return dict(session.exec(query).all())


def in_shards(sequence: Sequence[Member], size: int = SHARD_ITEMS) -> Iterator[Sequence[Member]]:
    """Cut a sequence into parts of at most `size`; nothing for an empty one."""
    for first in range(0, len(sequence), size):
        yield sequence[first : first + size]
