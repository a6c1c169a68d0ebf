"""`labelline gold` and `reinstate`, as an operator types them: on the catalogue that the saved block names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import select
from typer.testing import CliRunner

from blocks.catalog import Catalog
from blocks.database.engine import reading
from blocks.database.people_tables import Gold
from infra.cli.main import app
from infra.stack.servers.services import PLUGS
from infra.stack.state import ServiceName, StackState
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.questions.staffing import AnnotatorPool, GoldRule
from tests.infra.homes import home_with_prefect
from tests.review.builders import (
    QUEUE,
    Edges,
    Speaker,
    answer_alike,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    write_missed,
)

# Prefect 3.8 leaves sockets of its own clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

HERE: Edges = (100.0, 100.0, 220.0, 180.0)
NOWHERE: Edges = (900.0, 700.0, 960.0, 740.0)
BEN, ENGINEER = "ben@example.org", "engineer@example.org"
GOLDEN = QUEUE.with_pool(AnnotatorPool(gold=GoldRule(share=0.4, min_accuracy=0.5, trial=5, window=10)))
PICTURES = [f"{item_id(number)[:6]}.jpg" for number in range(6)]


@pytest.fixture
def home(tmp_path: Path, prefect_api: str, engine: Engine) -> Iterator[Path]:
    """A state folder whose Prefect is the session's, and whose saved catalogue is the test's."""
    Catalog(url=SecretStr(engine.url.render_as_string(hide_password=False))).save(PLUGS, overwrite=True)
    yield home_with_prefect(tmp_path / "home", prefect_api)
    Catalog.delete(PLUGS)


@pytest.fixture
def people(engine: Engine) -> Speaker:
    """Six answered questions: a car is at `HERE` on each."""
    return answer_alike(engine, 6, ENGINEER, HERE)


def labelline(home: Path, *arguments: str) -> Result:
    shown = CliRunner().invoke(app, list(arguments), env={"LABELLINE_HOME": str(home), "COLUMNS": "400", "USER": "eve"})
    assert shown.exception is None or isinstance(shown.exception, SystemExit), shown.exception
    return shown


def suspend_ben(engine: Engine, people: Speaker) -> None:
    """Hide all gold among ten questions, and let Ben fail it."""
    make_batch(engine, items=10, first=100)
    write_missed(engine, queue=GOLDEN)
    post_slots(engine, GOLDEN)
    for one in questions(engine):
        if one.gold_id:
            people.say(BEN, one, [region("b", edges=NOWHERE)])
    weigh_answers(engine, GOLDEN, "b1")


def test_gold_is_marked_listed_and_retired(home: Path, engine: Engine, people: Speaker) -> None:
    marked = labelline(home, "gold", "mark", "mark-missed", PICTURES[0])
    assert (marked.exit_code, "is gold in mark-missed of lot: 1 car (marked by eve)" in marked.output) == (0, True)
    assert labelline(home, "gold", "mark", "mark-missed", item_id(0), "--by", "Eve").exit_code == 0
    with reading(engine) as session:
        (gold,) = session.exec(select(Gold))
    assert gold.why == "marked by Eve"

    listed = labelline(home, "gold", "--queue", "mark-missed").output
    assert all(text in listed for text in (PICTURES[0], gold.id[:12], "lot", "marked by Eve"))

    for word in ("is", "was already"):
        retired = labelline(home, "gold", "retire", "mark-missed", gold.id[:12])
        assert (retired.exit_code, f"{word} retired; answers that it got count on" in retired.output) == (0, True)
    assert "there is no gold yet" in labelline(home, "gold").output
    assert "retired since" in labelline(home, "gold", "--retired").output
    assert "nobody passes or fails" in labelline(home, "gold", "retire", "mark-missed", gold.id, "--wrong").output
    assert "wrong since" in labelline(home, "gold", "--retired").output


def test_a_suspended_person_is_shown_with_the_command_that_lifts_it(
    home: Path, engine: Engine, people: Speaker
) -> None:
    for picture in PICTURES:
        assert labelline(home, "gold", "mark", "mark-missed", picture).exit_code == 0
    suspend_ben(engine, people)
    shown = labelline(home, "gold").output
    assert "passed 0 of the last" in shown and f"`labelline reinstate {BEN} mark-missed` lifts it" in shown
    assert f"{BEN} is on trial again in mark-missed" in labelline(home, "reinstate", BEN, "mark-missed").output
    again = labelline(home, "reinstate", BEN, "mark-missed")
    assert (again.exit_code, "nothing is to be lifted" in again.output) == (0, True)
    assert "on trial" in labelline(home, "gold").output


def test_a_long_list_says_how_to_see_the_rest(home: Path, people: Speaker) -> None:
    for picture in PICTURES[:3]:
        labelline(home, "gold", "mark", "mark-missed", picture)
    assert "2 more: `--limit 3` shows them" in labelline(home, "gold", "--limit", "1").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gold", "--queue", "mark-mised"], "Did you mean 'mark-missed'"),
        (["gold", "mark", "mark-missed", "none.jpg"], "BadOption: no question of queue 'mark-missed' is 'none.jpg'"),
        (["gold", "retire", "mark-missed", "none.jpg"], "`labelline gold` lists it"),
        (["reinstate", "ben@example.org", "mark-missed"], "nobody has met a gold question yet"),
    ],
)
def test_bad_input_is_one_named_error_that_says_what_to_do(
    home: Path, people: Speaker, arguments: list[str], said: str
) -> None:
    shown = labelline(home, *arguments)
    assert shown.exit_code == 1
    assert said in shown.output
    assert "Traceback" not in shown.output


def test_without_prefect_no_other_catalogue_is_written(home: Path, engine: Engine, people: Speaker) -> None:
    StackState(home=home, ports=dict.fromkeys(ServiceName, 9)).save()
    shown = labelline(home, "gold", "mark", "mark-missed", PICTURES[0])
    assert shown.exit_code == 1
    assert "only its Prefect knows which catalogue is used: `labelline up`" in shown.output
    with reading(engine) as session:
        assert session.exec(select(Gold)).all() == []
