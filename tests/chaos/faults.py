"""The faults that answers meet on their way from a person to the catalogue. Each function is one story.

A `Stage` holds the people, the road and the catalogue of one trial. After the story comes a last sweep, and the books
are compared (see `ledger.py`).
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import make_url

from blocks.errors import LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.receiving.poll import read_all_changes
from tests.chaos.crowd import Crowd
from tests.chaos.ground import Ground
from tests.chaos.post_office import Letter, PostOffice
from tests.chaos.server import OwnLabelStudio

KILLED = "Label Studio killed in mid-flight"


@dataclass(frozen=True, slots=True)
class Stage:
    """One trial: posted questions, people, and the road on which webhooks come.

    Attributes:
        label_studio: The process, which may be killed.
        server: The same, whose webhooks go to the office.
        told: Marks that we were told of: what was there when a sweep ran.
        lock_s: How long the catalogue is locked, where it is.
    """

    ground: Ground
    label_studio: OwnLabelStudio
    server: AnnotationServer
    crowd: Crowd
    office: PostOffice
    dice: random.Random
    lock_s: float
    told: set[str] = field(default_factory=set)

    def sweep(self) -> None:
        """Read what changed, as the scheduled flow does."""
        there = set(self.crowd.acknowledged)
        read_all_changes(self.ground.engine, self.server)
        self.told.update(there)

    def some(self, letters: list[Letter]) -> list[Letter]:
        """Return a random half of letters."""
        return [letter for letter in letters if self.dice.random() < 0.5]

    def shuffled(self, letters: list[Letter]) -> list[Letter]:
        """Return letters in a random order."""
        return self.dice.sample(letters, len(letters))


def dropped(stage: Stage) -> None:
    """Everybody answers, and no webhook arrives."""
    for question in stage.ground.questions:
        stage.crowd.answer(question)


def doubled(stage: Stage) -> None:
    """Every webhook comes two or three times, also after the sweep."""
    for question in stage.ground.questions:
        stage.crowd.answer(question)
    letters = stage.office.collect()
    stage.office.deliver(stage.shuffled(letters * 2))
    stage.sweep()
    stage.office.deliver(letters)


def reordered(stage: Stage) -> None:
    """Everybody answers and edits twice; all webhooks come, in no order at all."""
    for question in stage.ground.questions:
        stage.crowd.edit(stage.crowd.edit(stage.crowd.answer(question)))
    stage.office.deliver(stage.shuffled(stage.office.collect()))


def delayed(stage: Stage) -> None:
    """Half of the answers are edited; the webhooks come after the sweep has read it all."""
    for number, question in enumerate(stage.ground.questions):
        given = stage.crowd.answer(question)
        if number % 2:
            stage.crowd.edit(given)
    stage.sweep()
    stage.office.deliver(stage.office.collect())


def edited(stage: Stage) -> None:
    """Everybody edits, once before and once after a sweep; half of the webhooks are dropped."""
    given = [stage.crowd.edit(stage.crowd.answer(question)) for question in stage.ground.questions]
    stage.sweep()
    for one in given:
        stage.crowd.edit(one)
    stage.office.deliver(stage.some(stage.office.collect()))


def deleted(stage: Stage) -> None:
    """Everybody answers, half is swept, all but a third delete; half of the webhooks are dropped."""
    given = [stage.crowd.answer(question) for question in stage.ground.questions]
    for number, one in enumerate(given):
        if number == len(given) // 2:
            stage.sweep()
        if number % 3:
            stage.crowd.delete(one)
    stage.office.deliver(stage.some(stage.office.collect()))


def submitted_again(stage: Stage) -> None:
    """Answers are deleted and given anew, or a second person answers too; half of the webhooks are dropped."""
    for number, question in enumerate(stage.ground.questions):
        given = stage.crowd.answer(question)
        if number % 2:
            stage.crowd.delete(given)
        stage.crowd.answer(question)
    stage.office.deliver(stage.shuffled(stage.some(stage.office.collect())))


def drafted(stage: Stage) -> None:
    """Everybody begins, half submit what they began."""
    for number, question in enumerate(stage.ground.questions):
        draft_id = stage.crowd.draft(question)
        if number % 2:
            stage.crowd.answer(question, draft_id=draft_id)
    stage.office.deliver(stage.some(stage.office.collect()))


def skipped(stage: Stage) -> None:
    """Everybody skips, and half of the questions are then answered by somebody else, or were so before."""
    for number, question in enumerate(stage.ground.questions):
        if number % 4 == 1:
            stage.crowd.answer(question)
        stage.crowd.skip(question)
        if number % 4 == 3:
            stage.crowd.answer(question)
    stage.office.deliver(stage.shuffled(stage.some(stage.office.collect())))


def killed(stage: Stage) -> None:
    """Label Studio is killed while people submit, and comes back; a sweep runs into it. Half of the webhooks arrive."""
    half_way = threading.Event()
    questions = stage.ground.questions

    def work() -> None:
        for number, question in enumerate(questions):
            if number >= len(questions) // 3:
                half_way.set()
            stage.crowd.edit(stage.crowd.answer(question))

    people = threading.Thread(target=work, daemon=True)
    people.start()
    half_way.wait()
    time.sleep(stage.dice.uniform(0, 0.3))  # in the middle of a request, or between two
    stage.label_studio.kill()
    with suppress(LabelStudioUnavailable):
        read_all_changes(stage.ground.engine, stage.server)
    stage.label_studio.start()
    people.join()
    stage.office.deliver(stage.some(stage.office.collect()))


def locked(stage: Stage) -> None:
    """Somebody holds the catalogue's only write lock while webhooks come and a sweep runs."""
    for question in stage.ground.questions:
        stage.crowd.edit(stage.crowd.answer(question))
    letters = stage.office.collect()
    with lock_held(stage.ground.url, stage.lock_s):
        stage.office.deliver(stage.some(letters))
        stage.sweep()


