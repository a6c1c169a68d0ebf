"""How a simulated person marks spans: keeps, mends, deletes and adds, with the mistakes that their skill leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.annotators.desk import OpenQuestion
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from tasks.detect.tagging.tokens import tokens_of
from tasks.kinds.matching import match_optimally
from tasks.kinds.spans.extents import alike
from tasks.kinds.spans.scoring import ClassedSpan
from tasks.review.questions.kinds.texts.text_regions import AnsweredSpan, ShownSpan, sort_spans, to_text_regions

Mistakes = Callable[[np.random.Generator, int], list[Mistake | None]]


@dataclass(slots=True)
class _Marking:
    """One person at one text."""

    text: str
    classes: Sequence[str]
    rng: np.random.Generator
    watch: Stopwatch

    def another(self, class_name: str) -> str:
        """Return another class than the right one, where there is one."""
        others = [name for name in self.classes if name != class_name]
        return others[int(self.rng.integers(len(others)))] if others else class_name

    def beside(self, there: Sequence[ClassedSpan]) -> ClassedSpan | None:
        """Return a word of the text that is in no span, as one; None: there is none."""
        free = [one for one in tokens_of(self.text) if not any(one.start < s.end and s.start < one.end for s in there)]
        if not free:
            return None
        self.watch.mark()
        word = free[int(self.rng.integers(len(free)))]
        return ClassedSpan(word.start, word.end, self.classes[int(self.rng.integers(len(self.classes)))])

    def mended(self, true: ClassedSpan, shown: ClassedSpan | None, slip: Mistake | None) -> ClassedSpan | None:
        """Return what becomes of something that is there; None: it stays without a mark."""
        if shown == true and slip != "confused":
            return shown
        if slip == "missed":
            return shown
        name = self.another(true.class_name) if slip == "confused" else true.class_name
        end = true.end - 1 if slip == "sloppy" and self.text[true.start : true.end - 1].strip() else true.end
        said = ClassedSpan(true.start, end, name)
        if shown is None or shown[:2] != said[:2]:
            self.watch.mark()  # a shown one is deleted and marked anew: Label Studio lets nobody drag its ends
        if shown is not None and said != shown:
            self.watch.click()
        return said


def answer_spans(
    question: OpenQuestion, truth: Sequence[ClassedSpan], mistakes: Mistakes, rng: np.random.Generator, watch: Stopwatch
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Mark a text, and charge the time.

    Args:
        question: What is shown.
        truth: What really is in the text.
        mistakes: Draws, for each of several spans, which mistake is made with it.
        rng: The person's chance.
        watch: Of this person at this question.

    Returns:
        The result of an annotation as the browser would send it, and how many spans were kept, changed, added, deleted.
    """
    text, classes = question.text or "", question.desk.classes
    shown, _ = sort_spans(question.regions, text, classes, (), "any")
    marking = _Marking(text, classes, rng, watch)
    watch.read(text)
    watch.verify(len(shown))
    there = [span for span in truth if span.class_name in classes]
    partner = _partners(there, shown)
    acts = dict.fromkeys(("kept", "changed", "added", "deleted"), 0)
    said: list[tuple[AnsweredSpan | None, ClassedSpan]] = []
    for true, at, slip in zip(there, partner, mistakes(rng, len(there)), strict=True):
        before = None if at is None else shown[at]
        left = marking.mended(true, None if before is None else _as_classed(before), slip)
        if left is not None:
            said.append((before, left))
            acts["added" if before is None else "kept" if left == _as_classed(before) else "changed"] += 1
        if slip == "false" and (extra := marking.beside(there)) is not None:
            said.append((None, extra))
            acts["added"] += 1
    wrong = [span for at, span in enumerate(shown) if at not in partner]
    for span, slip in zip(wrong, mistakes(rng, len(wrong)), strict=True):
        if slip is None:
            watch.click()
            acts["deleted"] += 1
        else:
            said.append((span, _as_classed(span)))
            acts["kept"] += 1
    return _result(question, said, rng), acts


def _partners(there: Sequence[ClassedSpan], shown: Sequence[AnsweredSpan]) -> list[int | None]:
    """Return which shown span each true one meets, the one that shares most of it; None: none does."""
    partner: list[int | None] = [None] * len(there)
    if there and shown:
        places = [(span.start, span.end) for span in there]
        for row, column in match_optimally(alike(places, [(span.start, span.end) for span in shown])):
            partner[row] = column
    return partner


def _as_classed(span: AnsweredSpan) -> ClassedSpan:
    return ClassedSpan(span.start, span.end, span.class_name)


def _result(
    question: OpenQuestion, said: Sequence[tuple[AnsweredSpan | None, ClassedSpan]], rng: np.random.Generator
) -> list[dict[str, Any]]:
    regions = {region["id"]: region for region in question.regions}
    result = []
    for before, left in said:
        if before is not None and left == _as_classed(before):
            result.append({**regions[before.id], "origin": "prediction"})
            continue
        kept = before is not None and left[:2] == _as_classed(before)[:2]  # another class for the same characters
        id_ = before.id if kept and before is not None else f"{rng.integers(16**10):010x}"
        span = ShownSpan(id=id_, class_name=left.class_name, score=0, start=left.start, end=left.end)
        (region,) = to_text_regions([span], question.text or "")
        del region["score"]  # only machines give scores
        result.append({**region, "origin": "prediction-changed" if kept else "manual"})
    return result
