"""`labelline classes`, as the owner of a line types it: what was written is seen, decided, and settled."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from pydantic import SecretStr
from sqlalchemy import Engine
from typer.testing import CliRunner

from blocks.catalog import Catalog
from infra.cli.main import app
from infra.stack.servers.services import PLUGS
from tasks.review.questions.queue import CHOOSE_CLASS
from tests.infra.homes import home_with_prefect
from tests.settle.world import all_labels, ask, give_route, say, settle_batch
from tests.triage.rows import add_batch

# Prefect 3.8 leaves sockets of its own clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def home(tmp_path: Path, prefect_api: str, engine: Engine) -> Iterator[Path]:
    """A state folder whose Prefect is the session's, and whose saved catalogue is the test's; two okapis and a car."""
    Catalog(url=SecretStr(engine.url.render_as_string(hide_password=False))).save(PLUGS, overwrite=True)
    said = [{"kind": None, "verdict": "missing_class", "missing": name} for name in ("okapi", "Okapi")]
    for item_id, one in zip(add_batch(engine, 3), [*said, {"kind": "car", "verdict": "kind"}], strict=True):
        give_route(engine, item_id, "ask")
        say(engine, ask(engine, item_id, queue=CHOOSE_CLASS, options=["car", "van"]), [one])
    settle_batch(engine)
    yield home_with_prefect(tmp_path / "home", prefect_api)
    Catalog.delete(PLUGS)


def labelline(home: Path, *arguments: str) -> Result:
    shown = CliRunner().invoke(app, list(arguments), env={"LABELLINE_HOME": str(home), "COLUMNS": "200"})
    assert shown.exception is None or isinstance(shown.exception, SystemExit), shown.exception
    return shown


def classes(engine: Engine) -> list[str]:
    return sorted(label.class_name for label in all_labels(engine) if not label.retracted)


def test_what_was_written_is_listed_and_shown_until_it_is_decided(home: Path, engine: Engine) -> None:
    for shown in (labelline(home, "classes", "list", "lot"), labelline(home, "show", "lot")):
        assert shown.exit_code == 0, shown.output
        assert "okapi" in shown.output
        assert "classes accept|map|refuse lot CLASS" in shown.output
    told = json.loads(labelline(home, "show", "lot", "--json").stdout)["missing_classes"]
    assert [(one["items"], one["is_decided"]) for one in told] == [(2, False)]
    assert "1 class waits" in labelline(home, "collections").output
    assert classes(engine) == ["car"]


def test_one_is_accepted_mapped_or_refused(home: Path, engine: Engine) -> None:
    done = labelline(home, "classes", "accept", "lot", "OKAPI", "--as", "Okapi (wild)")
    assert (done.exit_code, classes(engine)) == (0, ["Okapi (wild)", "Okapi (wild)", "car"]), done.output
    assert "2 labels changed" in done.output
    assert "new class Okapi (wild)" in labelline(home, "classes", "list", "lot").output
    told = json.loads(labelline(home, "classes", "map", "lot", "okapi", "car", "--json").stdout)
    assert told["revisions"] == 2
    refused = labelline(home, "classes", "refuse", "lot", "okapi")
    assert "reopen lot" in refused.output


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("accept", "lot", "okapy"), "Did you mean"),
        (("accept", "lot", "okapi", "--as", "Car"), "there is a class 'car'"),
        (("accept", "lot", "okapi", "--as", "a$b"), "dollar sign"),
        (("map", "lot", "okapi", "cra"), "Did you mean 'car'"),
        (("refuse", "lots", "okapi"), "there is no collection 'lots'"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(
    home: Path, engine: Engine, typed: tuple[str, ...], told: str
) -> None:
    done = labelline(home, "classes", *typed)
    assert (done.exit_code, told in " ".join(done.output.split())) == (1, True), done.output
    assert classes(engine) == ["car"]
