"""What a line may promise: bounded, checked against its classes, and nothing unless it is asked for."""

import pytest
from pydantic import ValidationError

from blocks.errors import UnknownClass
from flows.options import LineOptions
from tasks.audit.risk_control.options import RiskControlOptions


def test_a_line_promises_nothing_unless_asked_and_two_percent_where_it_is() -> None:
    assert LineOptions(collection="lot", classes=("car",)).risk_control is None
    line = LineOptions.model_validate_json('{"collection": "lot", "classes": ["car"], "risk_control": {}}')
    assert line.risk_control == RiskControlOptions()
    assert (line.risk_control.max_error_rate, line.risk_control.promise.delta) == (0.02, 0.05)
    assert LineOptions.model_validate_json(line.model_dump_json()) == line


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_error_rate": 0},
        {"max_error_rate": 0.5},
        {"confidence": 1},
        {"min_score": 1.1},
        {"min_score": float("nan")},
        {"boxes_per_batch": -1},
        {"boxes_at_first": 0},
        {"most_share": 0},
        {"unknown": 1},
    ],
)
def test_what_no_sample_can_keep_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RiskControlOptions.model_validate(wrong)


def test_a_class_may_have_a_limit_of_its_own() -> None:
    risk_control = RiskControlOptions(boxes_per_class=500, class_limits={"truck": 0})
    assert (risk_control.limit_of("car"), risk_control.limit_of("truck")) == (500, 0)
    risk_control.check_classes(("car", "truck"))
    with pytest.raises(UnknownClass, match="Did you mean 'truck'"):
        RiskControlOptions(class_limits={"trucks": 1}).check_classes(("car", "truck"))
