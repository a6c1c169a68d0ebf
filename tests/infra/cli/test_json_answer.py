"""With `--json` a command's result is all of standard output; what is said meanwhile goes to standard error."""

import json
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel
from rich.console import Console
from typer.testing import CliRunner

from infra.cli.json_answer import answer
from infra.cli.main import app

console = Console(soft_wrap=True)


class Told(BaseModel):
    """A result."""

    folder: Path


@pytest.mark.parametrize(
    ("result", "printed"),
    [
        (Told(folder=Path("/größe")), {"folder": "/größe"}),
        (
            {"counts": {1: (2, 3)}, "inner": Told(folder=Path("/a"))},
            {"counts": {"1": [2, 3]}, "inner": {"folder": "/a"}},
        ),
        ([], []),
        (lambda: {"late": 1}, {"late": 1}),
    ],
)
def test_only_the_result_is_on_standard_output(
    capsys: pytest.CaptureFixture[str], result: object, printed: object
) -> None:
    def work() -> object:
        console.print("half way")
        print("nearly there")
        return result

    answer(work, as_json=True)
    shown = capsys.readouterr()
    assert json.loads(shown.out) == printed
    assert shown.err.splitlines() == ["half way", "nearly there"]
    answer(work, as_json=False)
    assert capsys.readouterr() == ("half way\nnearly there\n", "")


def test_what_is_given_up_prints_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> object:
        raise typer.Exit(1)

    with pytest.raises(typer.Exit):
        answer(work, as_json=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "command",
    [
        "stop",
        "reopen",
        "delete",
        "predict",
        "label",
        "options",
        "export",
        "import",
        "loop",
        "retrain",
        "status",
        "collections",
        "show",
        "forecast",
    ],
)
def test_every_command_that_comes_to_something_can_say_it_to_programs(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "400"})
    assert "--json" in shown.output


def test_options_as_json_are_a_schema_with_defaults_and_descriptions() -> None:
    told = json.loads(CliRunner().invoke(app, ["options", "--json"]).stdout)
    assert told["properties"]["batch_size"]["default"] == 1000
    assert all(each.get("description") for each in told["properties"].values())


def test_a_refusal_stays_on_standard_error(tmp_path: Path) -> None:
    home = {"LABELLINE_HOME": str(tmp_path / "nowhere")}
    shown = CliRunner().invoke(app, ["stop", "lots", "--json"], env=home)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "labelline up" in shown.stderr
