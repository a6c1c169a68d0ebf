"""Networks that a person names to outline what was clicked: checked, kept in the object store, noted of a collection.

`NAME@FILE` is a network that ultralytics builds with the numbers of a file; kept, it is `NAME@VERSION`, by its hash,
so that the gateway opens what was named, wherever it runs and whatever became of the file.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, delete
from sqlmodel import Session, col

from blocks.database.engine import upsert, writing
from blocks.database.tables import Bookmark, utc_now
from blocks.errors import BadOption, BadWeights
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.prompted.sam import open_sam

NETWORKS: Final = (
    *("mobile_sam", "sam_b", "sam_l", "sam_h"),
    *(f"sam{version}_{size}" for version in ("2", "2.1") for size in "tsbl"),
)
"""Networks by the names that ultralytics gives them: MobileSAM, SAM, SAM 2 and SAM 2.1."""

EXAMPLE = "mobile_sam@mobile_sam.pt"

_VERSION = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class NamedNetwork:
    """A network that is kept.

    Attributes:
        name: One of `NETWORKS`.
        version: Of its weights: see `version_of`.
    """

    name: str
    version: str

    @property
    def key(self) -> str:
        """Where its weights are in the object store."""
        return f"outlining/{self.name}/{self.version}.pt"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @classmethod
    def of(cls, told: str) -> "NamedNetwork | None":
        """Return what `NAME@VERSION` names; None: nothing that was kept."""
        name, _, version = told.partition("@")
        return cls(name, version) if name in NETWORKS and _VERSION.fullmatch(version) else None


def told_apart(given: str) -> tuple[str, str]:
    """Return the name and the file of what a person names.

    Raises:
        BadOption: There is no such network, or no file is named.
    """
    name, _, file = given.partition("@")
    if name not in NETWORKS:
        raise BadOption(f"{given!r} names no network that outlines (known: {', '.join(NETWORKS)}): such as {EXAMPLE}")
    if not file:
        raise BadOption(
            f"{given!r} names no weights, and none come along: fetch what ultralytics publishes as {name}.pt, and "
            f"name the file, as {name}@/path/to/{name}.pt"
        )
    return name, file


def keep_network(store: Store, given: str) -> NamedNetwork:
    """Check a network that a person names, and keep it.

    Args:
        store: Where it is kept.
        given: `NAME@FILE`, or `NAME@VERSION` of what is kept.

    Raises:
        BadOption: There is no such network.
        BadWeights: There is no such file, or it has not the numbers of this network.
    """
    name, file = told_apart(given)
    kept = NamedNetwork.of(given)
    if kept is not None and store.has(kept.key):
        return kept
    if not Path(file).is_file():
        raise BadWeights(f"there are no weights at {file}: give the file of {name} that ultralytics publishes")
    found = NamedNetwork(name, version_of(Path(file)))
    if not store.has(found.key):
        open_sam(Path(file), name).try_out()
        store.put(found.key, Path(file))
    return found


def note_network(engine: Engine, collection: str, network: NamedNetwork | None) -> None:
    """Note which network outlines what is clicked in a collection's questions; None: colours do."""
    with writing(engine) as session:
        if network is None:
            session.execute(delete(Bookmark).where(col(Bookmark.name) == outlines_bookmark(collection)))
            return
        row = {"name": outlines_bookmark(collection), "value": str(network), "updated_at": utc_now()}
        upsert(session, Bookmark, [row], update=("value", "updated_at"))


def noted_network(session: Session, collection: str) -> NamedNetwork | None:
    """Return which network outlines what is clicked in a collection's questions; None: colours do."""
    noted = session.get(Bookmark, outlines_bookmark(collection))
    return NamedNetwork.of(noted.value) if noted else None


def outlines_bookmark(collection: str) -> str:
    """Name the bookmark that holds which network outlines what is clicked in a collection's questions."""
    return f"outlines of {collection}"
