"""What machines spent: seconds of runs as those who ran them wrote them down, and nothing estimated.

The catalogue keeps no machine times. Prefect's task runs have them for detecting and settling (`steps.py` reads those:
tasks, not flows, since a run's own time includes waiting for people), MLflow's runs for training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from blocks.servers.experiments import Experiments
from tasks.monitor.cost.spent import is_measured
from tasks.train.naming import registry_name


@dataclass(frozen=True, slots=True)
class MachineTime:
    """One piece of machine work."""

    what: str
    """Name of the step, or `training`."""
    seconds: float
    """May be 0 or less where a clock ran backwards: such times are counted and not added."""
    ended_at: datetime
    batch_id: str | None = None
    """None: work for the whole collection."""


@dataclass(frozen=True, slots=True)
class MachineTotal:
    """Machine work added up."""

    by_step: dict[str, float]
    unmeasured: int

    @property
    def seconds(self) -> float | None:
        """All seconds; None where none was recorded: that is not the same as no work."""
        return sum(self.by_step.values()) if self.by_step else None


def add_up(times: Sequence[MachineTime]) -> MachineTotal:
    """Add machine work up by step; times that no clock can have measured are only counted."""
    by_step: dict[str, float] = {}
    for time in times:
        if is_measured(time.seconds):
            by_step[time.what] = by_step.get(time.what, 0.0) + time.seconds
    return MachineTotal(by_step, sum(not is_measured(time.seconds) for time in times))


def training_times(experiments: Experiments, collection: str) -> list[MachineTime]:
    """Return the time of every ended training of a collection, failed ones included: they cost as much.

    Raises:
        TrackingUnavailable: MLflow cannot be reached.
    """
    client, name = experiments.client, registry_name(collection)
    with experiments.speaking():
        found = client.get_experiment_by_name(name)
        if found is None:
            return []
        times, token = [], None
        while True:
            page = client.search_runs([found.experiment_id], max_results=500, page_token=token)
            for run in page:
                if run.info.end_time is not None:
                    seconds = (run.info.end_time - run.info.start_time) / 1000
                    ended_at = datetime.fromtimestamp(run.info.end_time / 1000, UTC)
                    times.append(MachineTime("training", seconds, ended_at))
            token = page.token
            if not token:
                return times
