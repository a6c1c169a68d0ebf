"""`gold` and `reinstate`: which answers are known, who passes them, and a second chance for who did not."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from blocks.errors import StackError
from infra.cli.collections import require_collection
from infra.cli.readiness import await_prefect
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.documents import open_saved_catalog
from infra.stack.servers.processes import find_process
from infra.stack.state import ServiceName, open_stack

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from blocks.database.people_tables import Gold, Standing
    from tasks.review.gold.results import GoldResult

console = Console(soft_wrap=True)


def show_gold(home: Path, queue: str, collection: str, *, retired: bool, limit: int) -> None:
    """Show gold and how people stand at it.

    Raises:
        BadOption: Nothing was ever asked in the queue.
    """
    from tasks.review.gold.marks import require_queue
    from tasks.review.gold.results import gold_results, known_standings

    engine = saved_catalog(home)
    if queue:
        require_queue(engine, queue)
    collection = collection and require_collection(engine, collection)
    results = gold_results(engine, queue, collection, retired=retired)
    if results:
        console.print(_gold_table(results[:limit]))
    else:
        console.print(
            "there is no gold yet: what two or more people agree on becomes gold when its batch has settled, and "
            "`labelline gold mark` takes an answered question"
        )
    if len(results) > limit:
        console.print(f"{len(results) - limit} more: `--limit {len(results)}` shows them")
    people = known_standings(engine, queue)
    if people:
        console.print(_people_table(people))
    for one in people:
        if one.state == "suspended":
            console.print(f"{one.person}: {one.reason}. `labelline reinstate {one.person} {one.queue}` lifts it")


def mark_question(home: Path, queue: str, what: str, collection: str, by: str) -> None:
    """Take a question as gold, and say what its truth is.

    Raises:
        BadOption: No question is meant, or it cannot be gold.
    """
    from tasks.review.gold.marks import mark_gold, question_meant

    engine = saved_catalog(home)
    collection = collection and require_collection(engine, collection)
    gold = mark_gold(engine, question_meant(engine, queue, what, collection), by or _login())
    console.print(f"{gold.id[:12]} is gold in {gold.queue} of {gold.collection}: {_in_words(gold)} ({gold.why})")


def retire_question(home: Path, queue: str, what: str, collection: str, by: str, *, wrong: bool) -> None:
    """Ask a gold question no more.

    Raises:
        BadOption: No gold is meant.
    """
    from tasks.review.gold.marks import gold_meant, retire_gold

    engine = saved_catalog(home)
    collection = collection and require_collection(engine, collection)
    gold_id = gold_meant(engine, queue, what, collection)
    is_news = retire_gold(engine, gold_id, wrong_says=(by or _login()) if wrong else "")
    fate = "nobody passes or fails by it" if wrong else "answers that it got count on"
    console.print(f"{gold_id[:12]} {'is' if is_news else 'was already'} retired; {fate}")


def reinstate_person(home: Path, person: str, queue: str) -> None:
    """Lift a suspension.

    Raises:
        BadOption: The person has no standing in the queue.
    """
    from tasks.review.gold.annotator_status import reinstate

    if reinstate(saved_catalog(home), queue, person):
        console.print(
            f"{person} is on trial again in {queue}; what they said in batches that are not settled counts from the "
            "next sweep on (every 5 minutes)"
        )
    else:
        console.print(f"{person} is not suspended from {queue}: nothing is to be lifted")


def saved_catalog(home: Path) -> "Engine":
    """Return the catalogue of the local blocks; never another one, since it is about to be written.

    Raises:
        StackError: Prefect, which keeps the blocks, does not run, or no block is saved.
    """
    state = open_stack(home)
    if find_process(state.processes.get(ServiceName.PREFECT)) is None:
        raise StackError(
            f"the stack in {home} does not run, and only its Prefect knows which catalogue is used: `labelline up`"
        )
    await_prefect(state, console.print)
    with connected(state):
        engine = open_saved_catalog()
    if engine is None:
        raise StackError("no catalogue is saved in Prefect: `labelline blocks` saves the documents of this machine")
    return engine


def _login() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "an operator"


def _gold_table(results: "list[GoldResult]") -> Table:
    table = Table("queue", "picture", "gold", "collection", "asked", "passed", "known by")
    for column in table.columns[4:6]:
        column.justify = "right"
    for one in results:
        known_by = one.why
        if one.retired_at is not None:
            known_by = f"{'wrong' if one.is_wrong else 'retired'} since {one.retired_at:%Y-%m-%d}; was {one.why}"
        passed = f"{one.passed} of {one.answered}" if one.answered else "–"
        names = escape(one.picture), one.id[:12], escape(one.collection)
        table.add_row(one.queue, *names, str(one.asked), passed, escape(known_by))
    return table


def _people_table(people: "list[Standing]") -> Table:
    table = Table("queue", "person", "standing", "gold passed", "since")
    for one in people:
        since = f"{one.suspended_since:%Y-%m-%d %H:%M}" if one.suspended_since else ""
        passed = f"{one.passed} of {one.of}" if one.of else "–"
        table.add_row(one.queue, one.person, one.state.replace("_", " "), passed, since)
    return table


def _in_words(gold: "Gold") -> str:
    """Say what the known answer is, so that a slip is seen at once."""
    from tasks.review.consensus.comparers.registry import comparer_of

    comparer = comparer_of(gold.payload["type"])
    return "" if comparer is None else comparer.in_words(gold.truth)
