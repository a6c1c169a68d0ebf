"""`restore`: a backup becomes a state folder again, beside its place first and moved there when all of it is there.

What a backup says is not believed: its manifest must fit its hash, each file and object its own, and paths stay below
the folder. Nothing is overwritten.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import blocks.catalog
from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.errors import BadInput, BadOption
from blocks.storage.s3_store import S3Store
from blocks.storage.stores import FolderStore, Store
from infra.keeping.databases import load_postgres, refuse_filled
from infra.keeping.manifest import BackupManifest, KeptFile, parse_manifest
from infra.keeping.objects import Progress, bring_objects
from infra.keeping.place import BackupPlace
from infra.stack.orchestration.restored import RestoredPlugs, write_restored
from infra.stack.secrets.private_files import private_files
from infra.stack.servers.services import catalog_url
from tasks.keeping.check import CheckOptions, check_objects, forget_check
from tasks.keeping.report import CheckReport

MARKER = "unfinished-restore"


@dataclass(frozen=True, slots=True)
class RestoreTarget:
    """Where a backup comes back to.

    Attributes:
        home: The state folder: empty, or not there.
        catalog: An empty PostgreSQL database; None: SQLite in the folder.
        bucket: An empty bucket for objects; None: in the folder.
    """

    home: Path
    catalog: str | None = None
    bucket: S3Store | None = None


@dataclass(frozen=True, slots=True)
class RestoreDone:
    """What came back.

    Attributes:
        manifest: Of the backup.
        objects: How many came back.
        problems: What of it was lost or damaged.
        check: What the check of all objects found in the end.
    """

    manifest: BackupManifest
    objects: int
    problems: tuple[str, ...]
    check: CheckReport


def choose_backup(place: BackupPlace, name: str | None, tell: Progress) -> BackupManifest:
    """Return the manifest of a finished backup: of that name, or the newest.

    Raises:
        BadInput: There is none, it is not finished, or its manifest was changed.
    """
    finished, begun = place.names(), place.names("begun")
    unfinished = [each for each in begun if each not in finished]
    if name is not None and name in unfinished:
        raise BadInput(f"the backup {name} in {place.where} was broken off before its end: it cannot be restored")
    if not finished:
        broken_off = f", only one that was broken off ({begun[-1]})" if begun else ""
        raise BadInput(f"there is no finished backup in {place.where}{broken_off}")
    if name is None and unfinished and unfinished[-1] > finished[-1]:
        tell(f"the newest backup {unfinished[-1]} was broken off before its end: {finished[-1]} is taken")
    name = name or finished[-1]
    manifest = parse_manifest(place.read(name), f"the manifest of {name} in {place.where}")
    if manifest.name != name:
        raise BadInput(f"the manifest of {name} in {place.where} is that of {manifest.name}: somebody renamed it")
    return manifest


def restore(place: BackupPlace, manifest: BackupManifest, target: RestoreTarget, tell: Progress) -> RestoreDone:
    """Bring a backup back, migrate it where it is older, and check every object.

    Args:
        place: Where the backup lies.
        manifest: Which one, from `choose_backup`.
        target: Where to.
        tell: Told of each thing that is done.

    Raises:
        BadInput: The backup is damaged or of a newer version, or a path in it leads elsewhere.
        BadOption: The target is not empty.
        StackError: The folder cannot be made.
    """
    _refuse_newer(manifest)
    paths = [_safe_path(file) for file in manifest.files]
    if len({path.as_posix() for path in paths}) != len(paths):
        raise BadInput(f"the backup in {place.where} names a file twice")
    _refuse_filled(manifest, target)
    work = target.home.with_name(f"{target.home.name}.restoring")
    with private_files():
        _make_room(work)
        for file, path in zip(manifest.files, paths, strict=True):
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            place.fetch_bytes(file.sha256, work / path)
        tell(f"{len(paths)} files of the state folder")
        engine = _bring_catalog(place, manifest, target, work)
        tell(f"the catalogue ({manifest.catalog.kind})")
        listing = work / "objects.jsonl.gz.restoring"
        place.fetch_bytes(manifest.objects.sha256, listing)
        store: Store = target.bucket or FolderStore(work / "objects")
        count, problems = bring_objects(place, listing, store, manifest.objects.count, tell)
        listing.unlink()
        for bookmark in ("fsck", "scrub"):
            forget_check(engine, bookmark)
        check = check_objects(engine, [store], CheckOptions(), lambda found, _at: tell(f"{found.objects:,} checked"))
        engine.dispose()
        write_restored(work, _plugs(target))
        (work / MARKER).unlink()
        work.rename(target.home)
    return RestoreDone(manifest, count, (*manifest.problems, *problems), check)


def _refuse_newer(manifest: BackupManifest) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(blocks.catalog.__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if manifest.catalog.revision not in known:
        raise BadInput(
            f"the backup {manifest.name} is of Labelline {manifest.version} with tables of version "
            f"{manifest.catalog.revision}, which this version does not know: restore it with that one or a later"
        )


def _safe_path(file: KeptFile) -> Path:
    """Return a path below the state folder.

    Raises:
        BadInput: It leads elsewhere, or is no path of a file.
    """
    path = PurePosixPath(file.path)
    odd = not file.path.isprintable() or "\\" in file.path or file.path != str(path)
    if odd or path.is_absolute() or not path.parts or ".." in path.parts or path.parts[0] in ("objects", MARKER):
        raise BadInput(f"the backup names the file {file.path[:200]!r}, which is no place below a state folder")
    if file.path == "catalog.sqlite":
        raise BadInput("the backup names the catalogue as one of its files")
    return Path(file.path)


def _refuse_filled(manifest: BackupManifest, target: RestoreTarget) -> None:
    home = target.home
    if home.is_mount():  # what is put together beside it could not be moved there in one step
        raise BadOption(
            f"{home} is a disk of its own: let it come back into a folder on it, such as {home / 'labelline'}, and set "
            "LABELLINE_HOME to that"
        )
    if home.is_symlink() or (home.exists() and (not home.is_dir() or any(home.iterdir()))):
        raise BadOption(f"{home} is not empty: a backup comes back into an empty or a new folder only")
    is_postgres = manifest.catalog.kind == "postgresql"
    if is_postgres != (target.catalog is not None):
        raise BadOption(
            "the catalogue of this backup is of PostgreSQL: name an empty database with --catalog postgresql+psycopg://…"
            if is_postgres
            else "the catalogue of this backup is an SQLite file: leave --catalog out"
        )
    if target.catalog:
        refuse_filled(open_engine(target.catalog))
    if target.bucket and next(iter(target.bucket.keys()), None) is not None:
        raise BadOption(f"the bucket {target.bucket.bucket} is not empty: objects come back into an empty one only")


def _make_room(work: Path) -> None:
    if (work / MARKER).is_file() and not work.is_symlink():
        shutil.rmtree(work)  # ours, of a restore that was broken off
    if work.exists() or work.is_symlink():
        raise BadOption(f"{work} is in the way: move it away, it is where the backup is put together")
    work.mkdir(mode=0o700, parents=True)
    (work / MARKER).touch()


def _bring_catalog(place: BackupPlace, manifest: BackupManifest, target: RestoreTarget, work: Path) -> Engine:
    if target.catalog is None:
        url = catalog_url(work)
        place.fetch_bytes(manifest.catalog.sha256, work / "catalog.sqlite")
    else:
        url, dump = target.catalog, work / "catalog.dump.restoring"
        place.fetch_bytes(manifest.catalog.sha256, dump)
        load_postgres(dump, open_engine(url))
        dump.unlink()
    migrate(url)
    return open_engine(url)


def _plugs(target: RestoreTarget) -> RestoredPlugs:
    bucket = target.bucket.as_block_fields() if target.bucket else None
    return RestoredPlugs(catalog=target.catalog, bucket=bucket)
