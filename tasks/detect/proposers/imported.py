"""Proposals that came in from elsewhere, found under the name of their import: they stand where a detector would.

An import of proposals is a version like that of a detector. Its proposals wait in the catalogue under a recipe of their
own; a line that uses them has them copied under its own, for the classes that it asks for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.import_tables import LabelImport
from blocks.database.tables import Item, Proposal, Scan
from blocks.errors import BadOption
from tasks.detect.proposers.protocol import Looked
from tasks.detect.refs import IMPORTED, DetectorRef

PREFIX = "import:"
"""Before the name of an import, where a detector is asked for."""

RECIPE = "import"
"""Under which proposals wait as they came."""

OWN = {"id", "detector", "recipe", "created_at"}
"""What of a proposal is not copied: each copy has its own."""


@dataclass(frozen=True, slots=True)
class ImportedProposals:
    """An import of proposals, as what looks at items."""

    engine: Engine
    version: str
    classes: tuple[str, ...]

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked]:
        """Say of the items that the import speaks of what it says; of others nothing is known."""
        mine = [item.id for item in items]
        key = (Proposal.detector == self.version, Proposal.recipe == RECIPE)
        with reading(self.engine) as session:
            known = select(Scan.item_id).where(
                col(Scan.item_id).in_(mine), Scan.detector == self.version, Scan.recipe == RECIPE
            )
            seen = set(session.exec(known).all())
            found = select(Proposal).where(col(Proposal.item_id).in_(mine), *key, col(Proposal.class_name).in_(wanted))
            rows = session.exec(found.order_by(col(Proposal.score).desc(), col(Proposal.id))).all()
        by_item: dict[str, list[dict[str, object]]] = {item_id: [] for item_id in mine if item_id in seen}
        for row in rows:
            by_item.setdefault(row.item_id, []).append(row.model_dump(exclude=OWN))
        for item_id, said in by_item.items():
            # It has no view of its own: tiles are said to find nothing that a whole picture does not show.
            yield Looked(
                item_id, {"proposals": len(said), "whole_frame": len(said), "tiles": 0, "embedding": None}, said
            )


def find_imported(engine: Engine, collection: str, spec: str) -> DetectorRef | None:
    """Return the proposals that are meant, as flows pass a detector on; None: it is not about an import.

    Args:
        engine: The catalogue.
        collection: Whose.
        spec: `import:NAME`, or the version of one.

    Raises:
        BadOption: There is no such import.
    """
    named = spec.removeprefix(PREFIX) if spec.startswith(PREFIX) else None
    query = select(LabelImport).where(LabelImport.collection == collection, LabelImport.purpose == "proposals")
    wanted = LabelImport.id == spec if named is None else (LabelImport.name == named) | (LabelImport.id == named)
    with reading(engine) as session:
        found = session.exec(query.where(wanted).order_by(col(LabelImport.begun_at).desc())).first()
        known = session.exec(query).all() if found is None and named is not None else ()
    if found is not None:
        return DetectorRef(
            version=found.id, weights_key=f"{IMPORTED}{found.id}/plan.json", name=f"{PREFIX}{found.name}"
        )
    if named is None:
        return None
    names = ", ".join(sorted({one.name for one in known})) or "none"
    raise BadOption(
        f"{collection!r} has no imported proposals {named!r} (known: {names}): bring them in first, with "
        f"`labelline import PATH {collection} --as proposals`"
    )


def classes_of_import(engine: Engine, version: str) -> tuple[str, ...]:
    """Return the classes of an import's labels."""
    with reading(engine) as session:
        found = session.get(LabelImport, version)
    return tuple(found.classes) if found else ()
