"""The ledger as a page in the Prefect UI."""

from collections.abc import Iterable, Sequence

from tasks.kinds.registry import label_kind
from tasks.monitor.cost.ledger import Entry, Ledger
from tasks.settle.artifacts import in_words
from tasks.triage.summary import escape_cell, table

_HEAD = ("answers", "labels", "human time", "per label", "machine time", "money")


def ledger_page(ledger: Ledger) -> str:
    """Return a ledger as Markdown."""
    title = f"## What the labels of {escape_cell(ledger.collection)} cost"
    if ledger.is_empty:
        return f"{title}\n\nNothing is settled and nobody has answered yet: not enough evidence for any number."
    parts = [title, _summary(ledger), "### Against labelling by hand, and against the control group", _against(ledger)]
    for name, entries in (("queue", ledger.queues), ("class", ledger.classes)):
        if entries:
            parts += [f"### By {name}", table((name, *_HEAD), [_row(ledger, entry) for entry in entries])]
    if ledger.snapshots:
        parts += ["### By snapshot: what had been spent when it was taken", _snapshots(ledger)]
    if ledger.dearest_items:
        rows = [_row(ledger, entry, entry.name[:12]) for entry in ledger.dearest_items]
        parts += ["### The items that took people longest", table(("item", *_HEAD), rows)]
    return "\n\n".join([*parts, _notes(ledger)])


def overview_page(ledgers: Sequence[Ledger]) -> str:
    """Return one table with a row per line."""
    rows = [_row(ledger, ledger.whole) for ledger in ledgers]
    body = table(("line", *_HEAD), rows) if rows else "There is no collection yet."
    return f"## What labels cost, by line\n\n{body}"


def _summary(ledger: Ledger) -> str:
    whole = ledger.whole
    median = "–" if ledger.item_seconds_median is None else in_words(ledger.item_seconds_median)
    p90 = "–" if ledger.item_seconds_p90 is None else in_words(ledger.item_seconds_p90)
    rows = [
        ("items settled", f"{ledger.items:,}"),
        ("labels in force", f"{whole.labels or 0:,}"),
        *(
            [("labels that came in from elsewhere, in no other number", f"{ledger.imported_labels:,}")]
            if ledger.imported_labels
            else []
        ),
        ("human time", in_words(whole.human_seconds)),
        ("human time per label", _seconds(whole.seconds_per_label)),
        ("human time of an item that people saw: median, 90th percentile", f"{median}, {p90}"),
        ("machine time", _duration(whole.machine_seconds)),
        ("money", _money(ledger, whole.money)),
    ]
    return table(("what", "number"), rows)


def _ways_by_hand(ledger: Ledger) -> list[tuple[str, float]]:
    by_hand = label_kind(ledger.label_kind).by_hand
    both = ledger.human_seconds_manual, ledger.human_seconds_manual_fastest
    ways = zip(by_hand.ways, both, strict=False)  # one where the usual way is the fastest, or none
    return [(by_hand.each(way, ledger.considered_classes), took) for way, took in ways]


def _against(ledger: Ledger) -> str:
    ours = ledger.whole.human_seconds
    rows = [
        (f"by hand, {how}", in_words(seconds), f"{seconds / ours:.1f} times" if ours else "–")
        for how, seconds in _ways_by_hand(ledger)
    ]
    control = ledger.control
    sides = [
        (
            f"proposals {name}",
            f"{side.items:,}",
            f"{side.boxes:,}",
            _seconds(side.per_item),
            _seconds(side.per_box),
        )
        for name, side in (("shown", control.shown), (f"hidden ({control.group})", control.hidden))
    ]
    return "\n\n".join(
        [
            table(("way", "human time", "against this line"), [("this line", in_words(ours), ""), *rows]),
            label_kind(ledger.label_kind).by_hand.told(),
            table(("whole items", "items", "boxes", "per item", "per box"), sides),
            f"Control group: {control.words}.",
        ]
    )


def _snapshots(ledger: Ledger) -> str:
    head = ("snapshot", "taken", "items", "labels", "human time", "since the one before", "machine time", "money")
    return table(
        head,
        [
            (
                entry.snapshot[:12],
                f"{entry.taken_at:%Y-%m-%d %H:%M}",
                f"{entry.items:,}",
                f"{entry.labels:,}",
                in_words(entry.human_seconds),
                in_words(entry.human_seconds_since),
                _duration(entry.machine_seconds),
                _money(ledger, entry.money),
            )
            for entry in ledger.snapshots
        ],
    )


def _row(ledger: Ledger, entry: Entry, name: str | None = None) -> tuple[str, ...]:
    return (
        name or entry.name,
        f"{entry.answers:,}",
        "–" if entry.labels is None else f"{entry.labels:,}",
        in_words(entry.human_seconds),
        _seconds(entry.seconds_per_label),
        "–" if entry.machine_seconds is None else _duration(entry.machine_seconds),
        _money(ledger, entry.money),
    )


def _notes(ledger: Ledger) -> str:
    rates = ledger.rates
    steps = ", ".join(f"{name} {in_words(seconds)}" for name, seconds in ledger.machine_steps.items())
    return " ".join(_told(ledger, steps, rates.person_hour, rates.machine_hour))


def _told(ledger: Ledger, steps: str, person_hour: float, machine_hour: float) -> Iterable[str]:
    yield f"Assumed: {_money(ledger, person_hour)} an hour of a person, {_money(ledger, machine_hour)} of a machine."
    yield f"Machine time, as recorded: {steps}." if steps else "No machine time is recorded, so none is in any sum."
    yield "An answer about a whole image is divided equally among the boxes that it left or took away."
    if ledger.unmeasured_answers:
        yield f"{ledger.unmeasured_answers:,} answers have no usable time (none, or a clock ran backwards): not added."
    if ledger.unmeasured_machine:
        yield f"{ledger.unmeasured_machine:,} machine times are 0 or below: not added."


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else in_words(seconds)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def _money(ledger: Ledger, amount: float) -> str:
    return f"{amount:,.2f} {ledger.rates.currency}"
