"""Spans as answers: what several people's come to, what passes gold, and what a referee begins with."""

from typing import Any

import pytest

from tasks.review.consensus.agreement import measure_agreement
from tasks.review.consensus.comparers.protocol import GoldSaid
from tasks.review.consensus.comparers.spans import SPANS, match_spans
from tasks.review.consensus.overlap_rule import Slots, Step
from tasks.review.consensus.span_consensus import exactness
from tasks.review.questions.kinds.texts.tag import TagPayload
from tasks.review.questions.kinds.texts.text_regions import ShownSpan
from tasks.review.questions.queue import mark_spans_queue
from tasks.review.questions.staffing import GoldRule, OverlapRule
from tests.review.consensus.comparers.groups import group_of

QUEUE = mark_spans_queue(("LOC", "ORG", "PER"))
RULE = GoldRule()
TEXT = "Dr. Ada Lovelace of the University of London"
SHOWN = ShownSpan(id="p0", class_name="PER", score=0.6, start=4, end=16)
ASKED = TagPayload(text=TEXT, spans=[SHOWN], prefill=["p0"])


def span(start: int, end: int, class_name: str = "PER", id_: str = "s", **changes: Any) -> dict[str, Any]:
    return {"id": id_, "class_name": class_name, "start": start, "end": end, "untouched": False, **changes}


ADA, DR_ADA = span(4, 16, id_="p0"), span(0, 16, id_="p0")
UNIVERSITY, LONDON = span(24, 44, "ORG", "u"), span(38, 44, "LOC", "l")


def said(raw: tuple[dict[str, Any], ...]) -> list[tuple[int, int, str]]:
    return [(one["start"], one["end"], one["class_name"]) for one in raw]


def test_most_people_say_where_a_span_begins_and_ends_and_nested_ones_are_two() -> None:
    group = group_of(ASKED, ada=[ADA, UNIVERSITY, LONDON], ben=[ADA, UNIVERSITY, LONDON], cy=[DR_ADA, UNIVERSITY])
    opinion = SPANS.agree(QUEUE, [group], [], [])[group.id]
    outcome = SPANS.outcome(group, opinion)
    assert said(outcome) == [(4, 16, "PER"), (24, 44, "ORG"), (38, 44, "LOC")]
    assert [one["untouched"] for one in outcome] == [True, False, False]
    ada = opinion.candidates[0]
    assert 0.5 < ada.right_extent < 1 and ada.right_extent < opinion.candidates[1].right_extent


def test_the_order_of_people_changes_nothing() -> None:
    answers = {"ada": [ADA, LONDON], "ben": [DR_ADA], "cy": [UNIVERSITY, LONDON]}
    groups = [group_of(ASKED, **dict(order)) for order in (answers.items(), reversed(answers.items()))]
    one, other = (SPANS.agree(QUEUE, [group], [], [])[group.id] for group in groups)
    assert one == other


def test_two_who_agree_settle_and_two_who_differ_by_a_title_are_asked_about_further() -> None:
    rule = OverlapRule(least=2, most=3, tolerated=0.1)
    agreed, differ = group_of(ASKED, ada=[ADA], ben=[ADA]), group_of(ASKED, ada=[ADA], ben=[DR_ADA])
    steps = [
        SPANS.next_step(SPANS.agree(QUEUE, [group], [], [])[group.id], Slots(answered=2), rule)
        for group in (agreed, differ)
    ]
    assert [one.step for one in steps] == [Step.SETTLED, Step.ASK_MORE]
    assert "where does it begin and end?" in steps[1].reasons[0]


def test_who_agrees_to_the_character_is_believed_more_than_who_does_not() -> None:
    def matched(*other: dict[str, Any]) -> float:
        groups = [group_of(ASKED, f"q{n}", ada=[ADA], ben=[*other]) for n in range(30)]
        return exactness([match_spans(group.id, group.counted) for group in groups])

    assert exactness([]) == pytest.approx(0.95)
    assert matched(ADA) > 0.95 > matched(DR_ADA)


def test_a_referee_begins_with_every_span_that_anybody_marked() -> None:
    group = group_of(ASKED, ada=[ADA], ben=[UNIVERSITY])
    opinion = SPANS.agree(QUEUE, [group], [], [])[group.id]
    seen = TagPayload.model_validate(SPANS.for_referee(group, opinion).model_dump())
    assert {one.id for one in seen.spans} == set(seen.prefill) == {"p0", "u"}
    assert seen.showing(ASKED.spans) == ASKED


def test_two_who_mark_nothing_agree_on_nothing_and_leave_a_referee_the_question_as_it_was() -> None:
    group = group_of(ASKED, ada=[], ben=[])
    opinion = SPANS.agree(QUEUE, [group], [], [])[group.id]
    assert SPANS.outcome(group, opinion) == ()
    assert SPANS.for_referee(group, opinion) == ASKED
    assert SPANS.statements(group.id, group.counted) == []


def test_one_persons_spans_stand_and_say_what_the_question_itself_showed() -> None:
    raw = [span(4, 16, id_="p0"), span(24, 44, "ORG", untouched=True)]
    kept, new = SPANS.verbatim(group_of(ASKED, ada=raw), raw)
    assert (kept["untouched"], new["untouched"]) == (True, False)


def test_gold_is_passed_to_the_character_by_the_share_that_is_right() -> None:
    truth = [ADA, UNIVERSITY]
    assert SPANS.passes(truth, [span(4, 16), span(24, 44, "ORG")], RULE)
    assert not SPANS.passes(truth, [span(0, 16), UNIVERSITY], RULE)
    assert not SPANS.passes(truth, [ADA, span(24, 44, "LOC")], RULE)
    assert not SPANS.passes(truth, [ADA], RULE)
    assert SPANS.passes(truth, [ADA], GoldRule(pass_share=0.5))
    assert SPANS.passes([], [], RULE) and not SPANS.passes([], [ADA], RULE)


def test_agreement_is_of_classes_at_the_places_that_somebody_marked() -> None:
    group = group_of(ASKED, ada=[ADA, LONDON], ben=[DR_ADA])
    found = measure_agreement(SPANS.statements(group.id, group.counted))
    assert (found.units, found.pairs[0].share) == (2, 0.5)


def test_spans_are_counted_in_words() -> None:
    assert SPANS.in_words([ADA, LONDON, UNIVERSITY, span(0, 3)]) == "1 LOC, 1 ORG, 2 PER"
    assert SPANS.in_words([]) == "nothing is there"


def test_gold_teaches_who_misses_spans() -> None:
    gold = [GoldSaid(f"g{n}", "ben", [ADA, LONDON], []) for n in range(40)]
    group = group_of(ASKED, ada=[ADA], ben=[])
    naive, taught = (SPANS.agree(QUEUE, [group], [], known)[group.id].candidates[0].exists for known in ([], gold))
    assert taught > naive
