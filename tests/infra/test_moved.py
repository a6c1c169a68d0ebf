"""MLflow keeps absolute addresses of files: after a move of the state folder they must name the new place."""

import sqlite3
from pathlib import Path

import pytest

from blocks.errors import StackError
from blocks.servers.experiments import Experiments
from infra.stack.moved import documents_of, follow_move
from infra.stack.servers.services import artifact_root, tracking_uri


def state_folder(home: Path) -> Path:
    """A state folder with one training, whose model is registered."""
    documents_of(home).parent.mkdir(parents=True)
    documents_of(home).write_text(str(home))
    experiments = Experiments(tracking_uri(home), artifact_root(home))
    file = home / "curve.txt"
    file.write_text("0.9")
    with experiments.run("lots", "first", {}) as run:
        experiments.client.log_artifact(run.id, str(file))
        found = experiments.client.get_run(run.id).info
    experiments.client.create_registered_model("lots")
    experiments.client.create_model_version("lots", f"{found.artifact_uri}/curve.txt", run.id)
    return home


def test_files_of_trainings_are_found_after_a_move(tmp_path: Path) -> None:
    home = state_folder(tmp_path / "home")
    moved = home.rename(tmp_path / "elsewhere")
    told: list[str] = []
    follow_move(moved, told.append)
    assert "addresses of trained models follow" in told[0]

    experiments = Experiments(tracking_uri(moved), artifact_root(moved))
    version = experiments.client.get_model_version("lots", "1")
    assert version.source.startswith(moved.as_uri())
    fetched = experiments.client.download_artifacts(version.run_id, "curve.txt", str(tmp_path))
    assert Path(fetched).read_text() == "0.9"
    with experiments.run("lots", "second", {}) as run:
        assert experiments.client.get_run(run.id).info.artifact_uri.startswith(moved.as_uri())
    assert not home.exists(), "something was written to the old place"


def test_addresses_of_other_places_stay(tmp_path: Path) -> None:
    home = state_folder(tmp_path / "home")
    client = Experiments(tracking_uri(home), artifact_root(home)).client
    others = {"team": "s3://bucket/home", "neighbour": f"{home.as_uri()}-2/lots"}
    for name, place in others.items():
        client.create_experiment(name, artifact_location=place)
    moved = home.rename(tmp_path / "elsewhere")
    follow_move(moved, lambda _text: None)
    client = Experiments(tracking_uri(moved), artifact_root(moved)).client
    assert {name: client.get_experiment_by_name(name).artifact_location for name in others} == others


def test_a_folder_that_stayed_is_left_alone(tmp_path: Path) -> None:
    home = state_folder(tmp_path / "home")
    told: list[str] = []
    follow_move(home, told.append)
    follow_move(tmp_path / "never-started", told.append)
    assert not told


def test_a_database_that_somebody_holds_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = state_folder(tmp_path / "home").rename(tmp_path / "elsewhere")
    monkeypatch.setattr("infra.stack.moved.LOCK_WAIT_S", 0.1)
    holder = sqlite3.connect(home / "mlflow.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StackError, match=r"moved here from .*locked.*run `labelline up` again"):
        follow_move(home, lambda _text: None)
    holder.close()
