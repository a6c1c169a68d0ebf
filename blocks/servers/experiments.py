"""What plain code needs of MLflow, without Prefect: runs that end as what they were, and a client that fails fast.

Everything goes through one `MlflowClient` with explicit addresses. MLflow's fluent functions keep the active run in
global state, which two flows in one process would share.
"""

import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy.exc import SADeprecationWarning, SQLAlchemyError

from blocks.errors import TrackingRefused, TrackingUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

log = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 5.0
"""How long a tracking server may take to say that it is there."""

MLFLOW_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""MLflow's own defaults (7 retries of 120 s) hang for minutes where a server is gone; the environment wins."""

MAY_PASS = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "CANCELLED", "ABORTED"})
"""MLflow's words for what waiting may mend; with all others it says no, and will do so again."""

DIGEST_CHARS = 36
"""MLflow keeps no more of a dataset's digest."""

DELETED = "deleted"
"""MLflow's lifecycle stage of what somebody deleted: it refuses runs, and can be restored."""

SHOWN_AS = {
    "mlflow.experimentKind": "custom_model_development",  # not that of chat traces
    "mlflow.note.content": "Trainings of the detectors of one collection: losses, mAP and learning rate of each epoch, "
    "the snapshot of truth they were trained on, and the weights. Which detector is champion is under Models.",
}
"""Tags with which MLflow opens an experiment in its view of trainings, and says what it is."""

LEARNED = "labelline.learned_splits"
"""Tag of a training's run: which splits of its snapshot it saw, `train` or `train,val`."""


