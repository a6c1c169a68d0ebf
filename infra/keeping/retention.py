"""How many backups stay, and what of the pool goes: with the others, or since it is damaged."""

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

from infra.keeping.manifest import parse_manifest
from infra.keeping.objects import AT_ONCE, PAGE, Progress, read_listing
from infra.keeping.place import BackupPlace


def drop_old(place: BackupPlace, keep: int) -> tuple[list[str], int]:
    """Drop all finished backups but the newest, and the bytes that none of those names, if all of those can be read.

    Args:
        place: Where they lie; no backup to it goes on.
        keep: How many stay, at least 1.

    Returns:
        The names of those that were dropped, and how many bytes by hash went.

    Raises:
        BadInput: A manifest or list of one that stays cannot be read: nothing was dropped.
    """
    names = place.names()
    dropped = names[: -max(keep, 1)]
    freed = 0
    with (
        tempfile.TemporaryDirectory(prefix="labelline-backup-") as folder,
        # On a disk, not in memory: a pool may have a hundred million entries.
        closing(sqlite3.connect(Path(folder) / "named.sqlite", isolation_level=None)) as named,
    ):
        named.execute("CREATE TABLE named (sha TEXT PRIMARY KEY) WITHOUT ROWID")
        named.execute("BEGIN")
        for number, name in enumerate(set(names) - set(dropped)):
            _note(place, name, Path(folder) / str(number), named)
        for name in dropped:
            place.drop(name)  # before its bytes: without them it would look finished
        for sha in place.pool():
            if named.execute("SELECT 1 FROM named WHERE sha = ?", (sha,)).fetchone() is None:
                place.drop_bytes(sha)
                freed += 1
    return dropped, freed


def drop_rotten(place: BackupPlace, tell: Progress) -> tuple[str, ...]:
    """Read all bytes of the pool, and drop those that are not what their name says: the next backup copies them anew.

    A backup that needs them could not be restored whole from them either.
    """
    rotten: list[str] = []
    checked, read = 0, 0
    shas = place.pool()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while page := list(islice(shas, PAGE)):
            for sha, (size, is_whole) in zip(page, pool.map(place.verify_bytes, page), strict=True):
                checked, read = checked + 1, read + size
                if not is_whole:
                    place.drop_bytes(sha)
                    rotten.append(sha)
            tell(f"{checked:,} entries of the pool read again, {read / 1e9:.2f} GB, {len(rotten):,} damaged")
    return tuple(rotten)


def _note(place: BackupPlace, name: str, listing: Path, named: sqlite3.Connection) -> None:
    manifest = parse_manifest(place.read(name), f"backup {name} in {place.where}")
    place.fetch_bytes(manifest.objects.sha256, listing)
    own = [manifest.catalog.sha256, manifest.objects.sha256, *(file.sha256 for file in manifest.files)]
    named.executemany("INSERT OR IGNORE INTO named VALUES (?)", ((sha,) for sha in own))
    listed = ((sha,) for _, sha in read_listing(listing, place.where))
    named.executemany("INSERT OR IGNORE INTO named VALUES (?)", listed)
    listing.unlink()
