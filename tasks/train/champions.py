"""The champions of collections, kept open: one that was promoted meanwhile is taken, and no question waits for it."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Source
from blocks.errors import BadOption, LabellingError
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.intake.label_kinds import noted_kind
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import kind_with_shapes
from tasks.train.naming import registry_name
from tasks.train.registry import CHAMPION, RegisteredModel, champion_of, restore_weights

log = logging.getLogger(__name__)

FRESH_S = 2.0
"""For so long nobody looks again who is champion."""

OLD_S = 30.0
"""After so long without a question, one waits for who is champion now; sooner, the look goes on beside it."""

PATIENCE_S = 1.0
"""For so long it waits at most, also for a new one to be opened; then the last one answers."""

MOST_OPEN = 4
"""Champions kept open; the one that nobody has asked for longest goes first."""

Opened = TypeVar("Opened")


class NoChampion(BadOption):
    """A collection that has no champion, or is none."""


class SeveralChampions(BadOption):
    """Nobody said which of several collections is meant."""


@dataclass(frozen=True, slots=True)
class OpenChampion(Generic[Opened]):
    """A champion that is ready.

    Attributes:
        collection: Whose.
        registered: Its version in MLflow.
        opened: What was made of it.
    """

    collection: str
    registered: RegisteredModel
    opened: Opened


class OpenChampions(Generic[Opened]):
    """Champions by collection, each opened once. For one thread that asks.

    Args:
        engine: The catalogue, which says what collections there are.
        store: Where weights are.
        experiments: Whose registry says who is champion.
        make: Opens a champion's weights for labels of a kind.
        fresh_s: For so long nobody looks again.
        old_s: After so long a question waits for who is champion now.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        experiments: Experiments,
        make: Callable[[LabelKind, Store, RegisteredModel], Opened],
        fresh_s: float = FRESH_S,
        old_s: float = OLD_S,
    ) -> None:
        self._engine, self._store, self._experiments = engine, store, experiments
        self._make = make
        self._fresh_s, self._old_s = fresh_s, old_s
        self._kept: OrderedDict[str, OpenChampion[Opened]] = OrderedDict()
        self._looked: dict[str, float] = {}
        self._looking: dict[str, Future[OpenChampion[Opened]]] = {}
        self._lookers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="champion")

    def of(self, collection: str) -> OpenChampion[Opened]:
        """Return the champion of a collection; of the only one that has any, for ''.

        Raises:
            NoChampion: There is none, or no such collection; the message names those that have one.
            SeveralChampions: No collection is named, and several have one.
            BadWeights: Its weights are damaged, and no earlier champion is open.
            ObjectMissing: Its weights are gone.
            TrackingUnavailable: MLflow does not answer, and none is open.
        """
        kept = self._kept.get(collection)
        age_s = 0.0
        if kept is not None:
            self._kept.move_to_end(collection)
            age_s = time.monotonic() - self._looked[collection]
            if age_s < self._fresh_s:
                return kept
        look = self._looking.get(collection) or self._lookers.submit(self._look, collection)
        self._looking[collection] = look
        try:
            found = look.result(None if kept is None else PATIENCE_S * (age_s > self._old_s))
        except NotInTime:
            assert kept is not None
            return kept  # it goes on being looked for, and the next question finds it
        except (NoChampion, SeveralChampions):
            self._kept.pop(collection, None)
            del self._looking[collection]
            raise
        except LabellingError as error:
            del self._looking[collection]
            if kept is None:
                raise
            log.warning("the champion of %r stays %s: %s", collection, kept.registered.ref.version, error)
            found = kept
        else:
            del self._looking[collection]
        self._kept[collection], self._looked[collection] = found, time.monotonic()
        if len(self._kept) > MOST_OPEN:
            self._kept.popitem(last=False)
        return found

    def close(self) -> None:
        """End the look that is under way."""
        self._lookers.shutdown(wait=True, cancel_futures=True)

    def _look(self, collection: str) -> OpenChampion[Opened]:
        name = collection or self._only_one()
        registered = champion_of(self._experiments, registry_name(name))
        if registered is None:
            raise self._lacking(name)
        kept = self._kept.get(collection)
        if kept is not None and (kept.collection, kept.registered.ref) == (name, registered.ref):
            return OpenChampion(name, registered, kept.opened)
        restore_weights(self._experiments, self._store, registered)
        kind = noted_kind(self._engine, name) or kind_with_shapes(())
        opened = self._make(kind, self._store, registered)
        log.info("opened %s, champion of %r", registered.ref.version, name)
        return OpenChampion(name, registered, opened)

    def _only_one(self) -> str:
        having = self._having()
        if not having:
            raise self._lacking("")
        if len(having) > 1:
            raise SeveralChampions(
                f"several collections have a champion ({', '.join(having)}): say which, such as ?collection={having[0]}"
            )
        return having[0]

    def _having(self) -> list[str]:
        crowned = crowned_names(self._experiments)
        return [name for name in collections_of(self._engine) if registry_name(name) in crowned]

    def _lacking(self, name: str) -> NoChampion:
        having = ", ".join(self._having())
        known = f"those that have one: {having}" if having else "no collection has one yet"
        if name and name not in collections_of(self._engine):
            return NoChampion(f"there is no collection {name!r} ({known})")
        whose = f"collection {name!r} has" if name else "there is"
        return NoChampion(
            f"{whose} no champion ({known}): train one with `labelline label` or `labelline retrain`, or give a "
            f"version the alias `{CHAMPION}` in MLflow"
        )


def collections_of(engine: Engine) -> list[str]:
    """Return the names of all collections, sorted."""
    with reading(engine) as session:
        names = {
            *session.exec(select(col(Source.collection)).distinct()).all(),
            *session.exec(select(col(Batch.collection)).distinct()).all(),
        }
    return sorted(names)


def crowned_names(experiments: Experiments) -> set[str]:
    """Return the names of the registered models that have a champion."""
    names: set[str] = set()
    token = None
    while True:
        with experiments.speaking():
            page = experiments.client.search_registered_models(max_results=500, page_token=token)
        names |= {model.name for model in page if CHAMPION in model.aliases}
        token = page.token
        if not token:
            return names
