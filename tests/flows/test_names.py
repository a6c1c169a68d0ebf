"""What is typed into the run form is checked before the run does anything, and refused in words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import ParameterTypeError
from pydantic import ValidationError

from flows.intake import intake
from flows.label import label
from flows.monitor import monitor
from flows.options import LineOptions
from flows.retrain import retrain
from flows.second_look import second_look
from tasks.kinds.registry import KINDS
from tests.blocks.naming.test_names import USED

BAD_COLLECTIONS = ["", "<script>", "x" * 500, "a/b", ".git", "a\x00", "a\nb"]


def refusal(flow: Any, parameters: Mapping[str, Any]) -> str:
    with pytest.raises(ParameterTypeError) as refused:
        flow.validate_parameters(dict(parameters))
    return str(refused.value)


@pytest.mark.parametrize("collection", BAD_COLLECTIONS)
def test_every_flow_refuses_what_is_no_collection(collection: str) -> None:
    line = {"collection": collection, "classes": ["car"]}
    for flow, parameters in (
        (intake, {"folder": "inbox", "collection": collection}),
        (retrain, {"collection": collection}),
        (monitor, {"collection": collection}),
        (label, {"line": line}),
        (second_look, {"options": line}),
    ):
        told = refusal(flow, parameters)
        assert "ollection" in told
        assert "pattern" not in told, "no regular expression is shown to people"


@pytest.mark.parametrize("folder", ["", "/", ".", "objects", "prefect"])
def test_intake_refuses_what_is_no_folder_of_pictures(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # the worker's own folder
    assert "the folder" in refusal(intake, {"folder": folder, "collection": "lots"})


def test_the_inbox_of_the_state_folder_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert intake.validate_parameters({"folder": "inbox", "collection": "inbox"})["folder"] == "inbox"


@pytest.mark.parametrize("pattern", ["(flight", "(?=x)", "x" * 300])
def test_intake_refuses_what_is_no_pattern(pattern: str) -> None:
    told = refusal(intake, {"folder": "inbox", "collection": "lots", "sequence_pattern": pattern})
    assert "the pattern" in told


@pytest.mark.parametrize("name", USED)
def test_names_that_people_use_are_taken_by_a_line(name: str) -> None:
    line = LineOptions(collection=name, classes=(name, "other"), kinds={name: (f"old {name[:90]}", "new")})
    assert (line.collection, line.classes[0]) == (name, name)


def test_kinds_that_nobody_could_choose_between_are_refused_before_anybody_is_asked() -> None:
    with pytest.raises(ValidationError, match="none of them 'cannot tell'"):
        LineOptions(collection="lots", classes=("car",), kinds={"car": ("cannot tell", "van")})


def test_kinds_of_one_class_under_two_spellings_are_refused_and_none_is_lost() -> None:
    kinds = {"car": ["hatchback", "van"], "car ": ["taxi", "hearse"]}
    with pytest.raises(ValidationError, match=r"2 entries come to 1 classes \(car\)"):
        LineOptions.model_validate({"collection": "lot", "classes": ["car"], "kinds": kinds})


def test_a_line_labels_a_known_kind_and_one_from_before_there_were_several_labels_boxes() -> None:
    assert LineOptions(collection="lot", classes=("car",)).label_kind == "boxes"
    known = ", ".join(sorted(KINDS))
    with pytest.raises(ValidationError, match=rf"'box' is no kind of label \(known: {known}\)"):
        LineOptions(collection="lot", classes=("car",), label_kind="box")
