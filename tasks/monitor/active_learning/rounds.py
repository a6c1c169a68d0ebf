"""The rounds of a loop, written down as they end: a loop that is started again goes on counting where it was."""

from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Bookmark, utc_now
from tasks.monitor.active_learning.goals import LoopVerdict, Round
from tasks.monitor.plots import figure_uri
from tasks.settle.artifacts import in_words
from tasks.triage.summary import escape_cell, percent, table

_ROUNDS = TypeAdapter(tuple[Round, ...])


def read_rounds(engine: Engine, collection: str) -> tuple[Round, ...]:
    """Return the rounds of a collection so far, in order; none for one without a loop."""
    with reading(engine) as session:
        kept = session.get(Bookmark, rounds_bookmark(collection))
    return _ROUNDS.validate_json(kept.value) if kept else ()


def note_round(engine: Engine, collection: str, ended: Round) -> tuple[Round, ...]:
    """Write a round down, and return all; one of the same batch is written over, so noting twice changes nothing."""
    earlier = read_rounds(engine, collection)
    places = [one.batch_id for one in earlier]
    if ended.batch_id in places:
        rounds = tuple(ended if one.batch_id == ended.batch_id else one for one in earlier)
    else:
        rounds = (*earlier, ended)
    row = {"name": rounds_bookmark(collection), "value": _ROUNDS.dump_json(rounds).decode(), "updated_at": utc_now()}
    with writing(engine) as session:
        upsert(session, Bookmark, [row], update=("value", "updated_at"))
    return rounds


def rounds_page(collection: str, rounds: Sequence[Round], verdict: LoopVerdict) -> str:
    """Return the rounds of a loop as Markdown: the verdict, the curve, a row per round."""
    title = f"## The loop of {escape_cell(collection)}: {'ended' if verdict.met else 'goes on'}"
    if not rounds:
        return f"{title}\n\nNo round has ended yet: not enough evidence."
    head = ("round", "images", "labels", "without people", "human time, all", "metric", "champion", "note")
    rows = [
        (
            str(number),
            f"{one.items:,}",
            f"{one.labels:,}",
            percent(one.accepted_without_people, one.labels),
            in_words(one.human_seconds),
            "–" if one.metric is None else f"{one.metric:.3f}",
            f"{(one.detector or '–')[:12]}{' (new)' if one.promoted else ''}",
            "; ".join(filter(None, (_unknown_in_words(one), one.note))),
        )
        for number, one in enumerate(rounds, 1)
    ]
    curve = [f"![curve]({curve_uri({collection: curve_of(rounds)})})"] if curve_of(rounds) else []
    return "\n\n".join([title, escape_cell(verdict.reason), *curve, table(head, rows)])


def _unknown_in_words(one: Round) -> str:
    return f"without boxes of {', '.join(one.unknown)}, which the detector did not know" if one.unknown else ""


def curve_of(rounds: Sequence[Round]) -> list[tuple[float, float]]:
    """Return human hours and metric of the rounds that trained."""
    return [(one.human_seconds / 3600, one.metric) for one in rounds if one.metric is not None]


def curve_uri(curves: dict[str, list[tuple[float, float]]], goal: float | None = None) -> str:
    """Draw metric against human hours, one line per name, as a JPEG `data:` address; a curve may be empty."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, points in curves.items():
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", ms=4, label=name)
    if goal is not None:
        axes.axhline(goal, color="grey", ls="--", lw=0.8)
    axes.set_xlabel("human hours")
    axes.set_ylabel("metric on the frozen test items")
    axes.set_ylim(0, 1.02)
    axes.grid(visible=True, alpha=0.3)
    if axes.has_data():
        axes.legend(fontsize=8)
    return figure_uri(figure)


def rounds_bookmark(collection: str) -> str:
    """Name the bookmark that holds the rounds of a collection."""
    return f"monitor loop {collection}"
