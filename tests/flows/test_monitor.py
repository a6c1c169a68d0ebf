"""The monitor as Prefect runs it: on nothing, and on a line that people have answered on."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.errors import PartlyFailed, TrackingRefused
from blocks.naming.artifacts import artifact_key
from blocks.servers.experiments import Experiments
from blocks.tracking import Tracking
from flows.monitor import monitor
from tasks.monitor import steps
from tasks.monitor.cost.machines import MachineTime, training_times
from tests.monitor.judging import judge_items
from tests.review.builders import make_batch
from tests.settle.world import region
from tests.triage.rows import car

pytestmark = [
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def plugs(engine: Engine, experiments: Experiments, prefect_api: str, tmp_path: Path) -> str:
    name = f"monitor-{uuid4().hex[:8]}"
    Catalog(url=SecretStr(str(engine.url))).save(name)
    Tracking(uri=SecretStr(experiments.uri), artifact_root=str(tmp_path / "mlartifacts")).save(name)
    return name


def artifact(kind: str, name: str) -> str:
    key = artifact_key(kind, name)
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    newest = max(found, key=lambda one: one.created or datetime.min.replace(tzinfo=UTC))
    return str(newest.data)


def test_a_catalogue_without_lines_gives_an_empty_overview(plugs: str) -> None:
    assert monitor(plugs=plugs) == []
    assert "There is no collection yet" in artifact("ledgers", "overview")


def test_what_people_and_detector_said_is_shown_with_its_price(engine: Engine, plugs: str) -> None:
    judge_items(engine, 12, [car()], [region("a")])
    judge_items(engine, 12, [car()], [region("a")], why=None, batch_id="batch-2")
    (report,) = monitor(plugs=plugs)
    assert (report.collection, report.items_blind, report.items_shown) == ("lot", 12, 12)
    ledger, page = artifact("ledger", "lot"), artifact("monitor", "lot")
    assert "| human time | 4 min 0 s |" in ledger
    assert "Control group: as much time per box" in ledger
    assert "data:image/jpeg;base64," in page


def test_a_collection_that_cannot_be_looked_at_is_told_after_all_others(
    engine: Engine, plugs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_items(engine, 12, [car()], [region("a")])
    make_batch(engine, items=1, batch_id="broken", collection="broken")

    def refuse_one(experiments: Experiments, collection: str) -> list[MachineTime]:
        if collection == "broken":
            raise TrackingRefused("MLflow has lost what broken was trained with")
        return training_times(experiments, collection)

    monkeypatch.setattr(steps, "training_times", refuse_one)
    with pytest.raises(PartlyFailed, match=r"the monitor did all but this: broken: MLflow has lost"):
        monitor(plugs=plugs)
    assert "| lot |" in artifact("ledgers", "overview")
    assert "data:image/jpeg;base64," in artifact("monitor", "lot")


def test_a_named_line_that_is_not_there_says_not_enough_evidence(plugs: str) -> None:
    (report,) = monitor("nowhere", plugs=plugs)
    assert report.qualities == ()
    assert "not enough evidence" in artifact("ledger", "nowhere")
