"""Whether the disk has room for the pictures of a dataset, known before the first is written."""

import shutil
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine, func
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item
from blocks.errors import BadOption
from tasks.dataset.manifest import Manifest

AT_ONCE = 500

SPARE_BYTES = 64 << 20
"""For labels, and whatever else is written meanwhile."""


def check_space(engine: Engine, manifest: Manifest, folder: Path) -> None:
    """Refuse to copy pictures to where there is no room for them.

    Raises:
        BadOption: With what they need and what is free.
    """
    ids = (item.id for item in manifest.items())
    needed = 0
    while part := list(islice(ids, AT_ONCE)):
        with reading(engine) as session:
            needed += session.exec(select(func.sum(Item.size_bytes)).where(col(Item.id).in_(part))).one() or 0
    free = shutil.disk_usage(folder.parent).free
    if needed + SPARE_BYTES > free:
        raise BadOption(
            f"the pictures take {needed / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free at {folder.parent}: make room, "
            "or take --images link or none"
        )
