"""A run is named after what it does, its collection and its first start, also when it goes on after a sleep."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from pydantic import BaseModel

from blocks.naming.run_names import named, run_name


class Line(BaseModel):
    """Options with a collection in them."""

    collection: str


@flow(flow_run_name=named("label", of="line.collection"))
def flow_with_a_line(line: Line) -> str:
    """Say how its run is called."""
    return str(flow_run.name)


@flow(flow_run_name=named("read answers"))
def flow_without_one() -> str:
    """Say how its run is called."""
    return str(flow_run.name)


def test_a_name_says_what_of_which_and_when() -> None:
    begun = datetime(2026, 11, 28, 22, 10, 59, tzinfo=UTC)
    local = f"{begun.astimezone():%Y-%m-%d %H:%M}"
    assert run_name("label", "Photos (1)", begun) == f"label Photos (1) {local}"
    assert run_name("report on", None, begun) == f"report on {local}"


@pytest.mark.usefixtures("prefect_api")
def test_prefect_calls_runs_so() -> None:
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.fullmatch(f"label lots {{a}} {when}", flow_with_a_line(Line(collection="lots {a}")))
    assert re.fullmatch(f"read answers {when}", flow_without_one())


def test_runs_that_a_schedule_made_at_once_have_names_of_their_own() -> None:
    made = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)
    names = []
    for minutes in (5, 10):
        due = made + timedelta(minutes=minutes)
        run = FlowRun(flow_id=uuid4(), created=made, expected_start_time=due, auto_scheduled=True)
        with FlowRunContext.model_construct(flow_run=run, parameters={}):
            names.append(flow_without_one.flow_run_name())  # type: ignore[operator]
    assert names == [run_name("read answers", None, made + timedelta(minutes=minutes)) for minutes in (5, 10)]
