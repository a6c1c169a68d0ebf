"""A forecast in a terminal."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from infra.forecast.result import Forecast, Interval

TRUTHS = {
    "labels": "labels that there are: of --truth, or what people or an import have settled on these pictures",
    "detector": "what the detector proposes",
    "objects": "what was made up: as many objects on average as were said, or as the settled pictures have",
}
"""What simulated people took for true, in words."""


def show_forecast(told: Forecast, console: Console) -> None:
    """Print a forecast: a table by queue, then what it is worth and what it leaves out."""
    title = f"{told.collection}: {told.pictures:,} pictures, foretold from {told.sample}"
    with_money = told.pay.wage is not None
    table = Table("queue", "questions", "s/question", "p95", "hours", *(["money"] if with_money else []), title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for queue in told.queues:
        seconds = ["" if one is None else f"{one:,.1f}" for one in (queue.seconds_median, queue.seconds_p95)]
        money = [_spread(queue.money, 0)] if queue.money else []
        table.add_row(queue.queue, _spread(queue.questions, 0), *seconds, _hours(queue.hours), *money)
    table.add_section()
    total = [_spread(told.money, 0)] if told.money else []
    table.add_row("all", _spread(told.questions, 0), "", "", _hours(told.hours), *total)
    console.print(table)
    for line in lines_below(told):
        console.print(line, markup=False, highlight=False)


def lines_below(told: Forecast) -> Iterator[str]:
    """Yield what stands below the table."""
    if told.pay.wage is not None:
        yield f"money: at {told.pay.wage:g} {told.pay.currency}".rstrip() + " an hour"
    by_hand = f"by hand: {_hours(told.hours_by_hand)} hours"
    fastest = f"{_hours(told.hours_by_hand_fastest)} drawing in the fastest published way"
    yield f"{by_hand} ({fastest})"
    if told.share_of_by_hand is not None and told.share_of_fastest is not None:
        yield f"of by hand: {_percent(told.share_of_by_hand)}; of the fastest way: {_percent(told.share_of_fastest)}"
    yield f"labels: {_spread(told.labels, 0)}"
    if told.precision is not None:
        yield f"right of these (precision): {_percent(told.precision)}"
    if told.recall is not None:
        yield f"true objects that are labelled (recall): {_percent(told.recall)}"
    yield f"detector: {told.detector.removeprefix('the detector ')}"
    yield f"taken for true: {TRUTHS[told.truth]}; {told.people} simulated people of skill {told.skill:g}"
    yield from (f"mind: {note}" for note in told.notes)
    yield "in brackets: 95 % intervals, by drawing the pictures of the sample anew; nothing was asked or written"


def _hours(one: Interval) -> str:
    return _spread(one, 1 if one.high >= 10 else 2)  # a tenth of an hour says nothing of a small folder


def _spread(one: Interval, digits: int) -> str:
    return f"{one.value:,.{digits}f} ({one.low:,.{digits}f} to {one.high:,.{digits}f})"


def _percent(one: Interval) -> str:
    return f"{one.value:.1%} ({one.low:.1%} to {one.high:.1%})"
