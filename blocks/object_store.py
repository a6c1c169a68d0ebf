"""The object store as a Prefect block: a folder of this machine, or a bucket of any S3 service."""

from pathlib import Path
from typing import cast

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.errors import BadOption
from blocks.storage.mirrored import MirroredStore
from blocks.storage.s3_store import S3Store
from blocks.storage.stores import FolderStore, Store


class ObjectStore(Block):
    """Where the bytes of items, snapshots and weights live.

    Give `folder`, or `endpoint`, `bucket`, `access_key`, `secret_key` and `cache_folder`.

    Example:
        ```python
        store = ObjectStore.load("local").open()
        ```
    """

    _block_type_name = "Labelline Object Store"
    _block_type_slug = "labelline-object-store"

    folder: str | None = Field(default=None, description="Folder of this machine; leave empty for S3")
    endpoint: str | None = Field(
        default=None, description="Host and port of the S3 service, such as s3.example.org:9000"
    )
    bucket: str | None = Field(default=None, description="Made when it is missing")
    access_key: str | None = Field(default=None, description="Access key of the S3 service")
    secret_key: SecretStr | None = Field(default=None, description="Secret key of the S3 service")
    secure: bool = Field(default=True, description="Use https")
    region: str = Field(default="us-east-1", description="Region of the bucket")
    cache_folder: str | None = Field(default=None, description="Local folder for fetched objects; each is fetched once")
    second: str | None = Field(
        default=None,
        description="Name of another block of this type, which keeps every object a second time; empty: one copy",
    )

    def open(self) -> Store:
        """Return the store; with `second`, one that writes to both.

        Raises:
            BadOption: Neither a folder nor all that S3 needs is given, or both are; `second` names no other place.
        """
        first = self._open_one()
        return MirroredStore(first, self._open_second()) if self.second else first

    def _open_second(self) -> Store:
        assert self.second
        try:
            other = cast(ObjectStore, ObjectStore.load(self.second))
        except ValueError as error:  # Prefect's word for "no such document"
            raise BadOption(
                f"the second copy of objects is in the ObjectStore block {self.second!r}, which is not there: save it, "
                "or take `second` out"
            ) from error
        place, others = ((one.folder, one.endpoint, one.bucket) for one in (self, other))
        if place == others:
            raise BadOption(f"the ObjectStore block {self.second!r} names the same place: a second copy wants another")
        return other._open_one()

    def _open_one(self) -> Store:
        if self.folder and not self.endpoint:
            return FolderStore(Path(self.folder))
        missing = [
            name
            for name in ("endpoint", "bucket", "access_key", "secret_key", "cache_folder")
            if not getattr(self, name)
        ]
        if self.folder or missing:
            raise BadOption(
                f"the object store block needs either a folder or an S3 service: {', '.join(missing)} missing"
                if not self.folder
                else "the object store block names both a folder and an S3 endpoint: keep one of them"
            )
        assert self.endpoint and self.bucket and self.access_key and self.secret_key and self.cache_folder
        return S3Store(
            endpoint=self.endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key.get_secret_value(),
            bucket=self.bucket,
            secure=self.secure,
            region=self.region,
            cache=Path(self.cache_folder),
        )
