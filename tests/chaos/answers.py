"""Runs the faults that answers meet, one after the other, and compares the books after each."""

import json
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from blocks.database.engine import open_engine
from blocks.storage.stores import FolderStore
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_all_changes
from tests.chaos.crowd import Crowd
from tests.chaos.deletions import Scene, stories
from tests.chaos.faults import Stage, faults
from tests.chaos.ground import QUEUE, Ground, lay_ground
from tests.chaos.ledger import Books, compare, mark_in, read_kept, read_shown
from tests.chaos.post_office import PostOffice, open_gateway, wait_until_heard
from tests.chaos.relay import Relay
from tests.chaos.server import OwnLabelStudio
from tests.chaos.standing import try_deletion
from tests.chaos.tally import Tally

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LabelErrorOptions:
    """How much is tried."""

    questions: int = 40
    lock_s: float = 10.0
    only: Collection[str] = ()
    """Names of faults; empty: all."""


def try_faults(
    label_studio: OwnLabelStudio,
    office: PostOffice,
    catalog_url: str,
    options: LabelErrorOptions,
    dice: random.Random,
    tell: Tell,
) -> list[Tally]:
    """Play every fault once, each with questions of its own.

    Args:
        label_studio: A running one whose webhooks go to the post office.
        office: The road to the gateway.
        catalog_url: The catalogue.
        options: How much.
        dice: All chance.
        tell: Told before each fault.
    """
    engine = open_engine(catalog_url)
    store = FolderStore(Path(engine.url.database or ".").parent / "objects")
    tallies = []
    with open_gateway(engine, store, label_studio.server) as (address, bell):
        for name, play in faults(options.lock_s).items():
            if options.only and name not in options.only:
                continue
            tell(name)
            ground = lay_ground(catalog_url, options.questions)
            server = label_studio.server
            post_questions(engine, server, QUEUE, ground.batch_id)
            office.connect(address)
            stage = Stage(ground, label_studio, Crowd(server, ground.batch_id), office, dice, options.lock_s)
            failed = bell.counts.failed
            play(stage)
            wait_until_heard(bell)
            # A ring that failed is the sweep's. Of the others nothing may wait for one.
            unheard = _count_unheard(stage) if bell.counts.failed == failed else 0
            read_all_changes(engine, server)
            lost, doubled = compare(_read_books(stage))
            tallies.append(Tally(name, stage.crowd.acts, lost + unheard, doubled))
        tallies += _try_deletions(label_studio, office, address, engine, options, dice, tell)
    return tallies


def _try_deletions(
    label_studio: OwnLabelStudio,
    office: PostOffice,
    address: str,
    engine: Engine,
    options: LabelErrorOptions,
    dice: random.Random,
    tell: Tell,
) -> list[Tally]:
    names = [name for name in stories() if not options.only or name in options.only]
    tallies = []
    with Relay(label_studio.server) as relay:

        def scene_of(ground: Ground) -> Scene:
            office.connect(address)
            server = label_studio.server
            return Scene(ground, server, Crowd(server, ground.batch_id), office, relay, dice, options.lock_s)

        for name in names:
            tell(name)
            questions = max(2, options.questions // 2)
            tallies.append(try_deletion(label_studio, scene_of, str(engine.url), questions, name))
    return tallies


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
        shown=read_shown(stage.label_studio.server, stage.ground.questions),
        kept=kept,
        answered=answered,
    )
