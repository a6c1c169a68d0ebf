"""Fixtures of the tests of keeping."""

from tests.blocks.conftest import open_s3
from tests.intake.sources.conftest import loopback

__all__ = ["loopback", "open_s3"]
