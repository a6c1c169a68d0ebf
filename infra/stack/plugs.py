"""The catalogue and the object store of a stack, also while it is down: what looks after data needs no worker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item
from blocks.errors import StackError, StoreUnavailable
from blocks.storage.mirrored import copies_of
from blocks.storage.stores import FolderStore, Store
from infra.stack.orchestration.connection import connected
from infra.stack.report import open_for_reading
from infra.stack.servers.health import Health, health_of
from infra.stack.servers.services import PLUGS, describe_service
from infra.stack.state import ServiceName, StackState

if TYPE_CHECKING:
    from sqlalchemy import Engine


PATIENCE_S = 10.0
"""How long Prefect may take to say where data are: a busy one is not down."""


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
        StackError: There is no catalogue yet, or Prefect runs and does not answer.
        CatalogUnavailable: The catalogue cannot be opened or read.
    """
    prefect = health_of(describe_service(ServiceName.PREFECT, state), state, timeout_s=PATIENCE_S)
    if prefect not in (Health.WELL, Health.DEAD):
        raise StackError(f"Prefect, which knows where data are, is {prefect.value}: wait, or `labelline up`")
    engine, _ = open_for_reading(state)
    if prefect is Health.DEAD:
        say(f"the stack is down: the catalogue and the objects in {state.home} are looked at, no others")
        return OpenPlugs(engine, FolderStore(state.home / "objects"), is_up=False)
    from blocks.object_store import ObjectStore

    with connected(state):
        return OpenPlugs(engine, cast(ObjectStore, ObjectStore.load(PLUGS)).open(), is_up=True)


def refuse_empty(plugs: OpenPlugs, state: StackState) -> None:
    """Refuse a store without any object beside a catalogue that names some: everything would be told to be lost.

    Raises:
        StoreUnavailable: It is so.
    """
    if next(iter(plugs.store.keys("")), None) is not None:
        return
    with reading(plugs.engine) as session:
        named = session.exec(select(Item.key).limit(1)).first()
    if named is not None:
        raise StoreUnavailable(
            "the object store has nothing at all of what the catalogue names: "
            + (
                "is its disk mounted?"
                if plugs.is_up
                else f"{state.home / 'objects'} is empty, and only Prefect knows of another: `labelline up` first"
            )
        )
