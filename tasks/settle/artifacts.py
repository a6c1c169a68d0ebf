"""What the Prefect UI shows of a settled batch: labels and where they came from, and the human seconds they cost."""

from blocks.shapes import PLACED
from tasks.detect.options import SHOW_SCORE
from tasks.kinds.registry import label_kind
from tasks.settle.effort import Effort
from tasks.settle.report import SettleReport
from tasks.triage.summary import escape_cell, percent, table

_DEEDS = {
    "confirmed": "left as proposed",
    "passed_over": "left as accepted, on images that people looked at",
    "changed": "moved or renamed",
    "drawn": "drawn where nothing was proposed",
    "drawn_blind": "drawn blind, for the audit or the control group",
    "drawn_unprompted": "drawn by hand, since their question was opened before its proposals were there",
    "deleted": "taken away",
    "refused": "called no object by a second person",
    "undecided": "asked about, and decided by nobody",
}


COUNTED = (
    f"These are boxes of score {SHOW_SCORE} and more; triage counts all that were proposed, down to the lowest score."
)
"""Why this number and triage's differ."""


def labels_summary(report: SettleReport) -> str:
    """Return what the labels of a batch are, who said so, and what is open."""
    parts = [
        f"## Labels of batch {escape_cell(report.batch_id)}",
        f"{report.labels:,} labels on {_count(report.items_settled, 'image')}; **{_accepted(report)}**.",
        table(("origin", "labels", "share"), [(*r, percent(r[1], report.labels)) for r in report.by_origin.items()]),
        table(("what people did", "boxes"), [(words, getattr(report, name)) for name, words in _DEEDS.items()]),
        table(("class", "labels"), _most_first(report.by_class)),
    ]
    if report.by_kind:
        parts.append(table(("kind", "labels"), _most_first(report.by_kind)))
    if report.items_waiting or report.items_unsettled:
        parts.append(
            f"Not settled: {_count(report.items_waiting, 'image')} with an open question, "
            f"{_count(report.items_unsettled, 'image')} that nobody answered."
        )
    if report.set_aside:
        rows = [(aside.item_id[:12], aside.reason) for aside in report.set_aside[:20]]
        parts.append(f"{_count(len(report.set_aside), 'answer')} cannot be read:\n\n{table(('item', 'reason'), rows)}")
    if report.items_left_out:
        rows = [(aside.item_id[:12], aside.reason) for aside in report.left_out[:20]]
        parts.append(
            f"{_count(report.items_left_out, 'image')} set aside on the way:\n\n{table(('item', 'reason'), rows)}"
        )
        if report.items_left_out > len(rows):
            parts.append(f"{report.items_left_out - len(rows):,} more are in the catalogue.")
    return "\n\n".join(parts)


def _accepted(report: SettleReport) -> str:
    if not report.accepted_without_people:
        return "none accepted without people: somebody has looked at each" if report.labels else "none accepted unseen"
    return (
        f"{percent(report.accepted_without_people, report.labels)} accepted without people: nobody has looked at them"
    )


def effort_summary(effort: Effort) -> str:
    """Return the human seconds of a batch by queue and person, against labelling it by hand."""
    times = [
        (t.queue, t.person, t.answers, in_words(t.seconds), f"{t.seconds / t.answers:.1f} s") for t in effort.times
    ]
    by_hand = [
        ("this line", in_words(effort.human_seconds), _per_label(effort.human_seconds, effort.labels), ""),
        *(
            (name, in_words(seconds), _per_label(seconds, effort.labels), _times_more(seconds, effort.human_seconds))
            for name, seconds in _by_hand(effort)
        ),
    ]
    return "\n\n".join(
        [
            f"## Human time of batch {escape_cell(effort.batch_id)}",
            table(("way", "human time", "per label", "against this line"), by_hand),
            *_unprompted(effort),
            table(("queue", "person", "answers", "time", "per answer"), times) if times else "No answers yet.",
            _sources(effort),
            *([_found(effort)] if label_kind(effort.label_kind).shapes & PLACED else []),
        ]
    )


def _by_hand(effort: Effort) -> list[tuple[str, float]]:
    usual, fastest = effort.human_seconds_manual, effort.human_seconds_manual_fastest
    ways = zip(effort.by_hand.ways, (usual, fastest), strict=False)  # one where the usual way is the fastest, or none
    return [(f"by hand, {way.doing} ({effort.by_hand.each(way, effort.classes)})", seconds) for way, seconds in ways]


def _unprompted(effort: Effort) -> list[str]:
    """Say what of the time went into questions whose proposals were lost on the way; nothing where there is none."""
    if not effort.unprompted_answers:
        return []
    return [
        f"**{_count(effort.unprompted_answers, 'answer')} ({in_words(effort.unprompted_seconds)}) to questions whose "
        "proposals were not shown when they were opened**: this is work by hand, and says nothing of what proposals "
        "save. Label Studio lost them while its database was locked; use PostgreSQL, or the Label Studio of `labelline "
        "up`, which does not."
    ]


def _found(effort: Effort) -> str:
    return f"Found on whole images: {effort.boxes_whole_frame:,} boxes; with tiles: {effort.boxes_tiled:,}. {COUNTED}"


def _sources(effort: Effort) -> str:
    items = _count(effort.images, "image")
    by_hand = effort.by_hand
    return by_hand.told(items if by_hand.is_by_class else f"{_count(effort.labels, by_hand.noun)} on {items}")


def in_words(seconds: float) -> str:
    """Return a duration as people say it: `45 s`, `3 min 20 s`, `1 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole >= 10 or seconds == whole else f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _per_label(seconds: float, labels: int) -> str:
    return f"{seconds / labels:.1f} s" if labels else "–"


def _times_more(seconds: float, ours: float) -> str:
    return f"{seconds / ours:.1f} times" if ours else "–"


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith(("s", "x")) else "s"
    return f"{number:,} {noun}{'' if number == 1 else plural}"
