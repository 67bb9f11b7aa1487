"""One stage for all of these tests: real hosts, short deadlines."""

from __future__ import annotations

import pytest

from tests.faults.moves import short
from tests.faults.stage import Stage


@pytest.fixture(scope="session")
def hosts(lab_session, tmp_path_factory):
    """The stage on the session's lab."""
    with short():
        yield Stage(lab_session, tmp_path_factory.mktemp("state") / "state")
    lab_session.tidy()


@pytest.fixture
def played(hosts):
    """The stage, with a fresh guest on host a."""
    hosts.renew()
    return hosts
