"""The block opens a folder or S3, hides its secret, and says what it misses."""

from pathlib import Path

import pytest

from blocks.errors import BadOption
from blocks.object_store import ObjectStore
from blocks.storage.stores import FolderStore
from tests.blocks.conftest import OpenS3
from tests.s3_server import S3Server


def test_the_block_opens_a_folder(tmp_path: Path) -> None:
    assert isinstance(ObjectStore(folder=str(tmp_path)).open(), FolderStore)


def test_the_block_opens_s3_and_hides_its_secret(open_s3: OpenS3, s3_server: S3Server, tmp_path: Path) -> None:
    block = ObjectStore(
        endpoint=s3_server.endpoint,
        bucket=open_s3().bucket,
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
        secure=False,
        cache_folder=str(tmp_path),
    )
    store = block.open()
    store.put("a", b"x")
    assert store.get("a") == b"x"
    assert s3_server.secret_key not in repr(block)


def test_a_block_without_an_address_says_what_is_missing() -> None:
    with pytest.raises(BadOption, match="endpoint, bucket, access_key, secret_key, cache_folder missing"):
        ObjectStore().open()
    with pytest.raises(BadOption, match="secret_key, cache_folder missing"):
        ObjectStore(endpoint="127.0.0.1:1", bucket="abc", access_key="a").open()


def test_a_block_with_two_addresses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="keep one of them"):
        ObjectStore(folder=str(tmp_path), endpoint="127.0.0.1:1").open()
