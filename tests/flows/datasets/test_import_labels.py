"""The import as a flow: read, brought in part by part, told in an artifact with a picture."""

from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.object_store import ObjectStore
from blocks.storage.stores import FolderStore, Store
from flows.datasets.import_labels import import_labels
from tasks.dataset.imports.options import ImportOptions
from tasks.dataset.imports.preparing.prepare import prepare_import
from tasks.dataset.imports.report import SETTLED, TO_LABEL, UNCHANGED
from tasks.dataset.snapshots import draw_manifest
from tests.dataset.imports.world import draw, labels, yolo

pytestmark = [
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CAR = ("car", (10.0, 10.0, 30.0, 20.0))


@pytest.fixture
def plugs(engine: Engine, store: FolderStore, prefect_api: str) -> str:
    """Saved blocks of the test's own."""
    name = f"imports-{uuid4().hex[:8]}"
    ObjectStore(folder=str(store.root)).save(name)
    Catalog(url=SecretStr(str(engine.url))).save(name)
    return name


def test_labels_come_in_once_and_an_artifact_shows_them(
    engine: Engine, store: Store, plugs: str, client: SyncPrefectClient, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png", "unknown.png"):
        draw(tmp_path / "set" / name)
    yolo(tmp_path / "set", {"a.png": [CAR], "b.png": [CAR, CAR]})
    collection = f"lot-{uuid4().hex[:8]}"
    options = ImportOptions(path=str(tmp_path / "set"), collection=collection)

    report = import_labels(options, plugs=plugs)
    assert report.counts.pictures == {SETTLED: 2, TO_LABEL: 1}
    assert "the same car as b.txt, line 1" in Path(report.problems_at or "").read_text()
    (shown,) = client.read_artifacts(
        artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[f"import-{collection}-set"]))
    ) or client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(like_=f"import-{collection}%")))
    assert "data:image/jpeg;base64," in str(shown.data)
    assert "Nobody here has looked at them" in str(shown.data)
    ref, _ = draw_manifest(engine, collection, tmp_path)
    assert (ref.items, ref.labels, sum(ref.splits.values())) == (2, 2, 2)

    prepared = prepare_import(engine, store, options)  # as the command line does
    again = import_labels(options, prepared.id, plugs)
    assert again.counts.pictures == {UNCHANGED: 2, TO_LABEL: 1}
    assert len(labels(engine)) == 2
