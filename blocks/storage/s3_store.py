"""A store in a bucket of any S3 service, with a local read-through cache; split from `stores.py` for its length."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blocks.errors import BadOption, ObjectMissing, StoreUnavailable
from blocks.storage.stores import PIECE_BYTES, check_key, check_source, fill_atomically, is_key

if TYPE_CHECKING:
    from minio import Minio

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
RETRIES = 3
"""Waits of 0, 0.6 and 1.2 s between tries: what a restarting proxy needs. Longer waits are the steps' retries."""

MAX_LINK_S = 7 * 24 * 3600
"""S3 signs links for a week at most."""

_MISSING = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchBucket", "ResourceNotFound"})
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})
_BUCKET_EXISTS = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})

Result = TypeVar("Result")


class S3Store:
    """A store in one bucket; what was fetched once is kept in a folder of this machine.

    Keys here name content (a hash, a version), so a cached object is never asked for again. Whoever overwrites a key
    from another machine is not seen by caches that hold it; the cache may be emptied at any time.

    Args:
        endpoint: Host and port, without http://.
        access_key: Access key.
        secret_key: Secret key; it appears in no message and no repr.
        bucket: Made when the first object is put and it is missing.
        secure: Use https.
        region: Region of the bucket.
        cache: Folder for fetched objects, shared by the processes of this machine.

    Raises:
        BadOption: The endpoint or the bucket's name is malformed.
    """

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        *,
        secure: bool = True,
        region: str = "us-east-1",
        cache: Path,
    ) -> None:
        self.endpoint, self.bucket, self.secure, self.region = endpoint, bucket, secure, region
        self._access_key, self._secret_key = access_key, secret_key
        self._cache = Path(cache) / bucket
        self._making_bucket = threading.Lock()
        self._check_names()

    def beside(self, bucket: str) -> "S3Store":
        """Return a store in another bucket of the same service, by the same keys.

        Raises:
            BadOption: The bucket's name is malformed.
        """
        return S3Store(
            self.endpoint,
            self._access_key,
            self._secret_key,
            bucket,
            secure=self.secure,
            region=self.region,
            cache=self._cache.parent,
        )

    def as_block_fields(self) -> dict[str, str | bool]:
        """Return the fields of an `ObjectStore` block that opens this store: secrets are among them."""
        return {
            "endpoint": self.endpoint,
            "bucket": self.bucket,
            "access_key": self._access_key,
            "secret_key": self._secret_key,
            "secure": self.secure,
            "region": self.region,
            "cache_folder": str(self._cache.parent),
        }

    @property
    def cache_folder(self) -> Path:
        """The folder of this machine for what was fetched."""
        return self._cache.parent

    def put(self, key: str, data: bytes | Path, media_type: str = "application/octet-stream") -> None:
        """Store bytes or a file's content under a key; see `Store.put`."""
        check_key(key)
        check_source(data)
        with self._asking(f"put {key!r}"):
            self._in_bucket(lambda: self._upload(key, data, media_type))
        self._cached(key).unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """Return the bytes of a key, from the cache when they are there; see `Store.get`."""
        try:
            return self._cached(key).read_bytes()
        except OSError:  # not there, or being replaced
            return self.local_path(key).read_bytes()

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of a key from the bucket, past the cache; see `Store.pieces`."""
        check_key(key)
        with self._asking(f"get {key!r}"):
            response = self._client.get_object(self.bucket, key)
            try:
                yield from response.stream(PIECE_BYTES)
            finally:
                response.close()
                response.release_conn()

    def has(self, key: str) -> bool:
        """Say whether a key exists."""
        check_key(key)
        try:
            with self._asking(f"look for {key!r}"):
                self._client.stat_object(self.bucket, key)
        except ObjectMissing:
            return False
        return True

    def local_path(self, key: str) -> Path:
        """Return a local file with the bytes of a key; see `Store.local_path`."""
        path = self._cached(key)
        if path.is_file():
            return path
        with self._asking(f"get {key!r}"):
            response = self._client.get_object(self.bucket, key)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                fill_atomically(path, response)
            except OSError as error:
                raise StoreUnavailable(
                    f"cannot keep {key!r} in the cache {self._cache}: {error.strerror or error}. Check that its disk "
                    "has room (the cache may be emptied) and that this user may write there."
                ) from error
            finally:
                response.close()
                response.release_conn()
        return path

    def delete(self, key: str) -> None:
        """Delete a key, and what this machine has kept of it; see `Store.delete`."""
        check_key(key)
        with contextlib.suppress(ObjectMissing), self._asking(f"delete {key!r}"):
            self._client.remove_object(self.bucket, key)
        self._cached(key).unlink(missing_ok=True)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys under a prefix, in order; what others put there under names that are no keys is left out."""
        try:
            with self._asking(f"list {prefix!r}"):
                for found in self._client.list_objects(self.bucket, prefix=prefix, recursive=True):
                    if found.object_name and is_key(found.object_name):
                        yield found.object_name
        except ObjectMissing:  # no bucket yet
            return

    def link(self, key: str, valid_s: int = 3600) -> str | None:
        """Return a presigned address of a key; made here, without asking the service.

        Raises:
            BadOption: The time is not 1 second to 7 days.
        """
        check_key(key)
        if not 1 <= valid_s <= MAX_LINK_S:
            raise BadOption(f"a link valid for {valid_s} s cannot be made: expected 1 to {MAX_LINK_S}")
        link: str = self._client.presigned_get_object(self.bucket, key, expires=timedelta(seconds=valid_s))
        return link

    @cached_property
    def _client(self) -> "Minio":
        import certifi
        import urllib3
        from minio import Minio

        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
            retries=urllib3.Retry(total=RETRIES, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504)),
            maxsize=16,
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
        )
        return Minio(
            self.endpoint,
            access_key=self._access_key,
            secret_key=self._secret_key,
            secure=self.secure,
            region=self.region,
            http_client=pool,
        )

    def _check_names(self) -> None:
        from minio.helpers import check_bucket_name

        try:
            check_bucket_name(self.bucket, strict=True)
            if not self.endpoint:
                raise ValueError("the endpoint is empty")
            _ = self._client
        except ValueError as error:
            raise BadOption(
                f"S3 endpoint {self.endpoint!r} with bucket {self.bucket!r}: {error}. Expected an endpoint like "
                "'s3.example.org:9000', without http://, and a bucket like 'labelline'."
            ) from error

    def _cached(self, key: str) -> Path:
        return self._cache / check_key(key)

    def _upload(self, key: str, data: bytes | Path, media_type: str) -> None:
        if isinstance(data, Path):
            self._client.fput_object(self.bucket, key, str(data), content_type=media_type)
        else:
            self._client.put_object(self.bucket, key, BytesIO(data), len(data), content_type=media_type)

    def _in_bucket(self, upload: Callable[[], Result]) -> Result:
        """Upload; where the bucket is missing make it and upload again. No right to look at buckets is needed."""
        from minio.error import S3Error

        try:
            return upload()
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
        with self._making_bucket:
            try:
                self._client.make_bucket(self.bucket, location=self.region)
            except S3Error as error:
                if error.code not in _BUCKET_EXISTS:
                    raise
        return upload()

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn the client's errors into ours."""
        from minio.error import MinioException, S3Error
        from urllib3.exceptions import HTTPError

        where = f"the S3 service {self.endpoint}"
        try:
            yield
        except S3Error as error:
            if error.code in _MISSING:
                raise ObjectMissing(f"cannot {what}: not in bucket {self.bucket!r} of {where}") from error
            if error.code in _REFUSED:
                raise StoreUnavailable(
                    f"cannot {what}: {where} refuses the credentials for bucket {self.bucket!r} ({error.code}). Check "
                    "access_key and secret_key in the ObjectStore block, and what they may do."
                ) from error
            raise StoreUnavailable(f"cannot {what}: {where} answers {error.code}: {error.message}") from error
        except (MinioException, HTTPError) as error:
            raise StoreUnavailable(
                f"cannot {what}: {where} cannot be reached or answers nonsense ({type(error).__name__}). Check that it "
                "runs, its address, and `secure` (https or not) in the ObjectStore block; then run again."
            ) from error
