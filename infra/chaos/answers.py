"""Runs the faults that answers meet, one after the other, and compares the books after each."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from blocks.database import open_engine
from blocks.stores import FolderStore
from infra.chaos.crowd import Crowd, marks_of
from infra.chaos.faults import Stage, faults
from infra.chaos.ground import QUEUE, lay_ground
from infra.chaos.ledger import Books, compare, read_kept, read_shown
from infra.chaos.post_office import PostOffice, open_gateway, wait_until_heard
from infra.chaos.server import OwnLabelStudio
from infra.chaos.tally import Tally
from tasks.review.outbox import post_questions
from tasks.review.poll import read_all_changes

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FaultOptions:
    """How much is tried."""

    questions: int = 40
    lock_s: float = 10.0
    only: Collection[str] = ()
    """Names of faults; empty: all."""


def try_faults(
    label_studio: OwnLabelStudio,
    office: PostOffice,
    catalog_url: str,
    options: FaultOptions,
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
            play(stage)
            wait_until_heard(bell)
            read_all_changes(engine, server)
            lost, doubled = compare(_read_books(stage))
            tallies.append(Tally(name, stage.crowd.acts, lost, doubled))
    return tallies


def _read_books(stage: Stage) -> Books:
    kept, answered = read_kept(stage.ground.engine, stage.ground.batch_id)
    return Books(
        acknowledged=frozenset(stage.crowd.acknowledged),
        heard=frozenset(stage.told | marks_of(stage.office.delivered)),
        drafts=frozenset(stage.crowd.drafts),
        shown=read_shown(stage.label_studio.server, stage.ground.questions),
        kept=kept,
        answered=answered,
    )
