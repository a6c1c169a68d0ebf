"""The tables that people read in the Prefect UI."""

import re

import pytest
from sqlalchemy import Engine

from tasks.triage import reasons
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tasks.triage.reasons import Why, why_of
from tasks.triage.report import triage_report
from tasks.triage.summary import escape_cell, percent, table, what_went_where
from tasks.triage.track_reasons import against_flow, jumps, may_have_swapped
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, car


def test_tables_say_how_many_went_where_and_why(engine: Engine) -> None:
    for item_id in add_batch(engine, 20):
        add_scan(engine, item_id, [car(0.9), car(0.43)])
    text = what_went_where(decide(engine, BATCH, TriageOptions(), DETECTOR, RECIPE))
    assert "| ask: people look, proposals shown | 19 | 95 % | boxes in doubt 19 |" in text
    assert "| accepted | 20 | 50 % | score above the accept threshold 20 |" in text
    assert "| dropped | 0 | 0 % | – |" in text


def test_classes_that_the_detector_does_not_know_are_named(engine: Engine) -> None:
    add_batch(engine, 1)
    report = decide(engine, BATCH, TriageOptions(), DETECTOR, RECIPE)
    assert "does not know" not in what_went_where(report)
    told = what_went_where(report.model_copy(update={"lacking": ("mini|bus", "tram")}))
    assert "**The detector does not know mini\\|bus, tram**" in told


def test_an_empty_batch_is_said_to_be_empty(engine: Engine) -> None:
    add_batch(engine, 0)
    assert "Nothing was triaged" in what_went_where(triage_report(engine, BATCH))


def test_cells_from_outside_cannot_break_out_of_a_table() -> None:
    text = table(("name",), [("a|b\n<img src=x> [x](javascript:y) `c`",)])
    assert len(text.splitlines()) == 3
    assert not re.search(r"(?<!\\)[<>`\[\]]", text)
    assert escape_cell("") == ""


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(0, 0, "–"), (0, 5, "0 %"), (1, 1000, "0.1 %"), (999, 1000, "99.9 %"), (5, 5, "100 %")]
)
def test_shares_never_round_to_nothing_or_all(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


def test_every_sentence_is_known_again_by_its_kind() -> None:
    said = {
        Why.CONFIDENT: reasons.confident(0.9, 0.6),
        Why.DOUBTFUL: reasons.doubtful(0.43, 0.15, 0.6),
        Why.WEAK: reasons.weak(0.1, 0.15),
        Why.CERTIFIED: reasons.certified(0.9, 0.7, 0.02),
        Why.NO_THRESHOLD: reasons.no_threshold("car", 0.9),
        Why.CONFIRMED: reasons.judged("right"),
        Why.REFUTED: reasons.judged("nothing"),
        Why.DISPUTED: reasons.judged("cannot_tell"),
        Why.CONTROL: reasons.control_group(),
        Why.NO_SCORE: reasons.no_score(),
        Why.SIZE: reasons.unusual_size(3.2, "car"),
        Why.SHAPE: reasons.unusual_shape(0.1, "car"),
        Why.NO_AREA: reasons.no_area(),
        Why.UNKNOWN_CLASS: reasons.unknown_classes(["minibus", "tram"]),
        Why.RANDOM_AUDIT: reasons.random_audit(),
        Why.HELD_OUT: reasons.held_out("score 1"),
        Why.BOXES_IN_DOUBT: reasons.boxes_in_doubt(1, 1),
        Why.ODD_IMAGE: reasons.odd_image(120.4),
        Why.ODD_SURFACE: reasons.odd_surface(2.1),
        Why.ODD_PLACE: reasons.odd_place("left of", "car"),
        Why.ODD_COLOUR: "much darker and bluer than a car usually is",
        Why.ODD_COUNT: reasons.odd_count(12, 3, "car"),
        Why.JUMPS: jumps(1.6, "car"),
        Why.SWAPPED: may_have_swapped("car"),
        Why.AGAINST_FLOW: against_flow("car"),
        Why.NO_EMBEDDING: reasons.no_embedding(),
        Why.NO_SURFACE: reasons.no_surface("it cannot be read"),
        Why.NOTHING_FOUND: reasons.nothing_found(0.15),
        Why.NOT_SCANNED: reasons.not_scanned(),
        Why.NO_MODEL: reasons.no_model(),
        Why.ALL_SURE: reasons.all_sure(1),
        Why.REMOVED: reasons.removed_from_page(),
        Why.BAD_PAGE: reasons.page_before_was_bad(),
        Why.OTHER: "because",
    }
    assert {why: why_of(sentence) for why, sentence in said.items()} == {why: why for why in Why}
