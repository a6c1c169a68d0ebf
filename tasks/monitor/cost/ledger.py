"""The ledger: human seconds, machine seconds and money per item, class, queue, line and snapshot.

Nothing is kept: it is added up from answers, labels and machine work whenever somebody looks. A machine works on items,
not on classes or queues, so its seconds are divided among items evenly, among classes by their labels, and among
queues not at all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Route, Snapshot
from blocks.frozen import Frozen
from tasks.intake.label_kinds import label_kind_of
from tasks.monitor.cost.control import ControlReport, compare_control
from tasks.monitor.cost.machines import MachineTime, add_up
from tasks.monitor.cost.spent import Spent, read_spent, settled_items
from tasks.monitor.options import HourlyRates, MonitorOptions
from tasks.settle.in_force import labels_in_force
from tasks.settle.truth import IMPORT
from tasks.triage.boxes import in_shards

DEAREST = 10
"""Items that the ledger names: those that took people longest."""


class Entry(Frozen):
    """What one thing cost."""

    name: str
    answers: int = Field(description="by people; an answer about boxes of two classes counts for both")
    labels: int | None = Field(description="in force; None: a queue has none of its own")
    human_seconds: float
    machine_seconds: float | None = Field(description="None: none is recorded, or it cannot be told apart")
    money: float

    @property
    def seconds_per_label(self) -> float | None:
        """Human seconds per label; None without labels."""
        return self.human_seconds / self.labels if self.labels else None


class SnapshotEntry(Frozen):
    """What had been spent when a snapshot was taken, and how much of it since the one before."""

    snapshot: str
    taken_at: datetime
    items: int
    labels: int
    human_seconds: float
    human_seconds_since: float
    machine_seconds: float | None
    money: float


class Ledger(Frozen):
    """What a line's labels cost."""

    collection: str
    rates: HourlyRates
    whole: Entry
    queues: tuple[Entry, ...]
    classes: tuple[Entry, ...]
    dearest_items: tuple[Entry, ...]
    snapshots: tuple[SnapshotEntry, ...]
    items: int = Field(description="settled")
    item_seconds_median: float | None = Field(description="human seconds of items that people saw; None: of none")
    item_seconds_p90: float | None
    machine_steps: dict[str, float]
    unmeasured_answers: int = Field(description="without a usable time: not in any sum")
    unmeasured_machine: int
    control: ControlReport
    human_seconds_manual: float
    human_seconds_manual_fastest: float
    label_kind: str = Field(default="boxes", description="which says what a label takes by hand")
    considered_classes: int = Field(default=0, description="that occur")
    imported_labels: int = Field(
        default=0, description="came in from elsewhere: they cost nothing here, and save nothing"
    )

    @property
    def is_empty(self) -> bool:
        """Whether nothing was labelled and nobody asked."""
        return not (self.items or self.whole.answers or self.unmeasured_answers)


def keep_ledger(
    engine: Engine, collection: str, machine: Sequence[MachineTime] = (), options: MonitorOptions | None = None
) -> Ledger:
    """Add up what a collection's labels cost, by everything that they can be divided by.

    Args:
        engine: The catalogue.
        collection: A collection; one without items or answers gives a ledger of zeros.
        machine: Machine work, as `machines.py` and `steps.py` read it.
        options: Rates, and how much evidence the control group needs.
    """
    options = options or MonitorOptions()
    spent = list(read_spent(engine, collection))
    measured = [one for one in spent if one.seconds is not None]
    labels, imported = _labels_by_item(engine, collection)
    by_class = sum(labels.values(), Counter[str]())
    work = add_up(machine)
    by_item = _item_seconds(measured)
    kind = label_kind_of(engine, collection, set())
    by_hand = kind.by_hand.seconds(by_class.total(), len(labels), len(by_class))
    return Ledger(
        collection=collection,
        rates=options.rates,
        whole=_entry(options.rates, collection, measured, by_class.total(), work.seconds),
        queues=tuple(_queue_entries(options.rates, measured)),
        classes=tuple(_class_entries(options.rates, measured, by_class, work.seconds)),
        dearest_items=tuple(_item_entries(options.rates, measured, labels, work.seconds)),
        snapshots=tuple(_snapshot_entries(options.rates, _snapshots(engine, collection), measured, machine)),
        items=len(labels),
        item_seconds_median=float(np.median(list(by_item.values()))) if by_item else None,
        item_seconds_p90=float(np.percentile(list(by_item.values()), 90)) if by_item else None,
        machine_steps={name: round(seconds, 1) for name, seconds in sorted(work.by_step.items())},
        unmeasured_answers=len(spent) - len(measured),
        unmeasured_machine=work.unmeasured,
        control=compare_control(spent, options),
        human_seconds_manual=by_hand[0],
        human_seconds_manual_fastest=by_hand[1],
        label_kind=kind.name,
        considered_classes=len(by_class),
        imported_labels=imported,
    )


