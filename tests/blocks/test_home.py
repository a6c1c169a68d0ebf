"""The step with which every deployed run begins, called as a run's process calls it."""

import asyncio
import os
from pathlib import Path

import pytest
import yaml
from prefect.deployments.steps.core import run_steps
from prefect.utilities.templating import apply_values

from infra.stack.orchestration.deployments import REGISTRY


@pytest.mark.usefixtures("prefect_api")
def test_a_run_begins_where_the_state_folder_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, after = tmp_path / "home", tmp_path / "moved"
    before.mkdir()
    monkeypatch.setenv("LABELLINE_HOME", str(before))
    # As `prefect deploy` does: what it fills in is what the deployment keeps.
    kept = apply_values(yaml.safe_load(REGISTRY.read_text())["pull"], os.environ, remove_notset=False)
    before.rename(after)
    monkeypatch.setenv("LABELLINE_HOME", str(after))
    asyncio.run(run_steps(kept))
    assert Path.cwd() == after
