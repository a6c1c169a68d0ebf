"""Secrets stay in blocks: nothing of them in logs, artifacts, parameters or exceptions, also where a run fails.

The secrets are those of a real stack in which a real line ran. One more run fails on purpose, with a token of its own
that Label Studio refuses. Then every log and every table of Prefect's and of ours is searched.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import pytest
from pydantic import SecretStr

from blocks.catalog import Catalog
from blocks.errors import LabellingError
from blocks.label_studio import LabelStudio
from infra.demo.runs import wait_for_run
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from tests.running.conftest import LIMIT_S, AskedLine

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

ENCRYPTED = {"block_document", "configuration"}
"""Where Prefect keeps the blocks themselves, and its key to them."""


@dataclass(frozen=True)
class Place:
    """Somewhere that a secret could turn up."""

    name: str
    text: str


def texts_of(database: Path, leave_out: set[str]) -> Iterator[Place]:
    """Yield every row of every table as text."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table not in leave_out:
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    yield Place(f"{database.name}: {table}", " ".join(map(str, row)))
    finally:
        connection.close()


def files_of(folder: Path) -> Iterator[Place]:
    """Yield every file that is text."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield Place(str(path.relative_to(folder.parent)), path.read_text(errors="replace"))


@pytest.fixture
def wrong_token(asked_line: AskedLine) -> str:
    """A token that Label Studio refuses, in a block with which a sweep has failed."""
    token = token_hex(20)
    with connected(asked_line.state) as client:
        block = LabelStudio.load("local")
        assert isinstance(block, LabelStudio)
        block.model_copy(update={"api_token": SecretStr(token)}).save("local", overwrite=True)
        try:
            run_id = start_run(client, deployed_as("sweep")).id
            with pytest.raises(LabellingError, match="copy it from Account & Settings") as failed:
                wait_for_run(client, run_id, LIMIT_S)
        finally:
            block.save("local", overwrite=True)
    assert token not in str(failed.value)
    return token


@pytest.mark.timeout(900)
def test_no_secret_of_a_run_is_written_anywhere_but_in_its_block(asked_line: AskedLine, wrong_token: str) -> None:
    home = asked_line.state.home
    secrets = json.loads((home / "secrets.json").read_text())
    secrets = {name: value for name, value in secrets.items() if name != "email"} | {"wrong token": wrong_token}
    places = [
        *files_of(home / "logs"),
        *texts_of(home / "prefect" / "prefect.db", leave_out=ENCRYPTED),
        *texts_of(home / "catalog.sqlite", leave_out=set()),
        *texts_of(home / "mlflow.sqlite", leave_out=set()),
        *files_of(home / "prefect" / "storage"),
    ]
    looked_at = {place.name for place in places}
    logs, artifacts, parameters, exceptions = "log", "artifact", "flow_run", "flow_run_state"
    for table in (logs, artifacts, parameters, exceptions, "task_run", "task_run_state", "event_resources"):
        assert f"prefect.db: {table}" in looked_at, f"nothing was looked at in {table}"
    assert any("copy it from Account & Settings" in place.text for place in places if place.name.endswith(exceptions))
    assert any("INFO" in place.text for place in places) and len(places) > 100  # it did run, and we do look at it
    found = {(name, place.name) for name, value in secrets.items() for place in places if value in place.text}
    assert found == set()


def test_blocks_are_encrypted_at_rest(asked_line: AskedLine) -> None:
    rows = texts_of(asked_line.state.home / "prefect" / "prefect.db", leave_out=set())
    blocks = [place.text for place in rows if place.name.endswith(": block_document")]
    assert blocks
    assert not any(asked_line.state.label_studio_token in text for text in blocks)


def test_a_database_password_is_in_no_repr() -> None:
    url = "postgresql://line:known-password@db.example/catalog"
    assert "known-password" not in repr(Catalog(url=SecretStr(url)))
