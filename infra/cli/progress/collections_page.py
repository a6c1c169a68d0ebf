"""`labelline collections` and `show`: how far labelling has come, what it took, and what to do next."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from infra.stack.orchestration.going_on import DUE, ENDING, WORKS, GoingOn
from infra.stack.waiting import QueueReport
from tasks.audit.missing_classes import MissingClass
from tasks.dataset.formats.registry import usual_format
from tasks.monitor.collections import CollectionProgress


def next_step(one: CollectionProgress, command: str, run: GoingOn | None = None, urls: Sequence[str] = ()) -> str:
    """Return what comes next about a collection: what its run does, where people are waited for, or a command.

    Args:
        one: The collection.
        command: What starts our command line here.
        run: What goes on about it.
        urls: Where its open questions stand.
    """
    name = shlex.quote(one.name)
    if run is not None:
        return _while_running(one, f"{command} show {name}", run, urls)
    if one.open_questions:
        return f"people answer {one.open_questions:,} questions: {command} show {name}"
    if one.open_batches or one.unbatched:
        has_other_kind = one.kind != "boxes" or one.medium == "texts"  # in texts nobody draws boxes
        kind = f" --label-kind {'classes' if one.kind == 'boxes' else one.kind}" if has_other_kind else ""
        is_of_texts = one.medium == "texts"  # what they stand in may be a file of labels
        where, named = (name, "") if is_of_texts else (_folder(one), f" --name {name}")
        return f"{command} label {where}{kind} --classes {_classes(one)}{named}"
    if one.skipped:
        return f"{command} reopen {name}"
    if not one.pictures:
        return f"look at the {one.files_set_aside:,} files that could not be taken in: {command} show {name}"
    return export_command(one, command)


def _while_running(one: CollectionProgress, shown_by: str, run: GoingOn, urls: Sequence[str]) -> str:
    where = f"run {run.name}, {run.url}"
    if run.state == ENDING:
        return f"a run is being cancelled ({where}), then: {shown_by}"
    if run.state == DUE:
        return f"a run is about to begin ({where})"
    if not one.open_questions:
        return f"a run works ({where})" if run.state == WORKS else f"a run sleeps until it is woken ({where})"
    asked = f"people answer {one.open_questions:,} questions: {' '.join(urls) or shown_by}"
    return f"{asked}, {'while a run works' if run.state == WORKS else 'then its run goes on by itself'} ({where})"


def export_command(one: CollectionProgress, command: str) -> str:
    """Return what takes the labels of a collection along, in a format that holds them."""
    fmt = usual_format(one.kind, one.medium)
    given = "" if fmt == "coco" else f" --format {fmt}"
    return f"{command} export {shlex.quote(one.name)}{given} --out {shlex.quote(f'{one.name}-{fmt}')}"


def show_collections(
    rows: Sequence[CollectionProgress], going_on: Mapping[str, GoingOn], console: Console, command: str
) -> None:
    """Print a line for each collection, and under it what goes on, or comes next."""
    named = Column("collection", overflow="fold")
    table = Table(named, "items", "settled", "left out", "asked", "labels", "human time", "s/label")
    for one in rows:
        left_out = one.files_set_aside + one.set_aside + one.skipped
        numbers = (one.pictures, one.settled, left_out, one.open_questions, one.labels)
        table.add_row(
            escape(one.name),
            *(f"{number:,}" for number in numbers),
            spell_time(one.human_seconds),
            f"{one.seconds_per_label:.1f}" if one.seconds_per_label is not None else "",
        )
    console.print(table)
    for one in rows:
        console.print(f"{one.name}: {next_step(one, command, going_on.get(one.name))}", markup=False, highlight=False)


def show_collection(
    one: CollectionProgress,
    by_class: Mapping[str, Mapping[str, int]],
    queues: Iterable[QueueReport],
    missing: Sequence[MissingClass],
    run: GoingOn | None,
    console: Console,
    command: str,
) -> None:
    """Print all that is known of one collection.

    Args:
        one: Its counts.
        by_class: Labels in force by class and origin.
        queues: Its queues.
        missing: Classes that people wrote down as missing.
        run: What goes on about it.
        console: Where it is printed.
        command: What starts our command line here.
    """
    for line in _counts(one):
        console.print(line, markup=False, highlight=False)
    origins = sorted({origin for counts in by_class.values() for origin in counts})
    if by_class:
        table = Table("class", "labels", *(f"by {origin}" for origin in origins))
        for name, counts in by_class.items():
            numbers = (sum(counts.values()), *(counts.get(origin, 0) for origin in origins))
            table.add_row(escape(name), *(f"{number:,}" for number in numbers))
        console.print(table)
    show_missing(missing, one.name, console, command)
    waiting = [queue for queue in queues if queue.collection == one.name]
    if waiting:
        table = Table("queue", "open", "answered", "skipped", "address")
        for queue in waiting:
            table.add_row(
                queue.queue, *(f"{n:,}" for n in (queue.open, queue.answered, queue.skipped)), "\n".join(queue.urls)
            )
        console.print(table)
    console.print(f"next: {next_step(one, command, run, urls_of(waiting))}", markup=False, highlight=False)


def urls_of(queues: Iterable[QueueReport]) -> list[str]:
    """Return where the open questions of queues stand."""
    return [url for queue in queues if queue.open for url in queue.urls]


def show_undecided(counts: Mapping[str, int], console: Console, command: str) -> None:
    """Say where classes that people wrote down as missing wait for a decision."""
    for name, count in counts.items():
        waits = "class waits" if count == 1 else "classes wait"
        told = f"{name}: {count} {waits} for your decision: {command} classes list {shlex.quote(name)}"
        console.print(told, markup=False, highlight=False)


def show_missing(missing: Sequence[MissingClass], collection: str, console: Console, command: str) -> None:
    """Print the classes that people wrote down as missing, and how to decide about them; of none nothing."""
    if not missing:
        return
    table = Table("class that is missing", "items", "people", "without a label", "such as", "decided")
    for one in missing:
        numbers = (f"{n:,}" for n in (one.items, one.people, one.waiting))
        examples = ", ".join(map(escape, one.examples))
        table.add_row(
            escape(one.written), *numbers, examples, escape(one.fate) if one.is_decided else "[yellow]not yet[/]"
        )
    console.print(table)
    if not all(one.is_decided for one in missing):
        told = f"decide: {command} classes accept|map|refuse {shlex.quote(collection)} CLASS"
        console.print(told, markup=False, highlight=False)


def _counts(one: CollectionProgress) -> Iterator[str]:
    yield f"{one.name}: {one.settled:,} of {one.pictures:,} {one.medium} are settled, {one.labels:,} labels"
    yield f"{one.medium} of {', '.join(one.folders)}" if one.folders else f"no {one.medium}"
    yield (
        f"left out: {one.files_set_aside:,} files that could not be taken in, {one.set_aside:,} {one.medium} set aside "
        f"on the way, {one.skipped:,} skipped or let lie by people"
    )
    if one.near_duplicates:
        yield f"{one.near_duplicates:,} near-duplicates: alike one that was taken in before; the gallery shows them"
    per_label = f", {one.seconds_per_label:.1f} s per label" if one.seconds_per_label is not None else ""
    yield f"people spent {spell_time(one.human_seconds)} on {one.answered:,} questions{per_label}"


def spell_time(seconds: float) -> str:
    """Return seconds as `5:48:10`."""
    return str(timedelta(seconds=round(seconds)))


def _folder(one: CollectionProgress) -> str:
    folder = next((uri.removeprefix("file://") for uri in one.folders if uri.startswith("file://")), "FOLDER")
    return shlex.quote(folder) if folder != "FOLDER" else folder


def _classes(one: CollectionProgress) -> str:
    if not one.by_class:
        return "CLASSES"
    return shlex.quote(",".join(f'"{name}"' if "," in name else name for name in one.by_class))
