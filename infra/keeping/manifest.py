"""What a backup says of itself: what is in it, by hash; what is not; and of which version it is."""

import hashlib
import json
from datetime import datetime
from typing import Literal

from pydantic import Field, ValidationError

from blocks.errors import BadInput
from blocks.frozen import Frozen

FORMAT = 1

Sha256 = Field(pattern="^[0-9a-f]{64}$")


class KeptFile(Frozen):
    """A file of the state folder."""

    path: str = Field(description="below the state folder")
    sha256: str = Sha256
    size: int = Field(ge=0)


class KeptCatalog(Frozen):
    """The catalogue."""

    kind: Literal["sqlite", "postgresql"]
    sha256: str = Sha256
    size: int = Field(ge=0)
    revision: str = Field(description="version of its tables")


class KeptObjects(Frozen):
    """The list of all objects, gzipped JSON lines."""

    sha256: str = Sha256
    count: int = Field(ge=0)


class BackupManifest(Frozen):
    """One finished backup."""

    format: int
    name: str
    version: str = Field(description="of Labelline")
    home: str = Field(description="state folder of which it is")
    begun_at: datetime
    ended_at: datetime
    catalog: KeptCatalog
    files: tuple[KeptFile, ...]
    objects: KeptObjects
    problems: tuple[str, ...] = Field(default=(), description="what could not be kept, and why")
    left_out: tuple[str, ...] = Field(default=(), description="what is not in it on purpose")

    def to_bytes(self) -> bytes:
        """Return it as JSON, with the hash of all of it at the end."""
        body = self.model_dump(mode="json")
        return json.dumps({**body, "sha256": _hash_of(body)}, indent=1, ensure_ascii=False).encode()


def parse_manifest(data: bytes, where: str) -> BackupManifest:
    """Return a manifest that is whole.

    Raises:
        BadInput: It was changed or cut short, or is of a later format.
    """
    try:
        told = json.loads(data)
        if not isinstance(told, dict):
            raise TypeError("it is no table")
        digest = told.pop("sha256", None)
        version = told.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise BadInput(f"{where} is of format {version}, which a later version of Labelline reads: upgrade first")
        if digest != _hash_of(told):
            raise BadInput(f"{where} was changed or cut short: its hash does not fit. Take another backup")
        return BackupManifest.model_validate(told)
    except (ValueError, TypeError, RecursionError, ValidationError) as error:
        raise BadInput(f"{where} is no manifest of a backup: {str(error)[:200]}") from error


def _hash_of(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
