"""Plays the faults that answers meet, a few side by side, and compares the books after each.

Each has a catalogue, a road and a gateway of its own; Label Studio is one for all. Only the story that kills it is
played alone.
"""

import json
import random
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

from sqlalchemy import make_url

from blocks.database.engine import open_engine
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_all_changes
from tests.chaos.crowd import Crowd
from tests.chaos.deletions import Scene, stories
from tests.chaos.faults import KILLED, Stage, faults
from tests.chaos.ground import QUEUE, Ground, lay_ground
from tests.chaos.ledger import Books, compare, mark_in, read_kept, read_shown
from tests.chaos.post_office import PostOffice, open_gateway, wait_until_heard
from tests.chaos.relay import Relay
from tests.chaos.server import OwnLabelStudio
from tests.chaos.standing import try_deletion
from tests.chaos.tally import Tally

Tell = Callable[[str], None]

AT_ONCE = 6
"""Stories side by side: most of one is waiting, for a lock, for Label Studio, or until something is surely over."""


@dataclass(frozen=True, slots=True)
class LabelErrorOptions:
    """How much is tried."""

    questions: int = 40
    lock_s: float = 10.0
    only: Collection[str] = ()
    """Names of faults; empty: all."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one story has for itself, and the Label Studio that it shares."""

    label_studio: OwnLabelStudio
    server: AnnotationServer
    office: PostOffice
    catalog_url: str
    options: LabelErrorOptions
    dice: random.Random


def try_faults(
    label_studio: OwnLabelStudio, empty_catalog_url: str, options: LabelErrorOptions, dice: random.Random, tell: Tell
) -> list[Tally]:
    """Play every fault once, each with questions and a catalogue of its own.

    Args:
        label_studio: A running one.
        empty_catalog_url: A migrated catalogue, which is copied.
        options: How much.
        dice: All chance.
        tell: Told before each fault.

    Returns:
        In the order of the stories.
    """
    empty = Path(make_url(empty_catalog_url).database or "")
    names = [name for name in (*faults(options.lock_s), *stories()) if not options.only or name in options.only]
    seeds = {name: dice.random() for name in names}

    def play(name: str) -> Tally:
        tell(name)
        folder = empty.parent / f"story-{names.index(name)}"
        folder.mkdir()
        copyfile(empty, folder / empty.name)
        with PostOffice() as office:
            server = label_studio.server_ringing(office.url)
            url = f"sqlite:///{folder / empty.name}"
            trial = Trial(label_studio, server, office, url, options, random.Random(seeds[name]))
            return _try_fault(trial, name) if name in faults(options.lock_s) else _try_deletion(trial, name)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="story") as pool:
        tallies = dict(zip(others := [name for name in names if name != KILLED], pool.map(play, others), strict=True))
    return [tallies[name] if name in tallies else play(name) for name in names]


def _try_fault(trial: Trial, name: str) -> Tally:
    engine, server = open_engine(trial.catalog_url), trial.server
    store = FolderStore(Path(engine.url.database or ".").parent / "objects")
    with open_gateway(engine, store, server) as (address, bell):
        ground = lay_ground(trial.catalog_url, trial.options.questions)
        post_questions(engine, server, QUEUE, ground.batch_id)
        trial.office.connect(address)
        crowd = Crowd(server, ground.batch_id)
        stage = Stage(ground, trial.label_studio, server, crowd, trial.office, trial.dice, trial.options.lock_s)
        failed = bell.counts.failed
        faults(trial.options.lock_s)[name](stage)
        wait_until_heard(bell)
        # A ring that failed is the sweep's. Of the others nothing may wait for one.
        unheard = _count_unheard(stage) if bell.counts.failed == failed else 0
        read_all_changes(engine, server)
        lost, doubled = compare(_read_books(stage))
    return Tally(name, stage.crowd.acts, lost + unheard, doubled)


def _try_deletion(trial: Trial, name: str) -> Tally:
    engine, server, office = open_engine(trial.catalog_url), trial.server, trial.office
    store = FolderStore(Path(engine.url.database or ".").parent / "objects")
    with open_gateway(engine, store, server) as (address, _), Relay(server) as relay:

        def scene_of(ground: Ground) -> Scene:
            office.connect(address)
            crowd = Crowd(server, ground.batch_id)
            return Scene(ground, server, crowd, office, relay, trial.dice, trial.options.lock_s)

        return try_deletion(server, scene_of, trial.catalog_url, max(2, trial.options.questions // 2), name)


def _count_unheard(stage: Stage) -> int:
    """Return how many acts the gateway was told of, that Label Studio still shows, and that the catalogue lacks."""
    bodies = [json.loads(letter.body) for letter in stage.office.delivered]
    rung = {mark_in(body["annotation"]["result"]) for body in bodies if "annotation" in body}
    kept, _answered = read_kept(stage.ground.engine, stage.ground.batch_id)
    return len((rung & stage.crowd.acknowledged) - {one.mark for one in kept})


def _read_books(stage: Stage) -> Books:
    kept, answered = read_kept(stage.ground.engine, stage.ground.batch_id)
    return Books(
        acknowledged=frozenset(stage.crowd.acknowledged),
        heard=frozenset(stage.told),
        drafts=frozenset(stage.crowd.drafts),
        shown=read_shown(stage.server, stage.ground.questions),
        kept=kept,
        answered=answered,
    )
