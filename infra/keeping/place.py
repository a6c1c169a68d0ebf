"""Where backups lie: a folder, or a prefix in a bucket. All backups of a place share one pool of bytes, named by hash.

pool/ab/abcd…          bytes, under their SHA-256: what is there already is not copied again
begun/NAME.json        a backup that has begun; it goes when the backup is finished
backups/NAME.json      the manifest of a finished backup, written last
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from blocks.errors import BadInput, BadOption, ObjectMissing
from blocks.storage.s3_store import S3Store
from blocks.storage.stores import FolderStore, Store, check_key

SHA = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z")
NAME_FORMAT = "%Y%m%dT%H%M%S.%fZ"
"""To the microsecond: the nightly backups of two machines begin in the same second."""

MOST_MANIFEST_BYTES = 256 << 20

S3_VARIABLES = ("LABELLINE_S3_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(slots=True)
class BackupPlace:
    """One place with backups.

    Attributes:
        store: The folder or bucket.
        prefix: With which all its keys begin; empty, or ends in a slash.
        where: What a person calls it.
    """

    store: Store
    prefix: str
    where: str
    _shard: str = field(default="", repr=False)
    _known: set[str] = field(default_factory=set, repr=False)

    def has_bytes(self, sha: str) -> bool:
        """Say whether bytes are in the pool; asked in the order of hashes it costs a listing for each 256th part."""
        if self._shard != sha[:2]:
            self._shard = sha[:2]
            self._known = {key.rpartition("/")[2] for key in self.store.keys(self._pool(f"{sha[:2]}/"))}
        return sha in self._known

    def keep_bytes(self, file: Path, sha: str) -> None:
        """Put a file into the pool."""
        self.store.put(self._pool(f"{sha[:2]}/{sha}"), file)
        if self._shard == sha[:2]:
            self._known.add(sha)

    def fetch_bytes(self, sha: str, into: Path) -> int:
        """Write bytes of the pool into a new file, closed to others; return how many.

        Raises:
            BadInput: They are not there, or are others than their name says: nothing is left of the file then.
        """
        hashed, count = hashlib.sha256(), 0
        try:
            with os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
                for piece in self.store.pieces(self._pool(f"{sha[:2]}/{sha}")):
                    hashed.update(piece)
                    count += len(piece)
                    out.write(piece)
        except ObjectMissing as error:
            into.unlink()
            raise BadInput(f"the backup in {self.where} lacks bytes that it names ({sha[:12]}…)") from error
        if hashed.hexdigest() != sha:
            into.unlink()
            raise BadInput(
                f"bytes of the backup in {self.where} are damaged: {sha[:12]}… has the hash {hashed.hexdigest()[:12]}…"
            )
        return count

    def verify_bytes(self, sha: str) -> tuple[int, bool]:
        """Read bytes of the pool; return how many, and whether they are what their name says (gone meanwhile: no)."""
        hashed, count = hashlib.sha256(), 0
        try:
            for piece in self.store.pieces(self._pool(f"{sha[:2]}/{sha}")):
                hashed.update(piece)
                count += len(piece)
        except ObjectMissing:
            return count, False
        return count, hashed.hexdigest() == sha

    def drop_bytes(self, sha: str) -> None:
        """Delete bytes from the pool."""
        self.store.delete(self._pool(f"{sha[:2]}/{sha}"))

    def pool(self) -> Iterator[str]:
        """Yield the hashes of all bytes in the pool, in order."""
        for key in self.store.keys(self._pool("")):
            if SHA.fullmatch(sha := key.rpartition("/")[2]):
                yield sha

    def names(self, kind: str = "backups") -> list[str]:
        """Return the names of all finished backups (or of those that have `begun`), the oldest first."""
        found = (key.rpartition("/")[2].removesuffix(".json") for key in self.store.keys(f"{self.prefix}{kind}/"))
        return sorted(name for name in found if NAME.fullmatch(name))

    def write(self, name: str, text: bytes, kind: str = "backups") -> None:
        """Write a manifest, or that a backup has begun."""
        self.store.put(f"{self.prefix}{kind}/{name}.json", text, "application/json")

    def read(self, name: str, kind: str = "backups") -> bytes:
        """Return a manifest.

        Raises:
            BadInput: There is none of this name, or it is longer than any.
        """
        data = bytearray()
        try:
            for piece in self.store.pieces(f"{self.prefix}{kind}/{name}.json"):
                data += piece
                if len(data) > MOST_MANIFEST_BYTES:
                    raise BadInput(f"the manifest {name} in {self.where} is longer than {MOST_MANIFEST_BYTES:,} bytes")
        except ObjectMissing as error:
            raise BadInput(f"there is no finished backup {name} in {self.where}") from error
        return bytes(data)

    def drop(self, name: str, kind: str = "backups") -> None:
        """Delete a manifest, or that a backup has begun."""
        self.store.delete(f"{self.prefix}{kind}/{name}.json")

    def _pool(self, rest: str) -> str:
        return f"{self.prefix}pool/{rest}"


def open_place(address: str, own: Store | None = None, environment: Mapping[str, str] = os.environ) -> BackupPlace:
    """Open a folder, or `s3://bucket/prefix`: of the service that the environment names, else of the stack's own store.

    Args:
        address: What a person typed.
        own: The stack's object store, whose S3 service and keys are used where the environment names none.
        environment: `LABELLINE_S3_ENDPOINT` (https://host:port), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`.

    Raises:
        BadOption: The address is none, or nothing tells how to reach the service.
    """
    if not address.startswith("s3://"):
        folder = Path(address).expanduser().resolve()
        return BackupPlace(FolderStore(folder), "", str(folder))
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    prefix = f"{check_key(prefix.strip('/'))}/" if prefix.strip("/") else ""
    return BackupPlace(open_bucket(bucket, own, environment), prefix, address)


def open_bucket(bucket: str, own: Store | None, environment: Mapping[str, str] = os.environ) -> S3Store:
    """Open a bucket; see `open_place`.

    Raises:
        BadOption: Nothing tells how to reach the service.
    """
    given = [environment.get(name) for name in S3_VARIABLES]
    if not any(given) and isinstance(own, S3Store):
        return own.beside(bucket)
    endpoint, access_key, secret_key = given
    if not (endpoint and access_key and secret_key):
        raise BadOption(
            f"s3://{bucket} needs to know its service: set {', '.join(S3_VARIABLES)} in the environment (never on the "
            "command line, where others read it); the endpoint as https://s3.example.org:9000"
        )
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    return S3Store(
        endpoint=parts.netloc,
        access_key=access_key,
        secret_key=secret_key,
        bucket=bucket,
        secure=parts.scheme != "http",
        region=environment.get("AWS_REGION", "us-east-1"),
        cache=Path(tempfile.gettempdir()) / f"labelline-s3-{os.geteuid()}",  # nothing is read through it
    )
