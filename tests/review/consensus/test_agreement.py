"""Coefficients come from libraries; tested is that what goes in is right, and what undefined means."""

import pytest

from tasks.review.consensus.agreement import NO_BOX, Statement, measure_agreement, statements_about_places
from tasks.review.consensus.box_matching import match_boxes
from tests.review.people import HERE, THERE, box, said


def statements(**people: str) -> list[Statement]:
    """Return what people said of units 0, 1, …: one letter a unit, a dash for nothing said."""
    return [
        Statement(str(unit), person, letter)
        for person, letters in people.items()
        for unit, letter in enumerate(letters)
        if letter != "-"
    ]


def test_nobody_said_anything() -> None:
    agreement = measure_agreement([])
    assert (agreement.units, agreement.alpha, agreement.pairs, agreement.people) == (0, None, (), ())


def test_one_person_alone_has_nobody_to_agree_with() -> None:
    assert measure_agreement(statements(ada="abab")).people == ()


def test_perfect_agreement_is_one() -> None:
    agreement = measure_agreement(statements(ada="abba", ben="abba"))
    assert (agreement.alpha, agreement.pairs[0].kappa, agreement.pairs[0].share) == (1.0, 1.0, 1.0)


def test_where_all_say_one_thing_only_coefficients_are_not_defined() -> None:
    agreement = measure_agreement(statements(ada="aaa", ben="aaa"))
    assert (agreement.alpha, agreement.pairs[0].kappa, agreement.people[0].kappa) == (None, None, None)
    assert agreement.pairs[0].share == 1.0


def test_alpha_of_the_textbook_example_with_missing_values() -> None:
    # Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, section C: four observers, twelve units.
    agreement = measure_agreement(statements(a="123321412---", b="1233224125-3", c="-3332342251-", d="12332441251-"))
    assert agreement.alpha == pytest.approx(0.743, abs=5e-4)


def test_kappa_of_a_known_table() -> None:
    # Cohen's example by hand: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed 0.7, by chance 0.5.
    agreement = measure_agreement(statements(ada="y" * 25 + "n" * 25, ben="y" * 20 + "n" * 5 + "y" * 10 + "n" * 15))
    assert agreement.pairs[0].kappa == pytest.approx(0.4)
    assert agreement.pairs[0].share == pytest.approx(0.7)


def test_a_person_is_weighed_by_what_they_share_with_each_of_the_others() -> None:
    agreement = measure_agreement(statements(ada="abab----", ben="abababab", chi="----babb"))
    people = {one.person: one for one in agreement.people}
    assert people["ada"].kappa == pytest.approx(1.0)
    assert people["ben"].units == 8
    assert people["chi"].kappa is not None
    assert people["chi"].kappa < 0


def test_who_drew_nothing_where_others_drew_has_said_so() -> None:
    matched = [match_boxes("q1", [said("ada", HERE, box(THERE, "van")), said("ben", HERE), said("chi")])]
    said_of = {(one.unit, one.person): one.category for one in statements_about_places(matched)}
    assert said_of["q1#0", "chi"] == NO_BOX
    assert said_of["q1#1", "ada"] == "van"
    assert said_of["q1#1", "ben"] == NO_BOX
    assert len(said_of) == 6


def test_who_was_not_asked_has_said_nothing() -> None:
    matched = [match_boxes("q1", [said("ada", HERE), said("ben", HERE)]), match_boxes("q2", [said("chi", HERE)])]
    agreement = measure_agreement(statements_about_places(matched))
    assert agreement.units == 1
    assert {one.person for one in agreement.people} == {"ada", "ben"}
