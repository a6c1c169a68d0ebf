"""Which proposals of a batch a threshold could accept without a look: the frame from which audits draw.

Known before anybody is asked: it follows from what the detector said and from the lots of the blind audit. Not in it
are boxes below a floor, boxes that are odd and so always asked about, and the boxes of audited items, which people
label blind. What triage accepts of a class is then exactly the part of this frame at or above its threshold.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import BatchItem
from tasks.detect.refs import Scope
from tasks.triage.audit import CONTROL, audits_of, draw_audit
from tasks.triage.boxes import Boxes, in_shards, read_boxes
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.batch_normal import learn_boxes, odd_reasons
from tasks.triage.outliers.read_tracks import odd_track_reasons
from tasks.triage.robust_z import Floats


@dataclass(frozen=True, slots=True)
class Acceptable:
    """Proposals in columns, all of length n, in the order of the batch."""

    ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    class_names: npt.NDArray[np.str_]
    scores: Floats

    def of_class(self, name: str) -> "Acceptable":
        """Return the proposals of one class; may be none."""
        places = np.flatnonzero(self.class_names == name)
        return Acceptable(
            tuple(self.ids[place] for place in places),
            tuple(self.item_ids[place] for place in places),
            self.class_names[places],
            self.scores[places],
        )


def acceptable_boxes(engine: Engine, scope: Scope, options: TriageOptions, floor: float) -> Acceptable:
    """Return the proposals that a threshold could accept; draws the blind audit where that has not happened yet.

    Args:
        engine: The catalogue.
        scope: Whose proposals, in which batch; all its items are scanned.
        options: As triage will use them: the audit's share and seed, oddities and drop scores.
        floor: The lowest score that may be accepted.
    """
    draw_audit(engine, scope.batch_id, options.audit_share, options.seed)
    # The control group is drawn later, and at random: its boxes are in the frame like all others.
    audited = {item_id for item_id, why in audits_of(engine, scope.batch_id).items() if why != CONTROL}
    with reading(engine) as session:
        in_batch = select(BatchItem.item_id).where(BatchItem.batch_id == scope.batch_id)
        # Those set aside later too: what was drawn from must stay what it was.
        item_ids = session.exec(in_batch.order_by(col(BatchItem.position))).all()
    usual = learn_boxes((read_boxes(engine, scope, part) for part in in_shards(item_ids)), options)
    usual = replace(usual, tracks=odd_track_reasons(engine, scope))
    parts = []
    for part in in_shards([item_id for item_id in item_ids if item_id not in audited]):
        boxes = read_boxes(engine, scope, part)
        is_odd = np.array([bool(found) for found in odd_reasons(boxes, usual, options)], dtype=np.bool_)
        parts.append(_kept(boxes, ~is_odd & (boxes.scores >= _floors(boxes, options, floor))))
    return _joined(parts)


def _floors(boxes: Boxes, options: TriageOptions, floor: float) -> Floats:
    known = {name: max(floor, options.thresholds_of(name).drop) for name in np.unique(boxes.class_names).tolist()}
    return np.array([known[name] for name in boxes.class_names.tolist()], dtype=np.float64)


def _kept(boxes: Boxes, keep: npt.NDArray[np.bool_]) -> Acceptable:
    places = np.flatnonzero(keep)
    return Acceptable(
        tuple(boxes.ids[place] for place in places),
        tuple(boxes.item_ids[place] for place in places),
        boxes.class_names[places],
        boxes.scores[places],
    )


def _joined(parts: list[Acceptable]) -> Acceptable:
    return Acceptable(
        tuple(id_ for part in parts for id_ in part.ids),
        tuple(item_id for part in parts for item_id in part.item_ids),
        np.concatenate([np.empty(0, dtype=np.str_), *(part.class_names for part in parts)]),
        np.concatenate([np.empty(0), *(part.scores for part in parts)]),
    )
