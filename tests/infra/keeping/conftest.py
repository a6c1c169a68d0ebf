"""Fixtures of the tests of backups."""

from tests.blocks.conftest import open_s3

__all__ = ["open_s3"]
