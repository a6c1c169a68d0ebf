"""Accounts from configuration: who is named can log in, and nobody's password is changed or shown."""

import json
import re
import stat
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from typer.testing import CliRunner

from blocks.errors import BadOption
from blocks.label_studio import LabelStudio
from blocks.servers.annotation_server import AnnotationServer
from infra.cli.main import app
from infra.stack.people import ensure_people, people_path
from infra.stack.servers.services import PLUGS
from tests.infra.homes import home_with_prefect
from tests.label_studio import save_label_studio

pytestmark = pytest.mark.label_studio


def can_log_in(server: AnnotationServer, email: str, password: str) -> bool:
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=60) as visitor:
        form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get("/user/login").text)
        assert form is not None
        entries = {"email": email, "password": password, "csrfmiddlewaretoken": form[1]}
        visitor.post("/user/login/", data=entries, headers={"Referer": server.url})
        return visitor.get("/api/current-user/whoami").status_code == 200


def test_who_is_named_gets_an_account_once_and_can_log_in(label_studio: AnnotationServer, tmp_path: Path) -> None:
    ada, ben = (f"{name}-{uuid4().hex[:6]}@example.org" for name in ("ada", "ben"))
    assert ensure_people(label_studio, tmp_path, [ada]) == [ada]
    assert ensure_people(label_studio, tmp_path, [ada, ben]) == [ben]
    assert ensure_people(label_studio, tmp_path, [ben, ada]) == []
    passwords = json.loads(people_path(tmp_path).read_text())
    assert sorted(passwords) == [ada, ben]
    assert stat.S_IMODE(people_path(tmp_path).stat().st_mode) == 0o600
    assert can_log_in(label_studio, ada, passwords[ada])
    assert not can_log_in(label_studio, ada, passwords[ben])


def test_a_password_that_was_written_before_a_crash_is_the_one_that_counts(
    label_studio: AnnotationServer, tmp_path: Path
) -> None:
    chi = f"chi-{uuid4().hex[:6]}@example.org"
    people_path(tmp_path).write_text(json.dumps({chi: "written-before-1"}))
    ensure_people(label_studio, tmp_path, [chi])
    assert can_log_in(label_studio, chi, "written-before-1")


def test_capitals_are_the_same_account(label_studio: AnnotationServer, tmp_path: Path) -> None:
    mark = uuid4().hex[:6]
    typed, kept = f"Name-{mark}@Example.org", f"name-{mark}@example.org"
    assert ensure_people(label_studio, tmp_path, [typed]) == [kept]
    assert ensure_people(label_studio, tmp_path, [typed, kept, typed.upper()]) == []
    assert can_log_in(label_studio, kept, json.loads(people_path(tmp_path).read_text())[kept])


def test_a_password_that_was_kept_under_capitals_is_used(label_studio: AnnotationServer, tmp_path: Path) -> None:
    mark = uuid4().hex[:6]
    people_path(tmp_path).write_text(json.dumps({f"Eve-{mark}@Example.org": "written-before-2"}))
    ensure_people(label_studio, tmp_path, [f"eve-{mark}@example.org"])
    assert can_log_in(label_studio, f"eve-{mark}@example.org", "written-before-2")


def test_what_is_no_email_is_refused_before_anything_is_made(label_studio: AnnotationServer, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="'ada' is no e-mail"):
        ensure_people(label_studio, tmp_path, ["ada"])
    assert not people_path(tmp_path).exists()


# Prefect 3.8 leaves sockets of its own clients to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_accounts_are_made_in_the_label_studio_that_the_saved_block_names(
    label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> None:
    home, dina = home_with_prefect(tmp_path / "home", prefect_api), f"dina-{uuid4().hex[:6]}@example.org"
    save_label_studio(label_studio, PLUGS)
    try:
        made, again = (CliRunner().invoke(app, ["people", dina], env={"LABELLINE_HOME": str(home)}) for _ in range(2))
    finally:
        LabelStudio.delete(PLUGS)
    assert (made.exit_code, again.exit_code) == (0, 0), made.output
    assert "1 accounts made" in made.output and "0 accounts made" in again.output
    assert dina in {user["email"] for user in label_studio.call("GET", "api/users/")}
