"""prefect.yaml is the registry of what runs; a typing slip in it would show only on somebody's schedule.

So every entry is loaded here as the worker would load it, and its parameters are checked against the flow's own form.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.utilities.importtools import import_object

ROOT = Path(__file__).parents[2]
REGISTRY = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = REGISTRY["deployments"]


def name_of(deployment: dict[str, Any]) -> str:
    return f"{deployment['entrypoint']}/{deployment['name']}"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_an_entrypoint_is_a_module_path_to_a_flow(deployment: dict[str, Any]) -> None:
    assert re.fullmatch(r"flows(\.\w+)+", deployment["entrypoint"])
    flow = import_object(deployment["entrypoint"])
    assert flow.name == deployment["entrypoint"].rsplit(".", 1)[1]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_parameters_belong_to_the_flow(deployment: dict[str, Any]) -> None:
    flow = import_object(deployment["entrypoint"])
    known = flow.parameters.properties
    given = set(deployment.get("parameters", {}))
    for trigger in deployment.get("triggers", []):
        given |= set(trigger["parameters"])
    assert given <= set(known)


@pytest.mark.parametrize("deployment", [d for d in DEPLOYMENTS if d.get("schedules")], ids=name_of)
def test_a_scheduled_flow_needs_nothing_more(deployment: dict[str, Any]) -> None:
    flow = import_object(deployment["entrypoint"])
    assert set(flow.parameters.required) <= set(deployment["parameters"])
    flow.validate_parameters(deployment["parameters"])


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_every_parameter_is_described_on_the_run_form(deployment: dict[str, Any]) -> None:
    flow = import_object(deployment["entrypoint"])
    for name, schema in flow.parameters.properties.items():
        assert schema.get("description"), f"{name} of {flow.name} has no description in its docstring"


def test_every_flow_file_is_deployed() -> None:
    files = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__", "options", "reports"}
    assert files == {deployment["entrypoint"].split(".")[1] for deployment in DEPLOYMENTS}


@pytest.mark.parametrize("path", sorted((ROOT / "flows").glob("*.py")), ids=lambda path: path.name)
def test_a_flow_file_is_read_in_a_minute(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 120
