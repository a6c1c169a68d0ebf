"""The flow that takes labels along does what the command does, and its report says what it came to."""

from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.errors import BadOption
from blocks.object_store import ObjectStore
from blocks.storage.stores import FolderStore
from flows.datasets.export import export
from tasks.dataset.exporting import DatasetOptions
from tasks.dataset.formats.published import read_truth
from tests.dataset.scenes import draw_scene, settle_scenes

SPLITS = {"s0": "train"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sockets of Prefect's own clients
def test_a_run_writes_a_dataset_and_says_what_it_could_not_hold(
    engine: Engine, store: FolderStore, tmp_path: Path, prefect_api: str
) -> None:
    plugs = f"export-{uuid4().hex[:8]}"
    Catalog(url=SecretStr(str(engine.url))).save(plugs)
    ObjectStore(folder=str(store.root)).save(plugs)
    settle_scenes(engine, store, [draw_scene(n, squares=n) for n in range(3)], SPLITS)
    out = tmp_path / "out"
    report = export("lot", str(out), DatasetOptions(format="voc"), plugs)
    assert (report.pictures, sum(report.labels.values()), report.folder) == ({"train": 3}, 3, str(out))
    assert "voc has no room for that" in report.said[0]
    assert sum(len(boxes) for boxes in read_truth(out).boxes.values()) == 3
    with pytest.raises(BadOption, match="is there and not empty"):
        export("lot", str(out), plugs=plugs)
    with pytest.raises(BadOption, match="is no name of a folder"):
        export("lot", " ", plugs=plugs)