def forged(stage: Stage) -> None:
    """Somebody who knows the doorbell's secret invents answers, and deletes those that there are and those to come."""
    questions = stage.ground.questions
    given = [stage.crowd.answer(question) for question in questions[::2]]
    letters = stage.office.collect()
    last = max(one.annotation_id for one in given)
    lies = [
        *stage.office.invent(letters, last + 100_000),
        stage.office.invent_deletions(letters, range(1, last + 5_000)),
    ]
    stage.office.deliver(stage.shuffled([*letters, *lies]))
    for question in questions[1::2]:
        stage.crowd.answer(question)
    stage.office.deliver([*stage.office.collect(), *lies])


def everything(stage: Stage) -> None:
    """People do all of it, in any order, while webhooks are dropped, doubled, late and in disorder."""
    late: list[Letter] = []
    for question in stage.ground.questions * 2:
        for _ in range(stage.dice.randint(1, 2)):
            given = stage.crowd.skip(question) if stage.dice.random() < 0.2 else stage.crowd.answer(question)
            if stage.dice.random() < 0.4:
                given = stage.crowd.edit(given)
            if stage.dice.random() < 0.3:
                stage.crowd.delete(given)
        late += stage.some(stage.office.collect()) * 2
        late = stage.shuffled(late)
        stage.office.deliver(late.pop() for _ in range(min(2, len(late))))
        if stage.dice.random() < 0.1:
            stage.sweep()
    stage.office.deliver(late)


def faults(lock_s: float) -> dict[str, Callable[[Stage], None]]:
    """Return the stories by what the table calls them."""
    return {
        "webhooks dropped": dropped,
        "webhooks doubled": doubled,
        "webhooks reordered": reordered,
        "webhooks delayed": delayed,
        "answers edited": edited,
        "answers deleted": deleted,
        "answers submitted again": submitted_again,
        "answers drafted": drafted,
        "questions skipped": skipped,
        KILLED: killed,
        f"catalogue locked for {lock_s:g} s": locked,
        "webhooks forged": forged,
        "all of these at once": everything,
    }


@contextmanager
def lock_held(catalog_url: str, seconds: float) -> Iterator[None]:
    """Hold the write lock by a second connection, for so long after the block has begun."""
    holder = sqlite3.connect(str(make_url(catalog_url).database), check_same_thread=False, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    ends = threading.Timer(seconds, holder.rollback)
    ends.start()
    try:
        yield
    finally:
        ends.join()
        holder.close()
