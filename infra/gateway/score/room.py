"""The score room: a process of its own in which champions are open, so that no picture and no doorbell waits for one.

To score takes all cores and a network library of half a gigabyte; weights and pictures come from outside. Here it costs
the gateway nothing, and what goes wrong here ends this process alone: the next batch starts another. It starts with the
first request.
"""

import asyncio
import faulthandler
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from blocks.catalog import Catalog
from blocks.errors import BadOption
from blocks.object_store import ObjectStore
from blocks.storage.stores import Store
from blocks.tracking import Tracking
from infra.gateway.beside import settle_in
from infra.gateway.score.limits import ScoreLimits
from tasks.detect.scoring.protocol import NotScored, OpenScorer, Takes
from tasks.detect.scoring.registry import scorer_of
from tasks.kinds.protocol import LabelKind
from tasks.train.champions import OpenChampion, OpenChampions
from tasks.train.registry import RegisteredModel

POLITENESS = 1
"""What is added to the process's niceness: the gateway answers first, and the machine's other work goes on."""


@dataclass(frozen=True, slots=True)
class AskedOf:
    """What requests must have in common to be scored together.

    Attributes:
        collection: Whose champion; empty: of the only one that has any.
        takes: Pictures or texts.
    """

    collection: str
    takes: Takes


@dataclass(frozen=True, slots=True)
class Scored:
    """What a champion says of some inputs.

    Attributes:
        collection: Whose champion.
        number: Of its version in MLflow.
        version: Of its weights.
        labels: Its classes.
        gives: What a row is called.
        rows: One for each input, in their order.
    """

    collection: str
    number: str
    version: str
    labels: tuple[str, ...]
    gives: str
    rows: list[list[Any] | NotScored]


class ScoreRoom:
    """Scores in another process, one batch at a time.

    Args:
        catalog: Says which collections there are, and what their labels are.
        store: Has the weights.
        tracking: Says who is champion. All three are handed over in memory: no secret is in an argument.
        limits: What is taken of anybody.
    """

    def __init__(self, catalog: Catalog, store: ObjectStore, tracking: Tracking, limits: ScoreLimits) -> None:
        self._open = partial(
            ProcessPoolExecutor,
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),  # threads run here: a fork would copy their locks
            initializer=_move_in,
            initargs=(catalog, store, tracking, limits),
        )
        self._process: ProcessPoolExecutor | None = None

    async def score(self, asked: AskedOf, inputs: Sequence[Any]) -> Scored:
        """Return what a champion says of inputs.

        Raises:
            LabellingError: It cannot be asked; see `OpenChampions.of`.
            BadOption: It takes pictures and was given texts, or the other way round.
            BrokenProcessPool: The other process died meanwhile.
        """
        process = self._process = self._process or self._open()
        try:
            return await asyncio.wrap_future(process.submit(_score, asked, list(inputs)))
        except BrokenProcessPool:
            if self._process is process:
                self._process = None
            process.shutdown(wait=False)
            raise

    def close(self) -> None:
        """Let it finish what is in hand, and end it."""
        if self._process is not None:
            self._process.shutdown(wait=True, cancel_futures=True)


class _Furniture:
    """What the jobs in the other process work with."""

    blocks: tuple[Catalog, ObjectStore, Tracking]
    limits: ScoreLimits
    champions: OpenChampions[OpenScorer] | None = None


_furniture = _Furniture()


def _move_in(catalog: Catalog, store: ObjectStore, tracking: Tracking, limits: ScoreLimits) -> None:
    settle_in(POLITENESS)
    # torch's threads wait for each other after every layer: with a thread for every core, and anything else at work, a
    # small picture took twice as long as with one.
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // 2))
    _furniture.blocks, _furniture.limits = (catalog, store, tracking), limits


def _score(asked: AskedOf, inputs: list[Any]) -> Scored:
    limits = _furniture.limits
    with _given_up_after(limits.open_s):
        champion = open_champion(_champions(), asked)
    with _given_up_after(limits.batch_s):
        return _said_by(champion, inputs)


@contextmanager
def _given_up_after(seconds: float) -> Iterator[None]:
    """End this process if what is within takes longer; what it was at goes to the gateway's log."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def ask_champion(champions: OpenChampions[OpenScorer], asked: AskedOf, inputs: Sequence[Any]) -> Scored:
    """Return what a champion says of inputs; for what is raised see `ScoreRoom.score`."""
    return _said_by(open_champion(champions, asked), inputs)


def open_champion(champions: OpenChampions[OpenScorer], asked: AskedOf) -> OpenChampion[OpenScorer]:
    """Return the champion that is asked, once it is known to take what it is given."""
    champion = champions.of(asked.collection)
    scorer = champion.opened
    if scorer.takes != asked.takes:
        raise BadOption(
            f"the champion of {champion.collection!r} scores {scorer.takes}, and was given {asked.takes}: send "
            f'{{"type": "{scorer.takes}", …}}, or name another collection with ?collection='
        )
    return champion


def _said_by(champion: OpenChampion[OpenScorer], inputs: Sequence[Any]) -> Scored:
    scorer = champion.opened
    number, version = champion.registered.number, champion.registered.ref.version
    return Scored(champion.collection, number, version, scorer.labels, scorer.gives, scorer.score(inputs))


def _champions() -> OpenChampions[OpenScorer]:
    if _furniture.champions is None:
        catalog, store, tracking = _furniture.blocks
        _furniture.champions = OpenChampions(catalog.open(), store.open(), tracking.open(), _open_scorer)
    return _furniture.champions


def _open_scorer(kind: LabelKind, store: Store, registered: RegisteredModel) -> OpenScorer:
    return scorer_of(kind, registered.ref.weights_key).open(store, registered.ref, _furniture.limits.item_pixels)
