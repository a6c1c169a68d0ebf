"""Items that a detector and people have both spoken about."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import writing
from blocks.database.tables import Batch
from tests.monitor.spending import answered
from tests.settle.world import Region, give_verdicts, settle_batch
from tests.triage.rows import BATCH, DETECTOR, Box, add_batch, add_scan


def judge_items(
    engine: Engine,
    items: int,
    proposed: Sequence[Box],
    there: Sequence[Region],
    why: str | None = "random",
    batch_id: str = BATCH,
    sequences: int = 1,
    embeddings: np.ndarray | None = None,
    saw_proposals: bool | None = None,
) -> list[str]:
    """Add a batch of items that all have the same proposals and answers, and settle it."""
    ids = add_batch(engine, items, batch_id, sequences=sequences)
    note_detector(engine, batch_id)
    for number, item_id in enumerate(ids):
        shown = add_scan(engine, item_id, proposed, None if embeddings is None else embeddings[number])
        give_verdicts(engine, dict.fromkeys(shown, "ask"), batch_id)
        mine = [{**one, "id": f"{one['id']}-{number}-{batch_id}"} for one in there]
        answered(engine, item_id, mine, 10, why, batch_id, saw_proposals=saw_proposals)
    settle_batch(engine, batch_id)
    return ids


def note_detector(engine: Engine, batch_id: str, detector: str = DETECTOR) -> None:
    with writing(engine) as session:
        batch = session.get(Batch, batch_id)
        assert batch is not None
        batch.detector = detector
        session.add(batch)
