"""`backup`: the catalogue first, then other databases, then files, then objects, and the manifest last.

In this order, since the line goes on meanwhile: what rows name is written before the rows, so objects that are read
later are all there; and what Label Studio got after the catalogue was read, the first sweep reads from it again. The
other way round the catalogue would miss answers that it has counted, and take them for deleted.
"""

import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from sqlalchemy import Engine

from blocks.errors import BadInput, BadOption
from blocks.storage.s3_store import S3Store
from blocks.storage.stores import FolderStore, Store
from infra.keeping import databases
from infra.keeping.completeness import missing_objects
from infra.keeping.manifest import FORMAT, BackupManifest, KeptCatalog, KeptFile, KeptObjects
from infra.keeping.objects import Progress, keep_objects
from infra.keeping.place import NAME_FORMAT, BackupPlace
from infra.keeping.retention import drop_old, drop_rotten
from infra.keeping.state_files import state_files
from infra.stack.secrets.private_files import private_files


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What a backup is of.

    Attributes:
        home: The state folder.
        engine: The catalogue.
        stores: Where objects are: the first is what the line reads.
        elsewhere: What the stack uses and keeps elsewhere, in words: it is not in the backup.
    """

    home: Path
    engine: Engine
    stores: tuple[Store, ...]
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupDone:
    """A finished backup.

    Attributes:
        manifest: What is in it.
        sha256: Of the manifest: who keeps it elsewhere can tell whether somebody changed the backup.
        copied_bytes: Of objects, copied now; what was there already is not.
        dropped: Names of backups that were dropped, as more than wanted are kept.
        freed: How many bytes of the pool, by hash, went with them.
        rotten: Hashes of bytes of the pool that were damaged, and were dropped to be copied anew.
        all_stay: Why no older backup was dropped though more than wanted are kept; empty: nothing was in the way.
    """

    manifest: BackupManifest
    sha256: str
    copied_bytes: int
    dropped: list[str] = field(default_factory=list)
    freed: int = 0
    rotten: tuple[str, ...] = ()
    all_stay: str = ""


def back_up(
    source: BackupSource, place: BackupPlace, tell: Progress, keep: int | None = None, *, verify: bool = False
) -> BackupDone:
    """Take a backup; the line may go on meanwhile.

    Args:
        source: Of what.
        place: Where to.
        tell: Told of each thing that is done.
        keep: How many finished backups stay; None: all of them, as where this one could not keep something.
        verify: Whether what the pool has already is read and hashed first; what is damaged is copied anew.

    Raises:
        BadOption: The place is in the state folder or the store, or another backup to it goes on.
        StoreUnavailable: The place cannot be written.
        CatalogUnavailable: A database cannot be read.
    """
    _refuse_within(source, place)
    with private_files():
        begun = datetime.now(UTC)
        name = _begin(place, begun)
        rotten = drop_rotten(place, tell) if verify else ()
        with tempfile.TemporaryDirectory(prefix="labelline-backup-") as folder:
            manifest, copied = _Backup(source, place, Path(folder), tell).take(name, begun)
            text = manifest.to_bytes()
            place.write(name, text)
        place.drop(name, "begun")
        dropped, freed, all_stay = _drop_old(place, keep, manifest) if keep else ([], 0, "")
    return BackupDone(manifest, hashlib.sha256(text).hexdigest(), copied, dropped, freed, rotten, all_stay)


def _drop_old(place: BackupPlace, keep: int, newest: BackupManifest) -> tuple[list[str], int, str]:
    """Drop older backups, but none while one that would stay is not whole: an older one may be the last."""
    if newest.problems:
        return [], 0, f"something could not be kept in {newest.name}"
    try:
        return *drop_old(place, keep), ""
    except BadInput as error:
        return [], 0, str(error)


class _Backup:
    def __init__(self, source: BackupSource, place: BackupPlace, scratch: Path, tell: Progress) -> None:
        self.source, self.place, self.scratch, self.tell = source, place, scratch, tell
        self.problems: list[str] = []
        self.left_out: list[str] = list(source.elsewhere)

    def take(self, name: str, begun: datetime) -> tuple[BackupManifest, int]:
        catalog = self._keep_catalog()
        files = self._keep_files()
        listing = self.scratch / "objects.jsonl.gz"
        count, copied, problems = keep_objects(self.source.stores, self.place, listing, self.tell)
        problems += missing_objects(self.source.engine, self.source.stores, listing, self.place.where)
        manifest = BackupManifest(
            format=FORMAT,
            name=name,
            version=version("labelline"),
            home=str(self.source.home),
            begun_at=begun,
            ended_at=datetime.now(UTC),
            catalog=catalog,
            files=tuple(files),
            objects=KeptObjects(sha256=self._keep(listing)[0], count=count),
            problems=(*self.problems, *problems),
            left_out=tuple(self.left_out),
        )
        return manifest, copied

    def _keep_catalog(self) -> KeptCatalog:
        file = self.scratch / "catalog"
        kind = databases.dump_catalog(self.source.engine, file)
        sha, size = self._keep(file)
        revision = databases.revision_of(self.source.engine)
        self.tell(f"the catalogue ({kind}, {size / 1e6:.1f} MB)")
        return KeptCatalog.model_validate({"kind": kind, "sha256": sha, "size": size, "revision": revision})

    def _keep_files(self) -> list[KeptFile]:
        """Keep the state folder's files: databases first, as they name files."""
        home, kept = self.source.home, []
        found = list(state_files(home, self._kept_otherwise()))
        self.left_out += [f"{each.path}: {each.refused}" for each in found if each.refused]
        paths = [each.path for each in found if not each.refused]
        is_database = {path: _is_database(home / path) for path in paths}
        # Label Studio's before Prefect's: a run that has read an answer is there again to read it, at worst.
        for path in sorted(paths, key=lambda path: (not is_database[path], path)):
            copy = self.scratch / "file"
            try:
                if is_database[path]:
                    databases.copy_sqlite(home / path, copy)
                else:
                    shutil.copyfile(home / path, copy, follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone meanwhile
            except OSError as error:
                self.problems.append(f"{path}: {error.strerror or error}")
                continue
            sha, size = self._keep(copy)
            copy.unlink()
            kept.append(KeptFile(path=path, sha256=sha, size=size))
        self.tell(f"{len(kept)} files of the state folder, {sum(is_database.values())} databases among them")
        return kept

    def _kept_otherwise(self) -> Collection[Path]:
        home, engine = self.source.home, self.source.engine
        paths = [home / "objects"]
        if engine.dialect.name == "sqlite" and engine.url.database:
            paths.append(Path(engine.url.database))
        paths += [store.root for store in self.source.stores if isinstance(store, FolderStore)]
        paths += [store.cache_folder for store in self.source.stores if isinstance(store, S3Store)]
        return paths

    def _keep(self, file: Path) -> tuple[str, int]:
        with file.open("rb") as opened:
            sha = hashlib.file_digest(opened, "sha256").hexdigest()
        if not self.place.has_bytes(sha):
            self.place.keep_bytes(file, sha)
        return sha, file.stat().st_size


def _is_database(path: Path) -> bool:
    try:
        return databases.is_sqlite(path)
    except OSError:
        return False


def _begin(place: BackupPlace, begun: datetime) -> str:
    """Note that a backup begins; those that were broken off on this machine are forgotten.

    Raises:
        BadOption: Another one to the same place goes on.
    """
    for other in place.names("begun"):
        told = json.loads(place.read(other, "begun"))
        is_here = told.get("host") == socket.gethostname()
        if is_here and _runs(int(told.get("pid", 0)), float(told.get("created", 0.0))):
            raise BadOption(f"another backup to {place.where} goes on (process {told['pid']}): wait for its end")
        if not is_here and (begun - _time_of(other)).total_seconds() < 24 * 3600:
            raise BadOption(
                f"a backup to {place.where} began on {told.get('host')} less than a day ago: wait, or delete "
                f"begun/{other}.json there when it was broken off"
            )
        place.drop(other, "begun")
    name = begun.strftime(NAME_FORMAT)
    me = psutil.Process()
    told = {"host": socket.gethostname(), "pid": os.getpid(), "created": me.create_time()}
    place.write(name, json.dumps(told).encode(), "begun")
    if others := [other for other in place.names("begun") if other != name]:
        # Two that began at once see each other now: both give way, rather than that one drops what the other copies.
        place.drop(name, "begun")
        raise BadOption(f"another backup to {place.where} began at the same time ({others[0]}): run one again")
    return name


def _runs(pid: int, created: float) -> bool:
    try:
        return bool(abs(psutil.Process(pid).create_time() - created) < 1)
    except (psutil.Error, ValueError):
        return False


def _time_of(name: str) -> datetime:
    return datetime.strptime(name, NAME_FORMAT).replace(tzinfo=UTC)


def _refuse_within(source: BackupSource, place: BackupPlace) -> None:
    if isinstance(place.store, FolderStore):
        within = [source.home, *(store.root for store in source.stores if isinstance(store, FolderStore))]
        for folder in within:
            if place.store.root.resolve().is_relative_to(folder.resolve()):
                raise BadOption(f"{place.where} is in {folder}, of which the backup is: name a folder on another disk")
