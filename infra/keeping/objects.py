"""Objects into the pool of a backup and back: what is there already is not copied, what is rotten not kept."""

import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from blocks.errors import BadInput, ObjectMissing, StoreUnavailable
from blocks.storage.stores import Store, is_key
from infra.keeping.place import SHA, BackupPlace
from tasks.keeping.check import all_keys
from tasks.keeping.spaces import digest_in

AT_ONCE = 4
PAGE = 256
MOST_LINE_BYTES = 8192
"""Of a line of the list: a key has at most 1,024 bytes."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one object.

    Attributes:
        key: Its key.
        sha: SHA-256 of what is in the pool; empty: nothing is.
        size: Bytes that were copied now.
        problem: Why it could not be kept.
    """

    key: str
    sha: str = ""
    size: int = 0
    problem: str = ""


def keep_objects(
    stores: Sequence[Store], place: BackupPlace, listing: Path, tell: Progress
) -> tuple[int, int, list[str]]:
    """Copy all objects that the pool does not have, and write the list of all of them.

    Args:
        stores: Where each object is; where the first has lost one, another is asked.
        place: Where the pool is.
        listing: A new file for the list: gzipped lines of JSON, `{"key": …, "sha256": …}`.
        tell: Told how far it is.

    Returns:
        How many are in the backup, how many bytes were copied now, and what could not be kept.
    """
    count, copied, problems = 0, 0, []
    keys = all_keys(stores)
    with ThreadPoolExecutor(AT_ONCE) as pool, gzip.open(listing, "xt", encoding="utf-8", compresslevel=3) as out:
        while page := list(islice(keys, PAGE)):
            known = [place.has_bytes(sha) if len(sha := digest_in(key)) == 64 else False for key in page]
            there = {key for key, is_there in zip(page, known, strict=True) if is_there}
            for each in pool.map(lambda key: _keep(stores, place, key, key in there), page):  # noqa: B023  (used at once)
                if each.problem:
                    problems.append(f"{each.key}: {each.problem}")
                elif each.sha:
                    out.write(json.dumps({"key": each.key, "sha256": each.sha}) + "\n")
                    count, copied = count + 1, copied + each.size
            tell(f"{count:,} objects, {copied / 1e9:.2f} GB copied; at {page[-1][:40]}")
    return count, copied, problems


def _keep(stores: Sequence[Store], place: BackupPlace, key: str, is_there: bool) -> Copied:
    wanted = digest_in(key)
    if is_there:
        return Copied(key, wanted)
    problem = ""
    with tempfile.TemporaryDirectory(prefix="labelline-backup-") as folder:
        for store in stores:
            file, hashed, size = Path(folder) / "object", hashlib.sha256(), 0
            try:
                with file.open("wb") as out:
                    for piece in store.pieces(key):
                        hashed.update(piece)
                        size += len(piece)
                        out.write(piece)
            except ObjectMissing:
                continue  # deleted meanwhile, or only another copy has it
            except StoreUnavailable as error:
                problem = str(error)
                continue
            sha = hashed.hexdigest()
            if not sha.startswith(wanted):
                problem = "it is damaged (its hash does not fit its name): `labelline fsck` says what to do"
                continue
            place.keep_bytes(file, sha)
            return Copied(key, sha, size)
    return Copied(key, problem=problem)


def read_listing(listing: Path, where: str) -> Iterator[tuple[str, str]]:
    """Yield keys and hashes of a backup's list, each of which a store may take.

    Raises:
        BadInput: A line is none of such a list, or a key would leave the store.
    """
    try:
        with gzip.open(listing, "rt", encoding="utf-8") as lines:
            while line := lines.readline(MOST_LINE_BYTES):
                row = json.loads(line)
                key, sha = row["key"], row["sha256"]
                if not (isinstance(key, str) and isinstance(sha, str) and is_key(key) and SHA.fullmatch(sha)):
                    raise ValueError(f"no object: {line[:120]!r}")
                yield key, sha
    except (OSError, EOFError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadInput(f"the list of objects of the backup in {where} cannot be read: {str(error)[:200]}") from error


def bring_objects(
    place: BackupPlace, listing: Path, store: Store, expected: int, tell: Progress
) -> tuple[int, list[str]]:
    """Bring the objects of a backup into a store, each compared with its hash.

    Returns:
        How many came back, and what of them is lost or damaged in the backup.
    """
    count = 0
    problems: list[str] = []
    rows = read_listing(listing, place.where)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while page := list(islice(rows, PAGE)):
            if count + len(problems) + len(page) > expected:
                raise BadInput(f"the list of objects of the backup in {place.where} has more than its manifest says")
            for key, problem in pool.map(lambda row: (row[0], _bring(place, store, *row)), page):
                if problem:
                    problems.append(f"{key}: {problem}")
                else:
                    count += 1
            tell(f"{count:,} of {expected:,} objects")
    if count + len(problems) != expected:
        raise BadInput(f"the list of objects of the backup in {place.where} has fewer than its manifest says")
    return count, problems


def _bring(place: BackupPlace, store: Store, key: str, sha: str) -> str:
    with tempfile.TemporaryDirectory(prefix="labelline-restore-") as folder:
        file = Path(folder) / "object"
        try:
            place.fetch_bytes(sha, file)
        except BadInput as error:
            return str(error)
        store.put(key, file)
    return ""
