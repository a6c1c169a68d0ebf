"""Fixtures of the tests of stores."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from blocks.storage.s3_store import S3Store
from tests.s3_server import S3Server

BUCKETS = itertools.count()

OpenS3 = Callable[..., S3Store]


@pytest.fixture
def open_s3(s3_server: S3Server, tmp_path: Path) -> OpenS3:
    """Opens stores of one bucket of this test's own, each with a cache of its own."""
    bucket = f"bucket-{os.getpid()}-{next(BUCKETS)}"
    caches = itertools.count()

    def open_store(**changes: object) -> S3Store:
        options: dict[str, object] = {
            "endpoint": s3_server.endpoint,
            "access_key": s3_server.access_key,
            "secret_key": s3_server.secret_key,
            "bucket": bucket,
            "secure": False,
            "region": s3_server.region,
            "cache": tmp_path / f"cache-{next(caches)}",
        }
        return S3Store(**{**options, **changes})  # type: ignore[arg-type]

    return open_store
