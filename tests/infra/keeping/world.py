"""State folders as a stack leaves them, made by hand: a catalogue, objects, databases, files."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.storage.stores import FolderStore, Store
from infra.keeping.backup import BackupDone, BackupSource, back_up
from infra.keeping.place import BackupPlace, open_place
from infra.keeping.restore import RestoreDone, RestoreTarget, choose_backup, restore
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.servers.services import catalog_url
from tests.keeping.world import keep_items, keep_snapshot

CONTENTS = [b"one", b"two", b"three" * 5000]


def make_home(home: Path, engine: Engine | None = None) -> BackupSource:
    """A state folder with three items, a snapshot, and answers in Label Studio that nobody has read yet."""
    home.mkdir()
    ensure_credentials(home)
    if engine is None:
        migrate(catalog_url(home))
        engine = open_engine(catalog_url(home))
    store = FolderStore(home / "objects")
    keep_items(engine, store, CONTENTS)
    keep_snapshot(engine, store, b'{"items": []}')
    store.put("looks/lots/one.json", b"{}")
    for name in ("label-studio", "prefect", "logs", "inbox/deep"):
        (home / name).mkdir(parents=True)
    with closing(sqlite3.connect(home / "label-studio" / "label_studio.sqlite3")) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE answer (text)")
        database.execute("INSERT INTO answer VALUES ('nobody has read me')")
    (home / "logs" / "worker.log").write_text("…")
    (home / "inbox" / "deep" / "not taken in.jpg").write_bytes(b"picture")
    (home / "prefect" / "link").symlink_to("/etc/passwd")
    return BackupSource(home, engine, (store,))


def silent(_line: str) -> None:
    pass


def taken(source: BackupSource, to: Path | BackupPlace, keep: int | None = None) -> BackupDone:
    return back_up(source, to if isinstance(to, BackupPlace) else open_place(str(to)), silent, keep)


def restored(at: Path | BackupPlace, home: Path, name: str | None = None, catalog: str | None = None) -> RestoreDone:
    place = at if isinstance(at, BackupPlace) else open_place(str(at))
    return restore(place, choose_backup(place, name, silent), RestoreTarget(home, catalog), silent)


def hashes(store: Store) -> dict[str, str]:
    return {key: hashlib.sha256(b"".join(store.pieces(key))).hexdigest() for key in store.keys("")}
