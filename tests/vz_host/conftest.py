"""Two vz hosts, and stock virsh at them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from virtmigrate_lab.vz_host.host import VzHosts, guest_xml

CALL_S = 25


@dataclass
class Said:
    """What virsh came to."""

    code: int
    out: str
    err: str


def virsh(host, *words):
    """Run stock virsh on a host."""
    argv = ["virsh", "-q", "-c", getattr(host, "uri", host), *words]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as client:
        try:
            out, err = client.communicate(timeout=CALL_S)
        except subprocess.TimeoutExpired:
            stands = threads_of(client.pid)
            client.kill()
            pytest.fail(f"no end within {CALL_S} s: {' '.join(argv)}; it has {stands}")
    return Said(client.returncode, out.strip(), err.strip())


def threads_of(pid):
    """Name, and where in the kernel it waits, of each thread: whose turn it is."""
    tasks = sorted(Path(f"/proc/{pid}/task").iterdir())
    return [f"{content(task / 'comm')} in {content(task / 'wchan')}" for task in tasks]


def content(path):
    """A line of `/proc`."""
    return path.read_text(encoding="utf-8").strip()


@pytest.fixture(scope="session")
def pair():
    """Two hosts."""
    # pytest's own directories have paths too long for sockets
    world = Path(tempfile.mkdtemp(prefix="vz-"))
    try:
        with VzHosts.up(world) as made:
            yield made
    finally:
        shutil.rmtree(world)


@pytest.fixture
def hosts(pair):
    """Two fresh hosts, whatever a test before has done to them."""
    yield pair
    pair.renew()


@pytest.fixture
def furnish(hosts):
    """Make a guest on vz-a."""

    def make(name="g", *, run=True, host="a", **how):
        path = hosts.world / f"{name}.xml"
        path.write_text(guest_xml(name, **how), encoding="utf-8")
        assert virsh(hosts[host], "define", str(path)).code == 0
        if run:
            assert virsh(hosts[host], "start", name).code == 0
        return name

    return make
