"""A line's options in a file: read as YAML or JSON, and what is typed goes before them."""

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from flows.options import LineOptions
from infra.cli.commands import line_commands
from infra.cli.label_request import LabelRequest
from infra.cli.main import app
from infra.cli.typed.line_file import merged, read_line_file
from infra.docs.options_file import options_file

FILE: dict[str, Any] = {
    "collection": "lots",
    "classes": ["car", "truck"],
    "kinds": {"truck": ["box", "tanker"]},
    "batch_size": 7,
    "triage": {"accept": 0.8, "audit_share": 0.25},
    "until": {"share": 0.9, "hours": 48},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[LabelRequest]:
    """What `labelline label` would do, instead of doing it."""
    requests: list[LabelRequest] = []

    def note(_home: Path, request: LabelRequest, *, wait: bool) -> None:
        assert wait
        requests.append(request)

    monkeypatch.setattr(line_commands, "label_folder", note)
    return requests


def label(folder: Path, *typed: str) -> Any:
    return CliRunner().invoke(app, ["label", str(folder), *typed], env={"COLUMNS": "400"})


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.yaml"
    path.write_text(yaml.safe_dump(FILE))
    return path


def test_all_of_the_file_holds(tmp_path: Path, line: Path, asked: list[LabelRequest]) -> None:
    assert label(tmp_path, "--line", str(line)).exit_code == 0
    assert LineOptions.model_validate(asked[0].line()) == LineOptions.model_validate(FILE)
    assert asked[0].collection == "lots"


def test_what_is_typed_goes_before_it_and_the_rest_stays(tmp_path: Path, line: Path, asked: list[LabelRequest]) -> None:
    typed = ("--accept", "0.6", "--name", "roads", "--classes", "truck,bus", "--batch-size", "1000")
    shown = label(tmp_path, "--line", str(line), *typed)
    assert shown.exit_code == 0, shown.output
    options = LineOptions.model_validate(asked[0].line())
    assert (options.collection, options.classes, options.batch_size) == ("roads", ("truck", "bus"), 1000)
    assert (options.triage.accept, options.triage.audit_share, options.until.hours) == (0.6, 0.25, 48)
    assert options.kinds == {"truck": ("box", "tanker")}


def test_the_file_that_is_printed_can_be_labelled_with(tmp_path: Path, asked: list[LabelRequest]) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(options_file(LineOptions))
    assert label(tmp_path, "--line", str(path)).exit_code == 0
    assert LineOptions.model_validate(asked[0].line()) == read_line_file(path)


def test_without_a_file_the_classes_must_be_named(tmp_path: Path, asked: list[LabelRequest]) -> None:
    shown = label(tmp_path)
    assert (shown.exit_code, "--line" in shown.output, asked) == (2, True, [])


@pytest.mark.parametrize(
    "text", ["classes: [car", "a: &a [*a]", "collection: lots", "42", "!!python/object:os.system x"]
)
def test_what_is_no_file_of_options_is_refused_before_anything_is_done(
    tmp_path: Path, asked: list[LabelRequest], text: str
) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(text)
    with pytest.raises(typer.BadParameter, match=r"line\.yaml holds no line options"):
        read_line_file(path)
    assert (label(tmp_path, "--line", str(path)).exit_code, asked) == (2, [])


def test_models_inside_are_merged_and_kinds_are_replaced() -> None:
    file = {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "kinds": {"truck": ["x", "y"]}}
    both = merged(file, {"a": {"c": {"d": 9}}, "kinds": {"car": ["z"]}})
    assert both == {"a": {"b": 1, "c": {"d": 9, "e": 3}}, "kinds": {"car": ["z"]}}