@dataclass(frozen=True)
class Experiments:
    """One MLflow: runs with parameters, metrics and files, and the registry of detectors."""

    uri: str = field(repr=False)
    artifact_root: str | None = None

    @property
    def shown_uri(self) -> str:
        """The address without a password, for messages."""
        head, at, host = self.uri.rpartition("@")
        return f"{head.partition('://')[0]}://…@{host}" if at else self.uri

    @cached_property
    def client(self) -> "MlflowClient":
        """The client, made once. Importing MLflow takes a second or two.

        Raises:
            TrackingUnavailable: The server does not answer within seconds, or the database cannot be opened.
        """
        if self.uri.startswith(("http://", "https://")):
            self._probe()
            for name, value in MLFLOW_PATIENCE.items():
                os.environ.setdefault(name, value)
        elif self.uri.startswith("sqlite:///"):
            self._make_folder(Path(self.uri.removeprefix("sqlite:///")).parent)
        with warnings.catch_warnings(), self.speaking():
            # MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates; drop this when MLflow has moved.
            warnings.simplefilter("ignore", SADeprecationWarning)
            from mlflow import MlflowClient

            return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Turn what MLflow raises into our error.

        Raises:
            TrackingUnavailable: MLflow cannot be reached.
            TrackingRefused: It says no: waiting does not help.
        """
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, SQLAlchemyError, httpx.HTTPError, OSError) as error:
            if isinstance(error, MlflowException) and error.error_code not in MAY_PASS:
                raise TrackingRefused(
                    f"MLflow at {self.shown_uri} refuses what was asked ({error.error_code}): "
                    f"{_first_line(error).replace(self.uri, self.shown_uri)}. Look at what it says no to in its own "
                    "pages, or correct the Tracking block's address; trying again changes nothing."
                ) from error
            reason = _first_line(error).replace(self.uri, self.shown_uri)
            raise TrackingUnavailable(
                f"MLflow at {self.shown_uri} did not do what was asked: {reason}. "
                "Check the Tracking block's address and that the server (or the folder of the database) is there."
            ) from error

    @contextmanager
    def run(self, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator["OpenRun"]:
        """Open a run; it ends FINISHED when the block ends, FAILED when it raises, KILLED when it is interrupted.

        Raises:
            TrackingUnavailable: MLflow cannot be reached.
        """
        client = self.client
        with self.speaking():
            run = client.create_run(self.experiment_id(experiment), run_name=name, tags=dict(tags))
        opened = OpenRun(self, run.info.run_id)
        try:
            yield opened
            opened.flush()
        except BaseException as error:
            opened.close("FAILED" if isinstance(error, Exception) else "KILLED", error)
            raise
        with self.speaking():
            client.set_terminated(opened.id, "FINISHED")

    def experiment_id(self, name: str) -> str:
        """Return the id of an experiment, made if absent; one that somebody deleted is restored, with all its runs."""
        with self.speaking():
            found = self.client.get_experiment_by_name(name)
            if found is not None:
                if found.lifecycle_stage == DELETED:
                    self.client.restore_experiment(found.experiment_id)
                    log.warning("experiment %s had been deleted in MLflow, and is restored", name)
                for key, value in SHOWN_AS.items():
                    if key not in found.tags:  # made by an earlier version
                        self.client.set_experiment_tag(found.experiment_id, key, value)
                return str(found.experiment_id)
        location = f"{self.artifact_root.rstrip('/')}/{name}" if self.artifact_root else None
        try:
            with self.speaking():
                return str(self.client.create_experiment(name, artifact_location=location, tags=dict(SHOWN_AS)))
        except TrackingRefused:
            with self.speaking():
                found = self.client.get_experiment_by_name(name)  # somebody else made it meanwhile
            if found is None:
                raise
            return str(found.experiment_id)

    def finished_run(self, experiment: str, tags: Mapping[str, str]) -> "Run | None":
        """Return the newest finished run with these tags, or None."""
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        with self.speaking():
            found = self.client.search_runs(
                [self.experiment_id(experiment)],
                filter_string=f"attributes.status = 'FINISHED' and {wanted}",
                order_by=["attributes.start_time DESC"],
                max_results=1,
            )
        return found[0] if found else None

    def count_runs(self, experiment: str, tag: str) -> int:
        """Return how many runs of an experiment have a tag, whatever became of them; at most 1000 are counted."""
        with self.speaking():
            ids = [self.experiment_id(experiment)]
            return len(self.client.search_runs(ids, filter_string=f"tags.`{tag}` LIKE '%'", max_results=1000))

    def _probe(self) -> None:
        try:
            answer = httpx.get(f"{self.uri.rstrip('/')}/health", timeout=PROBE_TIMEOUT_S)
            answer.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TrackingUnavailable(
                f"no MLflow server answers at {self.shown_uri} ({type(error).__name__}): start it (labelline up), "
                "or correct the Tracking block's address."
            ) from error

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrackingUnavailable(
                f"cannot make the folder {folder} for MLflow's database: {error.strerror}"
            ) from error


class OpenRun:
    """A run that is being written.

    Metrics wait here while MLflow is away: hours of training are worth more than an epoch's numbers arriving in time.
    """

    def __init__(self, experiments: Experiments, run_id: str) -> None:
        self.id = run_id
        self._experiments = experiments
        self._waiting: list[Metric] = []

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Write down the options of the run."""
        from mlflow.entities import Param

        rows = [Param(key, str(value)) for key, value in params.items()]
        with self._experiments.speaking():
            self._experiments.client.log_batch(self.id, params=rows)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write down numbers of a step; kept for later where MLflow does not answer."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        self._waiting += [Metric(key, float(value), now_ms, step) for key, value in metrics.items()]
        try:
            self.flush()
        except (TrackingUnavailable, TrackingRefused) as error:
            log.warning("%d metrics wait for MLflow: %s", len(self._waiting), error)

    def flush(self) -> None:
        """Write the metrics that wait."""
        while self._waiting:
            with self._experiments.speaking():
                self._experiments.client.log_batch(self.id, metrics=self._waiting[:1000])
            del self._waiting[:1000]

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file with the run."""
        with self._experiments.speaking():
            self._experiments.client.log_artifact(self.id, str(path), folder)

    def log_text(self, text: str, name: str) -> None:
        """Keep a text with the run as a file."""
        with self._experiments.speaking():
            self._experiments.client.log_text(self.id, text, name)

    def log_dataset(self, name: str, digest: str, source: str, context: str) -> None:
        """Say which data the run used; MLflow keeps the first 36 characters of the digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name=name, digest=digest[:DIGEST_CHARS], source_type="labelline-snapshot", source=source)
        with self._experiments.speaking():
            self._experiments.client.log_inputs(
                self.id, [DatasetInput(data, [InputTag("mlflow.data.context", context)])]
            )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Mark the run."""
        with self._experiments.speaking():
            for key, value in tags.items():
                self._experiments.client.set_tag(self.id, key, value)

    def files(self, folder: str | None = None) -> set[str]:
        """Return the paths of the files that MLflow really keeps of a folder of the run."""
        with self._experiments.speaking():
            return {str(found.path) for found in self._experiments.client.list_artifacts(self.id, folder)}

    def close(self, status: str, error: BaseException) -> None:
        """End the run as failed, with the reason; what MLflow says to that must not hide the reason itself."""
        try:
            self.set_tags({"labelline.error": f"{type(error).__name__}: {error}"[:500]})
            with self._experiments.speaking():
                self._experiments.client.set_terminated(self.id, status)
        except (TrackingUnavailable, TrackingRefused) as away:
            log.warning("run %s could not be marked %s: %s", self.id, status, away)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
