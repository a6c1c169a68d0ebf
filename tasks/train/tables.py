"""Comparisons as tables people read, for the Prefect UI and for MLflow."""

from tasks.train.evaluate import Comparison, Evaluation
from tasks.train.fitting.trainers.registry import trainer_of

TRUTHS = "truths"


def comparison_markdown(comparison: Comparison, *, promoted: bool, reason: str) -> str:
    """Return a comparison as markdown: the verdict, the numbers overall, and the first number by class."""
    champion, challenger = comparison.champion, comparison.challenger
    old, new = champion.metrics, challenger.metrics
    unit, seen = new.word(TRUTHS), trainer_of(comparison.label_kind).seen(comparison.tiling)
    former = "nobody" if champion.detector.is_nobody else f"champion `{champion.detector.version}`"
    head = f"| | {former} | challenger `{challenger.detector.version}` | gain |"
    lines = [
        f"## {'Promoted' if promoted else 'Not promoted'}: {reason}",
        "",
        f"Snapshot `{comparison.snapshot_id[:12]}` of {_cell(comparison.collection)}: {challenger.truths} true {unit} "
        f"on {challenger.items} frozen test items, looked at {seen}.",
        "",
        head,
        "|---|---:|---:|---:|",
    ]
    lines += [_row(new.word(name), old.numbers[name], number) for name, number in new.numbers.items()]
    for name, row in new.by_class.items():
        shown = next(number for number in row if number != TRUTHS)
        label = f"{new.word(shown)} {_cell(name)} ({row[TRUTHS]:g} {unit})"
        lines.append(_row(label, old.by_class[name][shown], row[shown]))
    notes = [_unknown("champion", champion), _unknown("challenger", challenger)]
    return "\n".join([*lines, "", *(note for note in notes if note)]).rstrip() + "\n"


def _row(label: str, before: float, after: float) -> str:
    return f"| {label} | {before:.3f} | {after:.3f} | {after - before:+.3f} |"


def _unknown(who: str, evaluation: Evaluation) -> str:
    if not evaluation.unknown_classes or evaluation.detector.is_nobody:
        return ""
    names = ", ".join(_cell(name) for name in evaluation.unknown_classes)
    return f"The {who} does not know {names}: all of those count as missed."


def _cell(text: str) -> str:
    """Escape a name that people chose, so that it cannot break the table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
