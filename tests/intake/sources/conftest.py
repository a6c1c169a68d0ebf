"""Fixtures of the tests of sources."""

import pytest

from blocks.servers.web_files import PRIVATE_NETWORKS
from tasks.intake.sources.urls import fetching
from tasks.intake.sources.urls.hosts import Hosts
from tasks.intake.sources.urls.robots import RobotRules


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine be fetched from, as an operator would; nothing is known of any server yet."""
    monkeypatch.setenv(PRIVATE_NETWORKS, "127.0.0.0/8")
    monkeypatch.setattr(fetching, "HOSTS", Hosts())
    monkeypatch.setattr(fetching, "ROBOTS", RobotRules())
    monkeypatch.setattr(fetching, "FIRST_WAIT_S", 0.05)
