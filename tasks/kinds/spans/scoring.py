"""What spans that a model proposes are worth: exactly right or not, with a table of what is right in part.

The headline is the strict F1 of CoNLL, as seqeval counts it: extent and class are those of a true span. The others are
those of SemEval 2013: the same extent whatever the class; the same class with any overlap; and half of a hit where a
span only overlaps. seqeval itself (last released in 2020) takes flat tags of tokens, in which nested spans cannot be
written, so what is counted here are the spans themselves.

Source:
    Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 shared task", 2003, section 2; Segura-Bedmar,
    Martínez and Herrero-Zazo, "SemEval-2013 Task 9", 2013, section 4.2.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tasks.kinds.matching import match_optimally
from tasks.kinds.metrics import Metrics
from tasks.kinds.spans.extents import alike

HALF = 0.5
"""Of a hit: what a span is worth that overlaps a true one, and is not where it is."""


class ClassedSpan(NamedTuple):
    """A span with its class; code points of its text, the end exclusive."""

    start: int
    end: int
    class_name: str


def score_spans(
    predicted: Sequence[Sequence[ClassedSpan]], truth: Sequence[Sequence[ClassedSpan]], classes: Sequence[str]
) -> Metrics:
    """Count hits over all texts.

    Args:
        predicted: For each text what a model says; may be empty.
        truth: For each text what is there, in the same order; at least one span in all.
        classes: All there are.
    """
    hits: Counter[str] = Counter()
    said: Counter[str] = Counter()
    true: Counter[str] = Counter()
    exact = of_type = partial = 0.0
    for mine, there in zip(predicted, truth, strict=True):
        hits.update(one.class_name for one in (Counter(mine) & Counter(there)).elements())
        said.update(one.class_name for one in mine)
        true.update(one.class_name for one in there)
        places, true_places = ([(one.start, one.end) for one in some] for some in (mine, there))
        same_places = (Counter(places) & Counter(true_places)).total()
        pairs = match_optimally(alike(places, true_places)) if mine and there else []
        exact += same_places
        partial += same_places + HALF * (len(pairs) - same_places)
        of_type += sum(mine[row].class_name == there[column].class_name for row, column in pairs)
    counts = said.total(), true.total()
    numbers = {
        "f1": _f1(hits.total(), *counts),
        "precision": _share(hits.total(), counts[0]),
        "recall": _share(hits.total(), counts[1]),
        "f1_place": _f1(exact, *counts),
        "f1_partial": _f1(partial, *counts),
        "f1_class": _f1(of_type, *counts),
    }
    by_class = {
        name: {
            "truths": float(true[name]),
            "f1": _f1(hits[name], said[name], true[name]),
            "precision": _share(hits[name], said[name]),
            "recall": _share(hits[name], true[name]),
        }
        for name in classes
        if true[name]
    }
    return Metrics(headline="f1", numbers=numbers, by_class=by_class, words=WORDS)


WORDS = {
    "truths": "spans",
    "f1": "F1 (strict)",
    "f1_place": "F1 of exact places, whatever the class",
    "f1_partial": "F1 with half for an overlap",
    "f1_class": "F1 of classes where anything overlaps",
}


def _share(hits: float, of: int) -> float:
    return hits / of if of else 0.0


def _f1(hits: float, said: int, true: int) -> float:
    return _share(2 * hits, said + true)
