"""Intake into a real S3 server that goes away and comes back: nothing is half in, and the next run completes it."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from blocks.errors import StoreUnavailable
from blocks.storage.s3_store import S3Store
from tasks.intake.folders import find_images, list_files, paths_of, take_in
from tasks.intake.images import read_item
from tests.intake.factories import write_images
from tests.s3_server import S3Server


def test_a_server_that_goes_away_stops_the_intake_and_the_next_run_completes_it(
    engine: Engine, tmp_path: Path, s3_server: S3Server
) -> None:
    write_images(tmp_path / "offered", 12)
    store = S3Store(
        s3_server.endpoint,
        s3_server.access_key,
        s3_server.secret_key,
        "intake",
        secure=False,
        region=s3_server.region,
        cache=tmp_path / "cache",
    )
    shards = list_files(store, tmp_path / "offered", size=4)
    assert take_in(engine, store, "lots", paths_of(store, shards[0])).taken == 4
    s3_server.run("kill9")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        take_in(engine, store, "lots", find_images(tmp_path / "offered")[4:])
    with reading(engine) as session:
        assert len(session.exec(select(Source)).all()) == 4
    assert s3_server.run("start").returncode == 0
    report = take_in(engine, store, "lots", find_images(tmp_path / "offered"))
    assert (report.offered, report.taken, report.changed) == (12, 12, 8)
    with reading(engine) as session:
        items = session.exec(select(Item)).all()
    assert sorted(item.key for item in items) == list(store.keys("items/"))
    assert all(read_item(store, item.key).shape == (item.height, item.width, 3) for item in items)
