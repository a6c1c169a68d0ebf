"""A loop ends when its goal is met, and its rounds survive a restart."""

import pytest
from sqlalchemy import Engine

from flows.loop import NEVER, LoopOptions
from flows.options import LineOptions
from tasks.monitor.active_learning.goals import Goal, Round, judge_rounds, rounds_without_gain
from tasks.monitor.active_learning.rounds import note_round, read_rounds, rounds_page


def a_round(metric: float | None = None, seconds: float = 0.0, batch_id: str = "b") -> Round:
    return Round(batch_id=batch_id, items=10, labels=20, human_seconds=seconds, metric=metric)


def test_without_a_round_no_goal_is_met() -> None:
    assert not judge_rounds([], Goal(quality=0.1)).met


@pytest.mark.parametrize(
    ("rounds", "goal", "met", "words"),
    [
        ([a_round(0.5)], Goal(quality=0.5), True, "quality 0.500 has reached 0.5"),
        ([a_round(0.49)], Goal(quality=0.5), False, "nothing of the goal"),
        ([a_round(0.1, 7200)], Goal(human_hours=2), True, "2.00 of 2 hours"),
        ([a_round(0.1, 7199)], Goal(human_hours=2), False, "nothing"),
        ([a_round(0.5), a_round(0.504), a_round(0.503)], Goal(patience=2), True, "2 trainings in a row"),
        ([a_round(0.5), a_round(0.504), a_round(0.506)], Goal(patience=2), False, "nothing"),
        ([a_round(), a_round(), a_round()], Goal(patience=1), False, "nothing"),
        ([a_round(), a_round()], Goal(most_rounds=2), True, "2 rounds, the most allowed"),
        ([a_round(0.9), a_round(None)], Goal(quality=0.5), False, "nothing"),
    ],
)
def test_whatever_is_met_first_ends_the_loop(rounds: list[Round], goal: Goal, met: bool, words: str) -> None:
    verdict = judge_rounds(rounds, goal)
    assert verdict.met == met
    assert words in verdict.reason


def test_gain_is_counted_from_the_best_so_far() -> None:
    rounds = [a_round(metric) for metric in (0.5, 0.3, 0.4, 0.52, None, 0.52)]
    assert rounds_without_gain(rounds, 0.01) == 1
    assert rounds_without_gain([], 0.01) == 0


def test_equal_is_no_gain_even_where_none_is_asked_for() -> None:
    assert rounds_without_gain([a_round(0.5), a_round(0.5)], 0.0) == 1


def test_rounds_are_read_back_and_noting_one_twice_changes_nothing(engine: Engine) -> None:
    assert read_rounds(engine, "lot") == ()
    note_round(engine, "lot", a_round(0.1, batch_id="one"))
    note_round(engine, "lot", a_round(0.2, batch_id="two"))
    note_round(engine, "lot", a_round(0.3, batch_id="two"))
    assert [one.metric for one in read_rounds(engine, "lot")] == [0.1, 0.3]
    assert read_rounds(engine, "other") == ()


def test_the_page_says_why_it_ended_and_divides_by_nothing() -> None:
    nothing = Round(batch_id="b", items=0, labels=0, human_seconds=0, note="too few labels")
    blind = Round(batch_id="b", items=2, labels=8, human_seconds=9, unknown=("red", "blue"))
    assert "without boxes of red, blue" in rounds_page("lot", [blind], judge_rounds([blind], Goal()))
    page = rounds_page("lot", [nothing], judge_rounds([nothing], Goal(most_rounds=1)))
    assert "ended" in page
    assert "too few labels" in page
    assert "data:image" not in page
    assert "not enough evidence" in rounds_page("lot", [], judge_rounds([], Goal()))
    assert "data:image/jpeg" in rounds_page("lot", [a_round(0.4)], judge_rounds([a_round(0.4)], Goal()))


def test_a_strategy_that_nobody_knows_is_refused() -> None:
    line = LineOptions(collection="lot", classes=("car",))
    with pytest.raises(ValueError, match="no strategy is called 'entropie'"):
        LoopOptions.model_validate({"line": line, "selection": {"ask_first": {"entropie": 1.0}}})


def test_no_event_starts_a_training_beside_the_loops_own() -> None:
    options = LoopOptions(line=LineOptions(collection="lot", classes=("car",), detector="some.pt", retrain_after=5))
    first, later = options.line_of(is_first=True), options.line_of(is_first=False)
    assert (first.detector, later.detector) == ("some.pt", "champion")
    assert first.retrain_after == later.retrain_after == NEVER
