"""How an owner is let in: passwords are shown to who asks for them in a terminal, and go nowhere else."""

import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.commands import stack_commands
from infra.cli.main import app
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.start import StackOptions
from infra.stack.state import ServiceName, StackState


@pytest.fixture
def stack(tmp_path: Path) -> StackState:
    """A stack that was set up and does not run, in a folder that a shell would trip over."""
    home = tmp_path / "it's $HOME"
    home.mkdir()
    ensure_credentials(home)
    state = StackState(home=home, ports={name: 21000 + place for place, name in enumerate(ServiceName)})
    state.save()
    return state


def run(stack: StackState, *arguments: str) -> str:
    shown = CliRunner().invoke(app, ["--home", str(stack.home), *arguments], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_login_shows_what_to_type_at_each_server(stack: StackState) -> None:
    credentials = stack.credentials
    user, _, password = credentials.prefect_login.partition(":")
    typed = {
        stack.urls.label_studio: [credentials.email, credentials.password.get_secret_value()],
        stack.urls.prefect_ui: [credentials.prefect_login],
        stack.urls.mlflow: [user, password],
    }
    *lines, where, how, score, login, token = run(stack, "login").splitlines()
    assert score.split()[-1] == f"{stack.urls.gateway}/score/docs"
    assert (login.split(maxsplit=1)[-1], token.split()) == (
        "the same as for Prefect",
        ["token", credentials.score_bearer],
    )
    ends = [line.split()[-1] for line in lines]
    assert (where.split()[-1], how.strip()) == (f"{stack.urls.gateway}/gallery/", "the same as for MLflow")
    assert ends == [end for address, words in typed.items() for end in (address, *words)]


def test_a_shell_takes_over_what_env_prints_to_the_letter(stack: StackState) -> None:
    names = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "LABELLINE_HOME")
    script = f"eval {shlex.quote(run(stack, 'env'))}; printf '%s\\n' " + " ".join(f'"${name}"' for name in names)
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert told == [stack.urls.prefect_api, stack.credentials.prefect_login, str(stack.home)]


def test_up_tells_no_password_to_a_file_or_a_pipe(
    stack: StackState, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack_commands, "start_stack", lambda *_arguments, **_options: stack)
    stack_commands.start(stack.home, StackOptions())
    shown = capsys.readouterr().out
    assert stack.urls.prefect_ui in shown
    assert "labelline login" in shown
    assert stack.credentials.redact(shown) == shown
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    stack_commands.start(stack.home, StackOptions())
    assert stack.credentials.prefect_login in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "wanted"),
    [([], None), (["a.example.org"], ("a.example.org",)), (["a.example.org", "b"], ("a.example.org", "b")), ([""], ())],
)
def test_public_hosts_are_those_named_or_last_times_or_none(
    stack: StackState, monkeypatch: pytest.MonkeyPatch, given: list[str], wanted: tuple[str, ...] | None
) -> None:
    asked: list[StackOptions] = []
    monkeypatch.setattr(stack_commands, "start", lambda _home, options: asked.append(options))
    run(stack, "up", *(argument for name in given for argument in ("--public-host", name)))
    assert [options.public_hosts for options in asked] == [wanted]
