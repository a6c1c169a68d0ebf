"""Webhooks come late, twice and out of order. Whatever the order, the same answer must count in the end."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from blocks.database.tables import AnswerState
from tasks.review.receiving.answer_versions import OF_NOBODY, Version, resolve
from tests.review.builders import NOON

fresh_states = st.sampled_from([AnswerState.COUNTED, AnswerState.SKIPPED, AnswerState.SET_ASIDE])
versions = st.lists(
    st.builds(
        lambda annotation, minute, state: Version(
            f"{annotation}@{minute}", annotation, NOON + timedelta(minutes=minute), state
        ),
        st.integers(1, 3),
        st.integers(0, 5),
        fresh_states,
    ),
    max_size=8,
    unique_by=lambda version: version.answer_id,
)


def version(annotation: int, minute: int, state: AnswerState = AnswerState.COUNTED) -> Version:
    return Version(f"{annotation}@{minute}", annotation, NOON + timedelta(minutes=minute), state)


def test_no_answers_have_no_states() -> None:
    assert resolve([], []) == {}


def test_the_last_version_counts_and_the_earlier_one_is_kept() -> None:
    assert resolve([version(1, 0), version(1, 5)], []) == {"1@0": "superseded", "1@5": "counted"}


def test_an_earlier_version_that_comes_late_supersedes_nothing() -> None:
    assert resolve([version(1, 5), version(1, 0)], []) == {"1@0": "superseded", "1@5": "counted"}


def test_of_two_people_the_later_counts() -> None:
    assert resolve([version(1, 0), version(2, 5)], []) == {"1@0": "superseded", "2@5": "counted"}


def test_when_the_later_answer_is_deleted_the_earlier_counts_again() -> None:
    before = [version(1, 0, AnswerState.SUPERSEDED), version(2, 5)]
    assert resolve(before, [2]) == {"1@0": "counted", "2@5": "deleted"}


def test_what_a_consensus_says_counts_beside_what_people_said() -> None:
    people = [version(1, 0), version(2, 5, AnswerState.SKIPPED)]
    expected = {"0@9": "counted", "1@0": "counted", "2@5": "skipped"}
    for said in ([version(OF_NOBODY, 9), *people], [*people, version(OF_NOBODY, 9)]):
        assert resolve(said, []) == expected


def test_a_skip_supersedes_no_answer_of_somebody_else() -> None:
    assert resolve([version(1, 0), version(2, 5, AnswerState.SKIPPED)], []) == {"1@0": "counted", "2@5": "skipped"}


def test_a_person_who_skips_after_all_takes_the_answer_back() -> None:
    states = resolve([version(1, 0), version(1, 5, AnswerState.SKIPPED)], [])
    assert states == {"1@0": "superseded", "1@5": "skipped"}


def test_a_version_that_comes_after_the_deletion_does_not_rise_again() -> None:
    states = resolve([version(1, 0, AnswerState.DELETED), version(1, 5)], [])
    assert states == {"1@0": "superseded", "1@5": "deleted"}


@given(versions, st.sets(st.integers(1, 3)), st.data())
def test_neither_order_nor_repetition_matters(known: list[Version], deleted: set[int], data: st.DataObject) -> None:
    at_once = resolve(known, deleted)
    seen: dict[str, Version] = {}
    arriving = data.draw(st.permutations(known + known))
    for heard in arriving:
        seen.setdefault(heard.answer_id, heard)
        gone = deleted if data.draw(st.booleans()) else set()
        states = resolve(seen.values(), gone)
        seen = {id_: Version(id_, v.annotation_id, v.answered_at, states[id_]) for id_, v in seen.items()}
    assert resolve(seen.values(), deleted) == at_once


@given(versions, st.sets(st.integers(1, 3)))
def test_at_most_one_answer_counts_and_none_of_a_deleted_annotation(known: list[Version], deleted: set[int]) -> None:
    states = resolve(known, deleted)
    counted = [v for v in known if states[v.answer_id] == AnswerState.COUNTED]
    assert len(counted) <= 1
    assert all(v.annotation_id not in deleted for v in counted)
