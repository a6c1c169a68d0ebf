"""Fixtures of the tests of keeping."""

from tests.blocks.conftest import open_s3

__all__ = ["open_s3"]
