"""Options that are gone: saved ones load, and Prefect lets them through to where they do."""

from collections.abc import Mapping
from typing import ClassVar

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from blocks.frozen import Slimmed, warn_once
from tasks.audit.label_errors.finding import LabelErrorOptions
from tasks.detect.options import TilingOptions
from tasks.triage.options import TriageOptions


class Some(Slimmed):
    retired: ClassVar[Mapping[str, str]] = {"old": "it never helped"}
    new: int = 1


@pytest.mark.parametrize(("saved", "says"), [({"old": 3}, True), ({"old": False, "new": 1}, False), ({}, False)])
def test_what_is_gone_is_left_out_and_said_where_it_did_anything(
    saved: dict[str, object], says: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    assert Some.model_validate(saved) == Some()
    assert ("option 'old' of Some is gone: it never helped" in caplog.text) is says


def test_what_never_was_is_refused() -> None:
    with pytest.raises(ValidationError, match="odd"):
        Some.model_validate({"odd": 1})


@pytest.mark.parametrize("model", [Some, TilingOptions, TriageOptions, LabelErrorOptions])
def test_the_schema_that_prefect_checks_takes_what_is_gone_and_nothing_else(model: type[Slimmed]) -> None:
    schema = Draft202012Validator(model.model_json_schema())
    assert schema.is_valid(dict.fromkeys(model.retired, 0))
    assert not schema.is_valid({"odd": 1})
    assert not model.retired.keys() & model.model_json_schema()["properties"].keys()
