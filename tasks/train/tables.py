"""Comparisons as tables people read, for the Prefect UI and for MLflow."""

from tasks.train.evaluate import Comparison, Evaluation

_ROWS = {
    "mAP50": "map50",
    "mAP50-95": "map50_95",
    "mAP50, whatever the class": "map50_any_class",
    "mAP50-95, whatever the class": "map50_95_any_class",
}


def comparison_markdown(comparison: Comparison, *, promoted: bool, reason: str) -> str:
    """Return a comparison as markdown: the verdict, the numbers overall, and average precision by class."""
    champion, challenger = comparison.champion, comparison.challenger
    head = f"| | champion `{champion.detector.version}` | challenger `{challenger.detector.version}` | gain |"
    lines = [
        f"## {'Promoted' if promoted else 'Not promoted'}: {reason}",
        "",
        f"Snapshot `{comparison.snapshot_id[:12]}` of {_cell(comparison.collection)}: {challenger.truths} true boxes "
        f"on {challenger.items} frozen test items, looked at in tiles of {comparison.tiling.tile_px} px.",
        "",
        head,
        "|---|---:|---:|---:|",
    ]
    lines += [_row(label, getattr(champion, name), getattr(challenger, name)) for label, name in _ROWS.items()]
    for name, after in challenger.by_class.items():
        before = champion.by_class[name]
        lines.append(_row(f"AP50 {_cell(name)} ({after.truths} boxes)", before.ap50, after.ap50))
    notes = [_unknown("champion", champion), _unknown("challenger", challenger)]
    return "\n".join([*lines, "", *(note for note in notes if note)]).rstrip() + "\n"


def _row(label: str, before: float, after: float) -> str:
    return f"| {label} | {before:.3f} | {after:.3f} | {after - before:+.3f} |"


def _unknown(who: str, evaluation: Evaluation) -> str:
    if not evaluation.unknown_classes:
        return ""
    names = ", ".join(_cell(name) for name in evaluation.unknown_classes)
    return f"The {who} does not know {names}: all of those count as missed."


def _cell(text: str) -> str:
    """Escape a name that people chose, so that it cannot break the table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
