"""The lab as pytest fixtures. Load it with ``pytest_plugins`` or ``-p``.

``lab_session`` starts two hosts once a session; ``lab`` lends them to one test and
tidies up after it: guests that the test started are destroyed, links run free again,
daemons that were killed are started. Where no lab can run the tests are skipped with
the reasons, or fail with them if ``VIRTMIGRATE_REQUIRE_LAB=1``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from virtmigrate_lab.lab import Lab
from virtmigrate_lab.needs import obstacles
from virtmigrate_lab.qemu_host import QUICK_START

REQUIRE = "VIRTMIGRATE_REQUIRE_LAB"
HOSTS = "VIRTMIGRATE_LAB_HOSTS"


def refuse(reasons: list[str]) -> None:
    """Skip or fail the test that wanted a lab."""
    text = "no lab on this machine: " + "; ".join(reasons)
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@pytest.fixture(scope="session")
def lab_session() -> Iterator[Lab]:
    """Hosts that are up for the whole session (``VIRTMIGRATE_LAB_HOSTS``, 2)."""
    reasons = obstacles()
    if reasons:
        refuse(reasons)
    # not pytest's own directory: paths of UNIX sockets must be short
    directory = Path(tempfile.mkdtemp(prefix="vml-"))
    try:
        hosts = os.environ.get(HOSTS, "2")
        with Lab.up(hosts, state_dir=directory, qemu_conf=QUICK_START) as lab:
            yield lab
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def lab(lab_session: Lab) -> Iterator[Lab]:
    """The session's hosts, tidy before and after the test."""
    try:
        yield lab_session
    finally:
        lab_session.tidy()


@pytest.fixture
def guest_name(request: pytest.FixtureRequest) -> str:
    """A name for a guest that no other test uses."""
    return f"g{abs(hash(request.node.nodeid)) % 10**8:08d}"
