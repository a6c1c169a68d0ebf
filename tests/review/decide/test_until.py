"""When a line may go on without the last person, and what then becomes of what nobody answered."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select, update

from blocks.database.engine import reading, writing
from blocks.database.tables import BatchItem, Question, QuestionState, utc_now
from tasks.review.decide.until import (
    Progress,
    Sleeper,
    Until,
    close_rest,
    due,
    forget_sleeper,
    is_met,
    note_sleeper,
    progress,
    sleepers,
)
from tasks.review.questions.queue import MARK_MISSED
from tests.review.builders import hear, make_batch, pretend_posted, questions, webhook, write_missed


@pytest.fixture
def asked(engine: Engine) -> Engine:
    """A catalogue with four posted questions."""
    make_batch(engine, items=4)
    write_missed(engine)
    pretend_posted(engine)
    return engine


def so_far(asked: int, answered: int, passed: int = 0, hours_ago: float = 0.0) -> Progress:
    posted = utc_now() - timedelta(hours=hours_ago)
    return Progress(asked, answered, passed, closed=0, people=1, seconds=3.0, first_posted_at=posted)


@pytest.mark.parametrize(
    ("state", "until", "met"),
    [
        (so_far(0, 0), Until(), True),
        (so_far(20, 19), Until(), False),
        (so_far(20, 20), Until(), True),
        (so_far(20, 19), Until(share=0.95), True),
        (so_far(20, 18), Until(share=0.95), False),
        (so_far(10, 7), Until(share=0.7), True),  # 0.7 × 10 is 7.000000000000001 in floats
        (so_far(20, 19, passed=1), Until(), True),
        (so_far(20, 0, hours_ago=49), Until(hours=48), True),
        (so_far(20, 0, hours_ago=47), Until(hours=48), False),
    ],
)
def test_a_share_or_a_time_whatever_comes_first(state: Progress, until: Until, met: bool) -> None:
    assert is_met(state, until) is met


@pytest.mark.parametrize(
    ("done", "hours_ago", "until", "met"),
    [
        (50, 0, Until(share=0.5), True),
        (50, 0, Until(share=0.5, rest="ask_again"), False),
        (74, 0, Until(share=0.5, rest="ask_again"), False),
        (75, 0, Until(share=0.5, rest="ask_again"), True),  # half, and in the second period half of the rest
        (88, 0, Until(share=0.5, rest="ask_again", times=2), True),  # 50, 25, then 13 of 25: as rounds would count
        (87, 0, Until(share=0.5, rest="ask_again", times=2), False),
        (0, 47, Until(hours=24), True),
        (0, 47, Until(hours=24, rest="ask_again"), False),
        (0, 49, Until(hours=24, rest="ask_again"), True),
        (0, 71, Until(hours=24, rest="ask_again", times=2), False),
        (0, 73, Until(hours=24, rest="ask_again", times=2), True),
        (0, 49, Until(hours=24, rest="drop", times=2), True),
    ],
)
def test_what_stands_in_slots_stays_open_for_the_periods_of_the_next_rounds(
    done: int, hours_ago: int, until: Until, met: bool
) -> None:
    in_slots = replace(so_far(100, done, hours_ago=hours_ago), in_slots=True)
    assert is_met(in_slots, until) is met
    assert is_met(replace(in_slots, round=until.times), until) is is_met(so_far(100, done, hours_ago=hours_ago), until)


def test_nothing_asked_is_all_done(engine: Engine) -> None:
    assert progress(engine, MARK_MISSED, "none").share == 1.0


def test_progress_counts_answers_skips_people_and_seconds(asked: Engine) -> None:
    first, second, third, _ = questions(asked)
    hear(asked, webhook(first, 1, completed_by=1, lead_time=2))
    hear(asked, webhook(second, 2, completed_by=2, lead_time=4))
    hear(asked, webhook(third, 3, was_cancelled=True, completed_by=2, lead_time=1))
    assert progress(asked, MARK_MISSED, "b1").passed == 0  # one skip: somebody else is asked
    hear(asked, webhook(third, 4, was_cancelled=True, completed_by=1, lead_time=1))
    now = progress(asked, MARK_MISSED, "b1")
    assert (now.asked, now.answered, now.passed, now.people, now.seconds, now.share) == (4, 2, 1, 2, 8, 0.75)
    assert str(now) == "2 of 4 answered by 2 people, 4.0 s each, 1 skipped or unusable"


def test_how_long_it_will_take_is_said_only_after_enough_answers(engine: Engine) -> None:
    make_batch(engine, items=30)
    write_missed(engine)
    pretend_posted(engine)
    for number, question in enumerate(questions(engine)[:9]):
        hear(engine, webhook(question, number + 1, minute=number))
    assert "left" not in str(progress(engine, MARK_MISSED, "b1"))
    hear(engine, webhook(questions(engine)[9], 10, minute=9))
    assert str(progress(engine, MARK_MISSED, "b1")).endswith("left at this pace")


@pytest.mark.parametrize("rest", ["pass_on", "drop"])
def test_the_rest_is_passed_on_or_dropped(asked: Engine, rest: str) -> None:
    answered = questions(asked)[0]
    hear(asked, webhook(answered))
    assert close_rest(asked, MARK_MISSED, "b1", 0, rest) == 3  # type: ignore[arg-type]
    assert close_rest(asked, MARK_MISSED, "b1", 0, rest) == 0  # type: ignore[arg-type]
    with reading(asked) as session:
        left = session.exec(select(BatchItem).where(col(BatchItem.set_aside).is_not(None))).all()
    assert len(left) == (3 if rest == "drop" else 0)
    assert answered.item_id not in {row.item_id for row in left}


def test_an_answer_that_comes_after_the_close_still_counts(asked: Engine) -> None:
    close_rest(asked, MARK_MISSED, "b1", 0, "pass_on")
    hear(asked, webhook(questions(asked)[0]))
    assert questions(asked)[0].state == QuestionState.ANSWERED


def test_a_run_is_due_when_its_rule_is_met_and_until_it_says_that_it_is_awake(asked: Engine) -> None:
    sleeper = Sleeper("run-1", MARK_MISSED, "b1", 0, Until(share=0.5))
    note_sleeper(asked, sleeper)
    note_sleeper(asked, sleeper)
    assert (sleepers(asked), due(asked)) == ([sleeper], [])
    with writing(asked) as session:
        two = [row.id for row in questions(asked)[:2]]
        session.exec(update(Question).where(col(Question.id).in_(two)).values(state="answered"))
    assert due(asked) == [sleeper]
    forget_sleeper(asked, "run-1")
    forget_sleeper(asked, "run-1")
    assert (sleepers(asked), due(asked)) == ([], [])
