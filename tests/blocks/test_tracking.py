import logging
import shutil
import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

import blocks.servers.experiments
from blocks.errors import TrackingRefused, TrackingUnavailable
from blocks.servers.experiments import Experiments, OpenRun
from blocks.tracking import Tracking


@pytest.fixture
def experiments(tmp_path: Path, empty_mlflow: Path) -> Experiments:
    (tmp_path / "deep").mkdir()
    shutil.copyfile(empty_mlflow, tmp_path / "deep" / "mlflow.sqlite")
    return Tracking(uri=SecretStr(f"sqlite:///{tmp_path / 'deep' / 'mlflow.sqlite'}")).open()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_opening_contacts_and_writes_nothing(tmp_path: Path) -> None:
    experiments = Tracking(uri=SecretStr(f"sqlite:///{tmp_path / 'deep' / 'mlflow.sqlite'}")).open()
    assert list(tmp_path.iterdir()) == []
    assert experiments.artifact_root == str(tmp_path / "deep" / "mlartifacts")


def test_a_new_database_is_made_where_there_is_none(tmp_path: Path) -> None:
    experiments = Experiments(f"sqlite:///{tmp_path / 'deep' / 'mlflow.sqlite'}", str(tmp_path / "files"))
    assert experiments.experiment_id("lot") == experiments.experiment_id("lot")


def test_a_server_keeps_its_files_itself_unless_told_otherwise() -> None:
    assert Tracking(uri=SecretStr("http://mlflow:5000")).open().artifact_root is None
    assert Tracking(uri=SecretStr("http://mlflow:5000"), artifact_root="s3://b/x").open().artifact_root == "s3://b/x"


def test_a_run_keeps_parameters_metrics_files_and_data(tmp_path: Path, experiments: Experiments) -> None:
    (tmp_path / "note.txt").write_text("hello")
    with experiments.run("lot", "first", {"job": "1"}) as run:
        run.log_params({"epochs": 3})
        run.log_metrics({"map50": 0.5}, step=1)
        run.log_dataset("lot", "a" * 64, "snapshots/a.json", "training")
        run.log_file(tmp_path / "note.txt", "notes")
        run.log_text("# table", "comparison.md")
        run.set_tags({"seen": "yes"})
        assert run.files("notes") == {"notes/note.txt"}
    kept = experiments.finished_run("lot", {"job": "1"})
    assert kept is not None
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"epochs": "3"}
    assert kept.data.metrics == {"map50": 0.5}
    assert kept.data.tags["seen"] == "yes"
    assert kept.inputs.dataset_inputs[0].dataset.digest == "a" * 36
    assert (tmp_path / "deep" / "mlartifacts" / "lot").is_dir()


@pytest.mark.parametrize(("error", "status"), [(ValueError("no luck"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_a_run_that_raises_ends_as_what_it_was(experiments: Experiments, error: BaseException, status: str) -> None:
    opened: list[OpenRun] = []
    with pytest.raises(type(error)), experiments.run("lot", "bad", {"job": "2"}) as run:
        opened.append(run)
        raise error
    kept = experiments.client.get_run(opened[0].id)
    assert kept.info.status == status
    assert type(error).__name__ in kept.data.tags["labelline.error"]
    assert experiments.finished_run("lot", {"job": "2"}) is None


def test_only_the_run_with_all_tags_is_found(experiments: Experiments) -> None:
    for job in ("1", "2"):
        with experiments.run("lot", job, {"job": job, "kind": "train"}):
            pass
    found = experiments.finished_run("lot", {"job": "1", "kind": "train"})
    assert found is not None
    assert found.data.tags["job"] == "1"
    assert experiments.finished_run("lot", {"job": "3"}) is None


def test_an_absent_server_is_an_error_within_seconds() -> None:
    experiments = Tracking(uri=SecretStr(f"http://user:hunter2@127.0.0.1:{free_port()}")).open()
    with pytest.raises(TrackingUnavailable, match="no MLflow server answers") as caught:
        experiments.experiment_id("lot")  # says our own look, before MLflow tries again and again
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(experiments)


def test_a_server_that_accepts_and_says_nothing_is_an_error_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert blocks.servers.experiments.PROBE_TIMEOUT_S <= 5
    monkeypatch.setattr(blocks.servers.experiments, "PROBE_TIMEOUT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        experiments = Experiments(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(TrackingUnavailable, match="Timeout"):
            experiments.experiment_id("lot")
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # asked once, and MLflow not at all, which would try again and again
            silent.accept()


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(TrackingUnavailable, match="not a database"):
        Experiments(f"sqlite:///{tmp_path / 'mlflow.sqlite'}").experiment_id("lot")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrackingUnavailable, match="cannot make the folder"):
        Experiments(f"sqlite:///{tmp_path / 'file' / 'x' / 'mlflow.sqlite'}").experiment_id("lot")


def test_an_unknown_scheme_is_an_error() -> None:
    with pytest.raises(TrackingRefused, match="the Tracking block's address"):
        Experiments("gopher://mlflow").experiment_id("lot")


def test_an_experiment_that_somebody_deleted_is_restored_with_its_runs(experiments: Experiments) -> None:
    with experiments.run("lot", "first", {"job": "1"}):
        pass
    experiments.client.delete_experiment(experiments.experiment_id("lot"))
    with experiments.run("lot", "second", {"job": "2"}):
        pass
    assert experiments.finished_run("lot", {"job": "1"}) is not None
    assert experiments.finished_run("lot", {"job": "2"}) is not None


def test_what_mlflow_refuses_is_not_taken_for_a_server_that_is_away(experiments: Experiments) -> None:
    with pytest.raises(TrackingRefused, match="RESOURCE_DOES_NOT_EXIST"), experiments.speaking():
        experiments.client.get_run("0" * 32)


def test_metrics_wait_while_mlflow_is_away(
    tmp_path: Path, experiments: Experiments, caplog: pytest.LogCaptureFixture
) -> None:
    with experiments.run("lot", "long", {"job": "1"}) as run:
        away = Experiments(f"http://127.0.0.1:{free_port()}")
        cut_off = OpenRun(away, run.id)
        with caplog.at_level(logging.WARNING):
            cut_off.log_metrics({"loss": 1.0}, step=1)
        assert "1 metrics wait" in caplog.text
        cut_off._experiments = experiments  # the network is back
        cut_off.log_metrics({"loss": 0.5}, step=2)
        history = experiments.client.get_metric_history(run.id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5)]


def test_the_secret_address_is_not_shown() -> None:
    assert "hunter2" not in repr(Tracking(uri=SecretStr("http://user:hunter2@mlflow:5000")))


def test_an_experiment_opens_in_the_view_of_trainings_also_one_that_is_older(experiments: Experiments) -> None:
    experiments.client.create_experiment("older")
    for name in ("older", "lot"):
        tags = experiments.client.get_experiment(experiments.experiment_id(name)).tags
        assert tags["mlflow.experimentKind"] == "custom_model_development"
        assert "Trainings" in tags["mlflow.note.content"]


def test_what_a_person_wrote_about_an_experiment_stays(experiments: Experiments) -> None:
    made = experiments.client.create_experiment("lot", tags={"mlflow.note.content": "ours"})
    assert experiments.experiment_id("lot") == made
    assert experiments.client.get_experiment(made).tags["mlflow.note.content"] == "ours"
