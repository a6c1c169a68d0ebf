"""prefect.yaml is the registry of what runs; a typing slip in it would show only on somebody's schedule.

So every entry is loaded here as the worker would load it, and its parameters are checked against the flow's own form.
"""

import copy
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prefect.server.events.actions import RunDeployment
from prefect.utilities.importtools import import_object
from prefect.utilities.schema_tools.hydration import HydrationContext, hydrate
from sqlalchemy import Engine

from blocks.errors import StackError
from flows.options import LineOptions
from infra.stack.orchestration.deployments import deployed_as
from tasks.detect.options import TilingOptions
from tasks.settle import steps as settle_steps
from tasks.settle.in_force import LabelNews
from tasks.train.options import TrainOptions
from tests.blocks.naming.test_names import USED
from tests.scans import scan_of

ROOT = Path(__file__).parents[2]
REGISTRY = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = REGISTRY["deployments"]


def name_of(deployment: dict[str, Any]) -> str:
    return f"{deployment['entrypoint']}/{deployment['name']}"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_an_entrypoint_is_a_module_path_to_a_flow(deployment: dict[str, Any]) -> None:
    assert re.fullmatch(r"flows(\.\w+)+", deployment["entrypoint"])
    flow = import_object(deployment["entrypoint"])
    assert flow.name == deployment["entrypoint"].rsplit(".", 1)[1].replace("_", "-")


def test_each_deployment_has_a_name_of_its_own_in_words() -> None:
    names = [deployment["name"] for deployment in DEPLOYMENTS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) and name != "local" for name in names)


def test_whoever_starts_or_looks_for_a_run_means_the_name_in_the_registry() -> None:
    flows = {import_object(deployment["entrypoint"]).name for deployment in DEPLOYMENTS}
    assert {"label", "second-look"} <= flows
    for flow in flows:
        first = next(one for one in DEPLOYMENTS if import_object(one["entrypoint"]).name == flow)
        assert deployed_as(flow) == f"{flow}/{first['name']}"
    with pytest.raises(StackError, match="deploys no flow 'lable'"):
        deployed_as("lable")


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_what_the_prefect_ui_lists_says_what_it_is_for(deployment: dict[str, Any]) -> None:
    for listed in (deployment, *deployment.get("triggers", [])):
        assert listed["description"].endswith(".")
        assert len(listed["description"]) > 30
        assert listed["name"]
    assert all(schedule["slug"] for schedule in deployment.get("schedules", []))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_runs_are_named_after_what_they_do(deployment: dict[str, Any]) -> None:
    assert callable(import_object(deployment["entrypoint"]).flow_run_name)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_parameters_belong_to_the_flow(deployment: dict[str, Any]) -> None:
    flow = import_object(deployment["entrypoint"])
    known = flow.parameters.properties
    given = set(deployment.get("parameters", {}))
    for trigger in deployment.get("triggers", []):
        given |= set(trigger["parameters"])
    assert given <= set(known)


def rendered(templates: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """Return what Prefect's automation makes of a trigger's parameters."""
    parameters = copy.deepcopy(templates)
    RunDeployment._upgrade_v1_templates(parameters)  # plain strings, as the server reads them
    event = SimpleNamespace(payload=payload)
    return hydrate(parameters, HydrationContext(raise_on_error=True, render_jinja=True, jinja_context={"event": event}))


@pytest.mark.parametrize("collection", [*USED, "a & b", "{{ event }}", "2025", "null", "true"])
def test_a_collection_reaches_its_training_under_its_own_name(collection: str) -> None:
    retrain = next(each for each in DEPLOYMENTS if each["entrypoint"] == "flows.retrain.retrain")
    payload = {"collection": collection, "options": {}, "tiling": {}}
    assert rendered(retrain["triggers"][0]["parameters"], payload)["collection"] == collection


def announced(engine: Engine, monkeypatch: pytest.MonkeyPatch, line: LineOptions) -> dict[str, Any]:
    """Return the payload of the event that a labelling run of this line emits."""
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(settle_steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(settle_steps, "news_of", lambda *_: LabelNews(collection=line.collection, count=5, since=None))
    monkeypatch.setattr(settle_steps, "emit_event", lambda *_, payload, **__: emitted.append(payload))
    scan = scan_of("batch", classes=line.classes, tiling=line.tiling, collection=line.collection)
    settle_steps.announce_labels.fn(scan, 1, line.retrain)
    return emitted[0]


def test_a_triggered_retraining_gets_the_lines_own_options_and_tiling(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiling, options = TilingOptions(tile_px=320, whole_image=False), TrainOptions(epochs=3, from_above=True)
    line = LineOptions(collection="Lot 7.b", classes=("car",), tiling=tiling, retrain=options)
    payload = announced(engine, monkeypatch, line)
    (deployment,) = [d for d in DEPLOYMENTS if d["entrypoint"] == "flows.retrain.retrain"]
    (trigger,) = deployment["triggers"]
    flow = import_object(deployment["entrypoint"])
    taken = flow.validate_parameters({**deployment["parameters"], **rendered(trigger["parameters"], payload)})
    assert (taken["collection"], taken["options"], taken["tiling"]) == (line.collection, options, tiling)


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
    files = {path.stem for path in (ROOT / "flows").rglob("*.py")} - {"__init__", "options", "reports", "risk_control"}
    assert files == {deployment["entrypoint"].split(".")[-2] for deployment in DEPLOYMENTS}


@pytest.mark.parametrize("path", sorted((ROOT / "flows").rglob("*.py")), ids=lambda path: path.name)
def test_a_flow_file_is_read_in_a_minute(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 120
