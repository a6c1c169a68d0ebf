"""The catalogue and the object store of a stack, also while it is down: what looks after data needs no worker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from blocks.storage.mirrored import copies_of
from blocks.storage.stores import FolderStore, Store
from infra.stack.orchestration.connection import connected
from infra.stack.report import open_for_reading
from infra.stack.servers.health import is_well
from infra.stack.servers.services import PLUGS, describe_service
from infra.stack.state import ServiceName, StackState

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class OpenPlugs:
    """What a stack keeps data in.

    Attributes:
        engine: The catalogue.
        store: The object store.
        is_up: Whether Prefect told where they are; else they are those of the state folder.
    """

    engine: "Engine"
    store: Store
    is_up: bool

    @property
    def stores(self) -> tuple[Store, ...]:
        """Where each object is kept: the first is what the line reads."""
        return copies_of(self.store)


def open_plugs(state: StackState, say: Callable[[str], object]) -> OpenPlugs:
    """Return the catalogue and the store that the saved blocks name, or the state folder's own while Prefect is down.

    Raises:
        StackError: There is no catalogue yet.
        CatalogUnavailable: The catalogue cannot be opened or read.
    """
    engine, _ = open_for_reading(state)
    if not is_well(describe_service(ServiceName.PREFECT, state), state):
        say(f"the stack is down: the catalogue and the objects in {state.home} are looked at, no others")
        return OpenPlugs(engine, FolderStore(state.home / "objects"), is_up=False)
    from blocks.object_store import ObjectStore

    with connected(state):
        return OpenPlugs(engine, cast(ObjectStore, ObjectStore.load(PLUGS)).open(), is_up=True)