def _entry(rates: HourlyRates, name: str, spent: Sequence[Spent], labels: int | None, machine: float | None) -> Entry:
    seconds = sum(one.seconds or 0.0 for one in spent)
    return _priced(rates, name, len(spent), labels, seconds, machine)


def _priced(
    rates: HourlyRates, name: str, answers: int, labels: int | None, human: float, machine: float | None
) -> Entry:
    return Entry(
        name=name,
        answers=answers,
        labels=labels,
        human_seconds=human,
        machine_seconds=machine,
        money=rates.money(human, machine or 0.0),
    )


def _queue_entries(rates: HourlyRates, spent: Sequence[Spent]) -> list[Entry]:
    by_queue: dict[str, list[Spent]] = defaultdict(list)
    for one in spent:
        by_queue[one.queue].append(one)
    return _dearest_first(_entry(rates, name, mine, None, None) for name, mine in by_queue.items())


def _class_entries(
    rates: HourlyRates, spent: Sequence[Spent], labels: Mapping[str, int], machine_seconds: float | None
) -> list[Entry]:
    seconds: dict[str, float] = dict.fromkeys(labels, 0.0)
    answers: Counter[str] = Counter()
    for one in spent:
        answers.update(one.shares.keys())
        for name, share in one.shares.items():
            seconds[name] = seconds.get(name, 0.0) + share * (one.seconds or 0.0)
    total = sum(labels.values())
    return _dearest_first(
        _priced(
            rates,
            name,
            answers[name],
            labels.get(name, 0),
            human,
            machine_seconds * labels.get(name, 0) / total if machine_seconds and total else None,
        )
        for name, human in seconds.items()
    )


def _item_seconds(spent: Sequence[Spent]) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for one in spent:
        seconds[one.item_id] = seconds.get(one.item_id, 0.0) + (one.seconds or 0.0)
    return seconds


def _item_entries(
    rates: HourlyRates, spent: Sequence[Spent], labels: Mapping[str, Counter[str]], machine_seconds: float | None
) -> list[Entry]:
    answers = Counter(one.item_id for one in spent)
    each = machine_seconds / len(labels) if machine_seconds and labels else None
    return _dearest_first(
        _priced(rates, item_id, answers[item_id], labels.get(item_id, Counter()).total(), human, each)
        for item_id, human in _item_seconds(spent).items()
    )[:DEAREST]


def _snapshot_entries(
    rates: HourlyRates, snapshots: Sequence[Snapshot], spent: Sequence[Spent], machine: Sequence[MachineTime]
) -> list[SnapshotEntry]:
    entries, before = [], 0.0
    for snapshot in snapshots:
        human = sum(one.seconds or 0.0 for one in spent if one.received_at <= snapshot.created_at)
        worked = add_up([time for time in machine if time.ended_at <= snapshot.created_at]).seconds
        entries.append(
            SnapshotEntry(
                snapshot=snapshot.id,
                taken_at=snapshot.created_at,
                items=snapshot.items,
                labels=snapshot.labels,
                human_seconds=human,
                human_seconds_since=human - before,
                machine_seconds=worked,
                money=rates.money(human, worked or 0.0),
            )
        )
        before = human
    return entries


def _dearest_first(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (-entry.human_seconds, entry.name))


def _snapshots(engine: Engine, collection: str) -> list[Snapshot]:
    query = select(Snapshot).where(Snapshot.collection == collection).order_by(col(Snapshot.created_at))
    with reading(engine) as session:
        return list(session.exec(query).all())


def _labels_by_item(engine: Engine, collection: str) -> tuple[dict[str, Counter[str]], int]:
    """Return how many labels of each class are in force on each item settled here, and how many came in from elsewhere.

    Who labelled those, and in how many seconds, nobody knows: they are no saving of this line.
    """
    counts: dict[str, Counter[str]] = {}
    imported = 0
    came_in = _imported_items(engine, collection)
    for part in in_shards(list(settled_items(engine, collection))):
        for item_id, labels in labels_in_force(engine, part, collection).items():
            own = [label.class_name for label in labels if label.origin != IMPORT]
            imported += len(labels) - len(own)
            if own or item_id not in came_in:
                counts[item_id] = Counter(own)
    return counts, imported


def _imported_items(engine: Engine, collection: str) -> set[str]:
    batches = select(Batch.id).where(Batch.collection == collection)
    query = select(BatchItem.item_id).where(BatchItem.route == Route.IMPORT.value, col(BatchItem.batch_id).in_(batches))
    with reading(engine) as session:
        return set(session.exec(query).all())
