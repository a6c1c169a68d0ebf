"""An estimate that is often wrong is worse than none: its range must hold what then comes as often as it says."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tasks.review.decide.time_left import COVERAGE, ENOUGH, RECENT, TimeLeft, in_words, time_left

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def every(seconds: float, answers: int) -> list[datetime]:
    return [NOON + timedelta(seconds=seconds * number) for number in range(answers)]


@pytest.mark.parametrize("answers", [0, 1, ENOUGH - 1])
def test_nothing_is_said_before_there_are_enough_answers(answers: int) -> None:
    assert time_left(every(60, answers), 100, NOON + timedelta(hours=1)) is None


def test_nothing_is_said_when_nothing_is_left_or_all_came_at_once() -> None:
    assert time_left(every(60, 50), 0, NOON + timedelta(hours=1)) is None
    assert time_left([NOON] * 50, 10, NOON) is None


def test_the_range_lies_around_the_pace_so_far_and_narrows_with_answers() -> None:
    few, many = (time_left(every(60, n + 1), 60, NOON + timedelta(minutes=n)) for n in (ENOUGH, 150))
    assert few is not None and many is not None
    assert few.least < many.least < timedelta(hours=1) < many.most < few.most


def test_the_order_in_which_answers_are_heard_does_not_matter() -> None:
    now = NOON + timedelta(hours=1)
    assert time_left(every(60, 30), 9, now) == time_left(every(60, 30)[::-1], 9, now)


def test_a_pause_since_the_last_answer_slows_the_pace() -> None:
    steady, paused = (time_left(every(60, 31), 30, NOON + timedelta(minutes=30 + pause)) for pause in (0, 60))
    assert steady is not None and paused is not None
    assert paused.most > 2 * steady.most


def test_only_the_last_answers_count() -> None:
    slow_week = [NOON - timedelta(days=7) + timedelta(hours=n) for n in range(100)]
    now = NOON + timedelta(seconds=10 * RECENT)
    assert time_left(slow_week + every(10, RECENT + 1), 100, now) == time_left(every(10, RECENT + 1), 100, now)


@pytest.mark.parametrize(("seen", "left"), [(10, 5), (10, 100), (60, 1), (100, 400)])
def test_the_range_holds_what_then_comes_as_often_as_it_says(seen: int, left: int) -> None:
    rng = np.random.default_rng(seen + left)
    held, trials = 0, 1500
    for _ in range(trials):
        gaps = rng.exponential(40.0, seen)
        times = NOON + np.array([timedelta(seconds=s) for s in np.concatenate([[0.0], gaps.cumsum()])])
        estimate = time_left(list(times), left, times[-1])
        assert estimate is not None
        held += estimate.least <= timedelta(seconds=rng.gamma(left, 40.0)) <= estimate.most
    assert held / trials == pytest.approx(COVERAGE, abs=0.035)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.2, "1 min"), (4.4, "4 min"), (33, "35 min"), (100, "1.7 h"), (1200, "20 h"), (5000, "3 days")],
)
def test_times_are_said_no_finer_than_they_are_known(minutes: float, words: str) -> None:
    assert in_words(timedelta(minutes=minutes)) == words


def test_a_range_is_said_as_a_range() -> None:
    assert str(TimeLeft(timedelta(minutes=20), timedelta(minutes=41))) == "about 20 min to 40 min left at this pace"
    assert str(TimeLeft(timedelta(seconds=5), timedelta(seconds=50))) == "about 1 min left at this pace"
