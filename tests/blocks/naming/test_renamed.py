"""A renamed option still loads by its former name, says the new one once, and never guesses between the two."""

import json
import logging
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from blocks.frozen import Frozen, warn_once
from blocks.naming import renamed
from blocks.naming.renamed import Renamed, complement


class Kettle(Renamed):
    """Has been renamed twice, once with another meaning of the value."""

    former_names: ClassVar = {"hot": "temperature", "risk": "confidence"}
    former_values: ClassVar = {"risk": complement}
    retired: ClassVar = {"whistle": "nobody heard it"}

    temperature: int = 20
    litres: float = 1.5
    confidence: float = Field(default=0.9, ge=0, le=1)


class Kitchen(Frozen):
    """Holds a renamed value."""

    kettle: Kettle = Kettle()


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> None:
    renamed._warn_once.cache_clear()
    warn_once.cache_clear()


def test_a_former_name_loads_and_the_present_one_is_written() -> None:
    kettle = Kettle.model_validate_json('{"hot": 90, "risk": 0.05}')
    assert kettle == Kettle(temperature=90, confidence=0.95)
    assert json.loads(kettle.model_dump_json()) == {"temperature": 90, "litres": 1.5, "confidence": 0.95}


def test_a_former_name_loads_inside_another_value() -> None:
    assert Kitchen.model_validate({"kettle": {"hot": 5}}).kettle.temperature == 5


def test_the_warning_names_the_new_option_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Kettle.model_validate({"hot": 1})
        Kettle.model_validate({"hot": 2})
        Kettle.model_validate({"temperature": 2})
    assert [record.getMessage() for record in caplog.records] == [
        "option 'hot' of Kettle is called 'temperature' now: the former name still works; please use the new one"
    ]


@pytest.mark.parametrize("whistle", [False, True])
def test_an_option_that_is_gone_loads_and_says_so_where_it_asked_for_something(
    caplog: pytest.LogCaptureFixture, whistle: bool
) -> None:
    assert Kettle.model_validate({"hot": 20, "whistle": whistle}) == Kettle()
    assert ("'whistle' of Kettle is gone: nobody heard it" in caplog.text) is whistle


def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"'hot' is the former name of 'temperature'.*leave 'hot' out"):
        Kettle.model_validate({"hot": 1, "temperature": 1})


@pytest.mark.parametrize("wrong", [{"hot": "very"}, {"warm": 1}, {"risk": "much"}, {"risk": 2}, {"risk": None}, 7])
def test_what_was_wrong_before_stays_wrong(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Kettle.model_validate(wrong)


def test_the_schema_admits_former_names_and_shows_the_present_ones() -> None:
    schema = Kitchen.model_json_schema()["$defs"]["Kettle"]
    assert list(schema["properties"]) == ["temperature", "litres", "confidence"]
    assert schema["propertyNames"] == {"enum": ["temperature", "litres", "confidence", "hot", "risk", "whistle"]}


def test_a_hash_of_the_former_json_stays_what_it_was() -> None:
    class Pan(Renamed):
        former_names: ClassVar = {"wide": "width"}
        width: float = 1e-7
        deep: tuple[str, ...] = ("ä",)

    class PanBefore(Frozen):
        wide: float = 1e-7
        deep: tuple[str, ...] = ("ä",)

    assert Pan().json_under_former_names() == PanBefore().model_dump_json()


@pytest.mark.parametrize(("value", "other"), [(0.05, 0.95), (0.1, 0.9), (1, 0), ("x", "x"), (True, True), (None, None)])
def test_the_complement_of_a_share_is_exact(value: object, other: object) -> None:
    assert complement(value) == other
