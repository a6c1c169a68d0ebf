"""Networks that a person names to outline what was clicked: checked, kept in the object store, noted of a batch.

`NAME@FILE` is a network that ultralytics builds with the numbers of a file; kept, it is `NAME@VERSION`, by its hash,
so that the gateway opens what was named, wherever it runs and whatever became of the file. A run that wakes after the
file is gone goes on with it as well.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, delete
from sqlmodel import Session, col

from blocks.database.engine import reading, upsert, writing
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

LOG = logging.getLogger(__name__)

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
    """Check a network that a person names, and keep it; what is kept of it and damaged is written anew.

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
    if kept is not None and not Path(file).is_file():
        raise BadWeights(f"the weights of {kept} are gone from the object store: name their file again, as {name}@FILE")
    if not Path(file).is_file():
        raise BadWeights(f"there are no weights at {file}: give the file of {name} that ultralytics publishes")
    found = NamedNetwork(name, version_of(Path(file)))
    if not _is_whole(store, found):
        open_sam(Path(file), name).try_out()
        store.put(found.key, Path(file))
    return found


def keep_again(engine: Engine, store: Store, given: str) -> NamedNetwork:
    """Check and keep a network, as `keep_network`; of a file that is gone, what was kept when it was there goes on.

    A line that sleeps while people work, or runs each night, names the file each time.

    Raises:
        BadOption: There is no such network.
        BadWeights: There is no such file and never was, or it has not the numbers of this network.
    """
    _, file = told_apart(given)
    if not Path(file).is_file():
        with reading(engine) as session:
            noted = session.get(Bookmark, _kept_of(given))
        known = NamedNetwork.of(noted.value) if noted else None
        if known is not None and store.has(known.key):
            LOG.warning("the file of %s is gone: %s goes on, as it was kept", given, known)
            return known
    found = keep_network(store, given)
    if given != str(found):
        _note(engine, _kept_of(given), found)
    return found


def note_network(engine: Engine, batch_id: str, network: NamedNetwork | None) -> None:
    """Note which network outlines what is clicked in a batch's questions; None: colours do."""
    if network is not None:
        _note(engine, outlines_bookmark(batch_id), network)
        return
    with writing(engine) as session:
        session.execute(delete(Bookmark).where(col(Bookmark.name) == outlines_bookmark(batch_id)))


def noted_network(session: Session, batch_id: str) -> NamedNetwork | None:
    """Return which network outlines what is clicked in a batch's questions; None: colours do."""
    noted = session.get(Bookmark, outlines_bookmark(batch_id))
    return NamedNetwork.of(noted.value) if noted else None


def outlines_bookmark(batch_id: str) -> str:
    """Name the bookmark that holds which network outlines what is clicked in a batch's questions."""
    return f"outlines of {batch_id}"


def _kept_of(given: str) -> str:
    """Name the bookmark that holds what was kept of a named file."""
    return f"network of {hashlib.sha256(given.encode()).hexdigest()[:32]}"


def _note(engine: Engine, bookmark: str, network: NamedNetwork) -> None:
    row = {"name": bookmark, "value": str(network), "updated_at": utc_now()}
    with writing(engine) as session:
        upsert(session, Bookmark, [row], update=("value", "updated_at"))


def _is_whole(store: Store, network: NamedNetwork) -> bool:
    if not store.has(network.key):
        return False
    digest = hashlib.sha256()
    for piece in store.pieces(network.key):
        digest.update(piece)
    return digest.hexdigest()[:12] == network.version
