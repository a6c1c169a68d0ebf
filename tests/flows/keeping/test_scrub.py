"""The scrub under a real Prefect: it mends from the second copy, goes on in parts, fails where something is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.errors import BadOption, PartlyFailed
from blocks.object_store import ObjectStore
from blocks.storage.mirrored import MirroredStore
from blocks.storage.stores import FolderStore
from flows.keeping.scrub import scrub
from tasks.keeping.check import CheckOptions
from tasks.keeping.page import check_page
from tasks.keeping.report import CheckReport
from tests.keeping.world import keep_items

PLUGS = "two-copies"


@pytest.fixture
def plugs(engine: Engine, tmp_path: Path, prefect_api: str) -> Iterator[str]:
    """A catalogue, and a store with a second copy, as a person saves them."""
    second = ObjectStore(folder=str(tmp_path / "second"))
    second.save("second", overwrite=True)
    ObjectStore(folder=str(tmp_path / "objects"), second="second").save(PLUGS, overwrite=True)
    Catalog(url=SecretStr(engine.url.render_as_string(hide_password=False))).save(PLUGS, overwrite=True)
    yield PLUGS
    for block, name in ((ObjectStore, PLUGS), (ObjectStore, "second"), (Catalog, PLUGS)):
        block.delete(name)


def test_it_mends_what_it_can_and_fails_where_something_is_lost(
    engine: Engine, plugs: str, client: SyncPrefectClient, tmp_path: Path
) -> None:
    store = ObjectStore.load(plugs).open()
    assert isinstance(store, MirroredStore)
    one, other = keep_items(engine, store, [b"one", b"two"])
    first, second = FolderStore(tmp_path / "objects"), FolderStore(tmp_path / "second")
    first.put(one, b"ONE")
    report = scrub(plugs=plugs)
    assert (report.counts, first.get(one), second.get(one)) == ({"mended": 1}, b"one", b"one")
    for each in (first, second):
        each.delete(other)
    with pytest.raises(PartlyFailed, match="1 of 2 objects are missing or damaged"):
        scrub(plugs=plugs)
    found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[f"objects-{plugs}"])))
    assert any(other in str(artifact.data) for artifact in found)


def test_it_goes_on_where_its_time_was_up(engine: Engine, plugs: str) -> None:
    keep_items(engine, ObjectStore.load(plugs).open(), [b"%d" % number for number in range(600)])
    options = CheckOptions(for_s=1e-9, bookmark="scrub")
    counts = [scrub(options, plugs).objects for _ in range(2)]
    assert counts == [500, 600]


def test_a_second_copy_wants_another_place(plugs: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="names the same place"):
        ObjectStore(folder=str(tmp_path / "second"), second="second").open()
    with pytest.raises(BadOption, match="'nobody', which is not there"):
        ObjectStore(folder=str(tmp_path / "objects"), second="nobody").open()


def test_the_page_shows_each_fault_once_and_no_markup_of_a_name() -> None:
    assert "None is missing" in check_page(CheckReport(is_whole=True))
    fault = {"key": "a|b<script>", "what": "unknown", "told": "t", "means": "m", "do": ""}
    page = check_page(CheckReport.model_validate({"counts": {"unknown": 1}, "faults": [fault]}))
    assert "| unknown | a\\|b&lt;script> |" in page
