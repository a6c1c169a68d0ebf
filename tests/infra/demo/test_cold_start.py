"""The demo that begins with nothing: its two lines are the same but for who proposes; its table says what that cost."""

from io import StringIO

import pytest
from rich.console import Console

from infra.demo.cold_start import run as cold_start
from infra.demo.cold_start.report import ColdStartReport, Stage, report_table
from infra.demo.cold_start.run import by_hand_of, loop_of

ASKED_FOR = {
    *("human_seconds", "human_seconds_manual", "map50", "map50_manual", "questions", "seconds_per_question_median"),
}


def report(**changes: float | None) -> ColdStartReport:
    numbers = {
        **{"pictures": 100, "labels": 900, "precision": 0.98, "recall": 0.97, "questions": 120},
        **{
            "seconds_per_question_median": 80.0,
            "seconds_per_question_p95": 90.0,
            "human_seconds": 3600.0,
            "human_seconds_manual": 7200.0,
        },
        **{"map50": 0.9, "map50_manual": 0.89, "test_pictures": 15, "human_seconds_to_equal": 3000.0},
        "wall_seconds": 600.0,
    }
    return ColdStartReport.model_validate({**numbers, "stages": (Stage(human_seconds=3000.0, map50=0.89),), **changes})


def test_both_lines_learn_as_long_and_look_alike() -> None:
    loop, by_hand = loop_of(100, 300), by_hand_of(100, 300)
    trainings = loop.goal.most_rounds + 1  # the rest is trained on as well
    assert loop.line.retrain.steps is not None
    assert by_hand.retrain.steps == trainings * loop.line.retrain.steps == 900
    same = {"collection": "", "retrain": loop.line.retrain, "parts": None}  # by hand pictures come whole
    assert loop.line.model_copy(update=same) == by_hand.model_copy(update=same)
    assert loop.line.detector == "champion" and not loop.line.retrain.base, "nothing is given"
    assert [loop.selection.size_of(round_) for round_ in (1, 2)] == [10, 20]


def test_the_report_has_the_numbers_that_are_looked_for() -> None:
    assert ColdStartReport.model_fields.keys() >= ASKED_FOR


@pytest.mark.parametrize(("equal", "said"), [(3000.0, "50 min 0 s"), (None, "never")])
def test_the_table_says_what_was_saved_and_when_it_was_as_good(equal: float | None, said: str) -> None:
    text = StringIO()
    Console(file=text, width=120).print(report_table(report(human_seconds_to_equal=equal)))
    assert "1 h 0 min (50%)" in text.getvalue()
    assert said in text.getvalue()


def test_too_few_pictures_to_test_on_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["cold_start", "--pictures", "9"])
    with pytest.raises(SystemExit):
        cold_start.main()
    assert "expected at least 18" in capsys.readouterr().err
