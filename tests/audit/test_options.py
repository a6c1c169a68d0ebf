"""What a line may promise: bounded, checked against its classes, and nothing unless it is asked for."""

import pytest
from pydantic import ValidationError

from blocks.errors import UnknownClass
from flows.options import LineOptions
from tasks.audit.options import ProofOptions


def test_a_line_promises_nothing_unless_asked_and_two_percent_where_it_is() -> None:
    assert LineOptions(collection="lot", classes=("car",)).proof is None
    line = LineOptions.model_validate_json('{"collection": "lot", "classes": ["car"], "proof": {}}')
    assert line.proof == ProofOptions()
    assert (line.proof.promise.epsilon, line.proof.promise.delta) == (0.02, 0.05)
    assert LineOptions.model_validate_json(line.model_dump_json()) == line


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 0},
        {"epsilon": 0.5},
        {"delta": 0},
        {"floor": 1.1},
        {"floor": float("nan")},
        {"boxes_per_batch": -1},
        {"boxes_at_first": 0},
        {"most_share": 0},
        {"unknown": 1},
    ],
)
def test_what_no_proof_can_keep_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ProofOptions.model_validate(wrong)


def test_a_class_may_have_a_limit_of_its_own() -> None:
    proof = ProofOptions(boxes_per_class=500, class_limits={"truck": 0})
    assert (proof.limit_of("car"), proof.limit_of("truck")) == (500, 0)
    proof.check_classes(("car", "truck"))
    with pytest.raises(UnknownClass, match="Did you mean 'truck'"):
        ProofOptions(class_limits={"trucks": 1}).check_classes(("car", "truck"))
