"""The answer of someone who may not is kept, does not count, and says why."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tasks.review.consensus.eligibility import AnswerInForce, Roster, Ruling, explain, rule_on_answers
from tests.review.builders import NOON

ANYBODY = Roster("mark-missed")
NAMED = Roster("name-kind", annotators=frozenset({"ada", "ben"}), referees=frozenset({"ruth"}))


def answer(person: str, number: int = 1, question: str = "q", minute: int = 0, known: bool = True) -> AnswerInForce:
    return AnswerInForce(f"a{number}", question, person, number, NOON + timedelta(minutes=minute), known)


def test_no_answers_no_rulings() -> None:
    assert rule_on_answers([], NAMED) == {}


def test_where_nobody_is_named_everybody_counts() -> None:
    assert rule_on_answers([answer("zoe", known=False)], ANYBODY) == {"a1": Ruling.COUNTS}


def test_who_is_not_named_does_not_count_and_reads_why() -> None:
    assert rule_on_answers([answer("zoe"), answer("ada", 2)], NAMED) == {"a1": Ruling.NOT_NAMED, "a2": Ruling.COUNTS}
    assert "zoe is not among the people of queue 'name-kind' (ada, ben, ruth)" in explain(
        Ruling.NOT_NAMED, "zoe", NAMED
    )


def test_somebody_unknown_waits_until_we_know_who_it_is() -> None:
    assert rule_on_answers([answer("user 7", known=False)], NAMED) == {"a1": Ruling.UNKNOWN_PERSON}


def test_a_referee_decides() -> None:
    assert rule_on_answers([answer("ruth")], NAMED) == {"a1": Ruling.DECIDES}


def test_a_suspended_person_counts_up_to_the_suspension() -> None:
    roster = Roster("q", suspended={"ada": NOON})
    answers = [answer("ada", 1, "q1", -1), answer("ada", 2, "q2", 0), answer("ada", 3, "q3", 9)]
    assert list(rule_on_answers(answers, roster).values()) == [Ruling.COUNTS, Ruling.SUSPENDED, Ruling.SUSPENDED]
    assert "since 2026-11-01 12:00" in explain(Ruling.SUSPENDED, "ada", roster)


def test_recalled_answers_do_not_count_any_more() -> None:
    roster = Roster("q", recalled=frozenset({"a1"}))
    assert rule_on_answers([answer("ada", 1), answer("ada", 2, "other")], roster)["a1"] is Ruling.RECALLED


def test_of_two_looks_of_one_person_the_first_counts_also_when_it_was_edited_last() -> None:
    first, second = answer("ada", 1, minute=30), answer("ada", 2, minute=5)
    assert rule_on_answers([second, first], NAMED) == {"a1": Ruling.COUNTS, "a2": Ruling.ANSWERED_BEFORE}


def test_a_second_look_counts_where_the_first_does_not() -> None:
    roster = Roster("q", recalled=frozenset({"a1"}))
    assert rule_on_answers([answer("ada", 1), answer("ada", 2)], roster)["a2"] is Ruling.COUNTS


def test_every_ruling_has_its_reason_and_only_what_does_not_count_needs_one() -> None:
    for ruling in Ruling:
        assert bool(explain(ruling, "ada", NAMED)) is not ruling.is_counted


answers = st.lists(
    st.builds(
        answer,
        st.sampled_from(["ada", "ben", "zoe", "ruth"]),
        st.integers(1, 20),
        st.sampled_from(["q1", "q2"]),
        st.integers(-5, 5),
    ),
    max_size=8,
    unique_by=lambda one: one.answer_id,
)


@given(answers.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_answers_changes_nothing(both: tuple[list[AnswerInForce], list[AnswerInForce]]) -> None:
    roster = Roster("q", annotators=frozenset({"ada", "ben"}), suspended={"ben": NOON})
    assert rule_on_answers(both[0], roster) == rule_on_answers(both[1], roster)


@given(answers)
def test_a_person_counts_once_per_question(some: list[AnswerInForce]) -> None:
    rulings = rule_on_answers(some, ANYBODY)
    counted = [(one.question_id, one.person) for one in some if rulings[one.answer_id].is_counted]
    assert len(counted) == len(set(counted))
    assert set(counted) == {(one.question_id, one.person) for one in some}
