"""Labels from elsewhere as proposals: what a line triages and asks about, in the place of a detector's.

They wait under a recipe of their own. A label without a score gets one below what lines accept unseen (0.6 where the
line says nothing else): who brings labels as proposals wants people to see them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import upsert, writing
from blocks.database.tables import Proposal, Scan
from blocks.shapes import shape_columns
from tasks.dataset.imports.placing import PlacedPicture
from tasks.dataset.imports.plan import ImportPlan, PlannedLabel
from tasks.dataset.imports.report import NEW, PROPOSED, SAME, TO_LABEL, UNCHANGED, ImportCounts
from tasks.detect.proposals import proposal_id
from tasks.detect.proposers.imported import RECIPE

WITHOUT_SCORE = 0.5


def bring_in_proposals(engine: Engine, plan: ImportPlan, placed: Sequence[PlacedPicture]) -> ImportCounts:
    """Write proposals, in one transaction; a second time, or of the same bytes, changes nothing.

    Args:
        engine: The catalogue.
        plan: Of the import.
        placed: Some of its pictures.
    """
    pictures: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    with writing(engine) as session:
        mine = [one.item_id for one in placed]
        query = select(Scan.item_id).where(col(Scan.item_id).in_(mine), Scan.detector == plan.id, Scan.recipe == RECIPE)
        done = set(session.exec(query).all())
        for one in placed:
            said = one.planned.labels
            if said is None:
                pictures[TO_LABEL] += 1
                continue
            is_new = one.item_id not in done
            if is_new:
                done.add(one.item_id)
                upsert(session, Proposal, _rows(plan.id, one.item_id, said))
                upsert(session, Scan, [_scan(plan.id, one.item_id, len(said))])
            pictures[PROPOSED if is_new else UNCHANGED] += 1
            labels[NEW if is_new else SAME] += len(said)
    return ImportCounts(pictures=dict(pictures), labels=dict(labels))


def _rows(version: str, item_id: str, labels: Sequence[PlannedLabel]) -> list[dict[str, Any]]:
    best_first = sorted(labels, key=lambda label: -_score(label))
    return [
        {
            "id": proposal_id(item_id, version, RECIPE, rank),
            "item_id": item_id,
            "detector": version,
            "recipe": RECIPE,
            "class_name": label.class_name,
            "score": _score(label),
            **shape_columns(label.shape),
            "track": label.track,
            "view": "whole",
            "tile": None,
            "seam": False,
            "merged_from": [],
            "import_file": label.file,
            "import_line": label.line,
        }
        for rank, label in enumerate(best_first)
    ]


def _score(label: PlannedLabel) -> float:
    return WITHOUT_SCORE if label.score is None else round(min(max(label.score, 0.0), 1.0), 5)


def _scan(version: str, item_id: str, count: int) -> dict[str, Any]:
    counts = {"proposals": count, "whole_frame": count, "tiles": 0, "embedding": None}
    return {"item_id": item_id, "detector": version, "recipe": RECIPE, **counts}
