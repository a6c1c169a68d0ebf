"""Choices as answers: agreed on class by class, right where they are the same, and "cannot tell" is none."""

import pytest

from tasks.review.consensus.comparers.choices import CHOICES
from tasks.review.questions.kinds.choose import AnsweredKind, ChoosePayload
from tasks.review.questions.kinds.classes.many import MANY
from tasks.review.questions.kinds.classify import ClassPayload
from tasks.review.questions.queue import choose_class_queue, name_kind_queue
from tasks.review.questions.staffing import GoldRule
from tests.review.consensus.comparers.groups import group_of

QUEUE = name_kind_queue({"car": ("taxi", "police")})
ASKED = ChoosePayload(class_name="car", kinds=["taxi", "police"])
TAXI = [AnsweredKind(kind="taxi", verdict="kind").said]
POLICE = [AnsweredKind(kind="police", verdict="kind").said]
NO_CAR = [AnsweredKind(kind=None, verdict="not_an_object").said]
CANNOT = [AnsweredKind(kind=None, verdict="cannot_tell").said]
TRAM = [AnsweredKind(kind=None, verdict="missing_class", missing="Tram").said]


@pytest.mark.parametrize(
    "said", [TAXI, POLICE, NO_CAR, CANNOT, TRAM], ids=["taxi", "police", "no car", "cannot tell", "missing"]
)
def test_what_all_say_is_the_outcome_in_the_form_of_an_answer(said: list[dict[str, object]]) -> None:
    group = group_of(ASKED, ada=said, ben=said)
    opinion = CHOICES.agree(QUEUE, [group], [], [])[group.id]
    assert list(CHOICES.outcome(group, opinion)) == said
    assert opinion.people == ("ada", "ben")


def test_each_class_is_agreed_on_with_its_own_options() -> None:
    car = group_of(ASKED, ada=TAXI, ben=TAXI)
    truck = group_of(ChoosePayload(class_name="truck", kinds=["tanker"]), id_="t", ada=NO_CAR, ben=NO_CAR)
    agreed = CHOICES.agree(QUEUE, [car, truck], [], [])
    assert (agreed[car.id].choice, agreed["t"].choice) == ("taxi", "not a truck")


@pytest.mark.parametrize(("said", "passed"), [(TAXI, True), (POLICE, False), (NO_CAR, False), (CANNOT, False)])
def test_gold_is_passed_by_saying_the_same(said: list[dict[str, object]], passed: bool) -> None:
    assert CHOICES.passes(TAXI, said, GoldRule()) is passed


def test_a_referee_sees_the_question_as_it_was() -> None:
    group = group_of(ASKED, ada=TAXI, ben=POLICE)
    assert CHOICES.for_referee(group, CHOICES.agree(QUEUE, [group], [], [])[group.id]) == ASKED


def test_who_cannot_tell_has_said_so_all_the_same() -> None:
    group = group_of(ASKED, ada=TAXI, ben=CANNOT, chi=NO_CAR)
    said = [(one.person, one.category) for one in CHOICES.statements(group.id, group.counted)]
    assert said == [("ada", "taxi"), ("ben", "cannot_tell"), ("chi", "not_an_object")]


def test_a_missing_class_is_a_choice_however_it_is_written_and_speaks_against_the_others() -> None:
    written = [AnsweredKind(kind=None, verdict="missing_class", missing=" tram").said]
    alike = group_of(ASKED, ada=TRAM, ben=written)
    opinion = CHOICES.agree(QUEUE, [alike], [], [])[alike.id]
    assert opinion.ranking[0][1] > 0.9
    assert list(CHOICES.outcome(alike, opinion)) == TRAM
    torn = group_of(ASKED, id_="torn", ada=TRAM, ben=TAXI)
    assert CHOICES.agree(QUEUE, [torn], [], [])["torn"].ranking[0][1] < 0.9, "nobody is overruled by who came first"
    said = [(one.person, one.category) for one in CHOICES.statements(torn.id, torn.counted)]
    assert said[0][1] != said[1][1]
    assert CHOICES.in_words(TRAM) == "Tram"


def test_gold_is_passed_whatever_was_suggested() -> None:
    assert CHOICES.passes(TAXI, [AnsweredKind(kind="taxi", verdict="kind", as_suggested=True).said], GoldRule())
    assert not CHOICES.passes(TRAM, TAXI, GoldRule())


def test_choices_are_named_in_words() -> None:
    assert [CHOICES.in_words(said) for said in (TAXI, NO_CAR, CANNOT)] == ["taxi", "not an object", "cannot tell"]


def test_nobody_asked_is_nothing_agreed() -> None:
    assert CHOICES.agree(QUEUE, [], [], []) == {}


def test_of_very_many_classes_those_are_weighed_that_anybody_chose() -> None:
    classes = [f"class {number}" for number in range(1_203)]
    said = {number: AnsweredKind(kind=classes[number], verdict="kind").said for number in (7, 900)}
    asked = ClassPayload(options=classes)
    alike = group_of(asked, ada=[said[900]], ben=[said[900]])
    torn = group_of(asked, id_="torn", ada=[said[900]], ben=[said[7]])
    agreed = CHOICES.agree(choose_class_queue(classes), [alike, torn], [], [])
    assert agreed[alike.id].choice == "class 900"
    assert agreed[alike.id].ranking[0][1] > 0.95
    assert len(agreed["torn"].ranking) == MANY
    assert {name for name, _ in agreed["torn"].ranking[:2]} == {"class 7", "class 900"}
