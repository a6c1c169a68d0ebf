"""Options as an earlier version saved them, in deployments, schedules, sleeping runs and the catalogue, still load.

The files in `former_options/` are what the models wrote before their fields got the field's words; every renamed field
has a value there that is not its default, so one that was lost would show.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import is_valid_schema, validate

from blocks.naming.renamed import Renamed
from flows.label import label
from flows.loop import LoopOptions, loop
from flows.options import LineOptions
from flows.second_look import second_look
from tasks.audit.bounds.certify import Promise
from tasks.audit.label_errors.finding import LabelErrorOptions
from tasks.audit.label_errors.options import LabelErrorReviewOptions
from tasks.audit.label_errors.record import LookScope, look_id
from tasks.audit.risk_control.options import RiskControlOptions, RiskControlRef
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.questions.staffing import AnnotatorPool, GoldRule, OverlapRule
from tasks.train.options import TrainOptions
from tasks.triage.options import CertifiedThresholds, ScoreThresholds, TriageOptions

POOL = AnnotatorPool(
    annotators=("ada@example.org", "ben@example.org"),
    overlap=OverlapRule(least=2, most=2),
    gold=GoldRule(min_accuracy=0.6),
)
TRIAGE = TriageOptions(
    class_thresholds={"bus": ScoreThresholds(accept=0.9, drop=0.2)},
    outlier_z=5,
    image_outliers=False,
    place_outliers=False,
    count_outliers=False,
    surface_anomalies=True,
)
RISK_CONTROL = RiskControlOptions(max_error_rate=0.03, confidence=0.9, min_score=0.5)
LINE = LineOptions(
    collection="lots",
    classes=("car", "bus"),
    kinds={"bus": ("coach", "city bus")},
    triage=TRIAGE,
    annotator_pool=POOL,
    expert_pool=AnnotatorPool(annotators=("eve@example.org",)),
    risk_control=RISK_CONTROL,
    retrain=TrainOptions(lr0=0.001, min_val_boxes=200, min_train_boxes=20),  # were defaults, and are left open today
)
LABEL_ERRORS = LabelErrorOptions(budget=0.2, expected_error_rate=0.1, outlier_z=6)
REVIEW = LabelErrorReviewOptions(
    collection="lots", classes=("car", "bus"), label_errors=LABEL_ERRORS, annotator_pool=POOL
)


def saved(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "former_options" / f"{name}.json").read_text())
    return found


def names_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from names_in(part)


def test_a_saved_run_of_the_line_loads_as_it_was_meant() -> None:
    assert LineOptions.model_validate(saved("label")["line"]) == LINE


def test_a_saved_loop_loads_with_its_holdout() -> None:
    options = LoopOptions.model_validate(saved("loop")["options"])
    assert (options.line, options.selection.holdout) == (LINE, 12)


def test_a_saved_review_of_label_errors_loads() -> None:
    assert LabelErrorReviewOptions.model_validate(saved("second-look")["options"]) == REVIEW


def test_rows_of_the_catalogue_load() -> None:
    of = RiskControlRef.model_validate(saved("proof-bookmark"))
    assert (of.triage, of.risk_control) == (TRIAGE, RISK_CONTROL)
    queue = Queue.model_validate(saved("queue-bookmark"))
    assert queue.instructions == saved("queue-bookmark")["instructions"]  # what its people were told, not today's words
    today = mark_missed_queue(("car", "bus")).with_pool(POOL)
    assert queue.model_copy(update={"instructions": today.instructions}) == today


def test_what_a_line_promised_loads() -> None:
    thresholds = CertifiedThresholds.model_validate(saved("certified"))
    assert (thresholds.max_error_rate, thresholds.confidence) == (0.03, 0.9)
    assert Promise.model_validate(saved("promise")) == RISK_CONTROL.promise


@pytest.mark.parametrize(("flow", "name"), [(label, "label"), (loop, "loop"), (second_look, "second-look")])
def test_prefect_admits_the_parameters_of_a_whole_saved_deployment(flow: Callable[..., Any], name: str) -> None:
    schema = parameter_schema(flow).model_dump_for_openapi()
    is_valid_schema(schema)
    validate(saved(name), schema, raise_on_error=True)
    with pytest.raises(Exception, match="no_such_option"):
        validate(with_an_unknown_option(saved(name)), schema, raise_on_error=True)


def with_an_unknown_option(parameters: dict[str, Any]) -> dict[str, Any]:
    options = parameters.get("line") or parameters["options"]
    options["no_such_option"] = 1
    return parameters


@pytest.mark.parametrize(("flow", "name"), [(label, "label"), (loop, "loop"), (second_look, "second-look")])
def test_a_run_begins_with_the_parameters_of_a_saved_deployment(flow: Any, name: str) -> None:
    options = flow.validate_parameters(saved(name))
    assert {type(value) for value in options.values()} <= {LineOptions, LoopOptions, LabelErrorReviewOptions, str}


def test_every_former_name_is_in_a_saved_file() -> None:
    files = (Path(__file__).parent / "former_options").glob("*.json")
    seen = {name for path in files for name in names_in(saved(path.stem))}
    ours = [model for model in Renamed.__subclasses__() if model.__module__.split(".")[0] in ("flows", "tasks")]
    assert LineOptions in ours
    assert {name for model in ours for name in model.former_names} <= seen


def test_a_run_that_sleeps_finds_the_review_that_it_began() -> None:
    assert look_id(LookScope("lots", "d", "r", ("car",)), ["a"], LABEL_ERRORS) == "0012177a7f80"
