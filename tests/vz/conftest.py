"""Two vz hosts, a guest on the first, and a migrator."""

from __future__ import annotations

import pytest

from tests.vz_host.conftest import furnish, hosts, pair, virsh
from virtmigrate import MemoryJournal, Migrator, Options
from virtmigrate.errors import leaves
from virtmigrate_lab.vz_host.machine import read_history

__all__ = ["furnish", "hosts", "pair", "virsh"]


class Mover:
    """Moves guests from vz-a to vz-b.

    Attributes:
        events: What was told.
    """

    def __init__(self, hosts):
        self.hosts = hosts
        self.events = []
        self.journal = MemoryJournal()
        self.migrator = Migrator(journal=self.journal, sinks=[self.events.append])
        self.uris = hosts["a"].uri, hosts["b"].uri

    def __call__(self, guest="g", **asked):
        return self.migrator.migrate(guest, *self.uris, Options(**asked))

    def plan(self, guest="g", **asked):
        return self.migrator.plan(guest, *self.uris, Options(**asked))

    def start(self, guest="g", **asked):
        return self.migrator.start(guest, *self.uris, Options(**asked))

    def refusals(self, guest="g", **asked):
        return [str(error) for error in self.errors(guest, **asked)]

    def errors(self, guest="g", **asked):
        with pytest.raises(ExceptionGroup) as caught:
            self.plan(guest, **asked)
        return leaves(caught.value)

    def found(self, level, guest="g", **asked):
        """Ids of what a plan tells at this level."""
        findings = self.plan(guest, **asked).findings
        return [each.id for each in findings if each.level is level]

    def where(self):
        """Host to run state of the guest, as the hosts' files have it."""
        return {
            host.name: guest.state
            for host in self.hosts
            for guest in host.machine.guests.values()
        }


OWN, SHARED = "/vz/images/g.img", "/shared/images/g.img"


def volumes(host, pool="images"):
    """Names of what is in a pool of a host."""
    return [line.split()[0] for line in virsh(host, "vol-list", pool).out.splitlines()]


def pool(host, name, path):
    """Do as the remedies say: a pool of a directory."""
    host.file(path).mkdir(parents=True, exist_ok=True)
    for words in (["define-as", name, "dir", "--target", path], ["start", name]):
        said = virsh(host, f"pool-{words[0]}", *words[1:])
        assert said.code == 0, said


@pytest.fixture
def image(hosts):
    """Make an image on vz-a."""

    def make(path, size=1 << 16, *, pool="", form="raw"):
        name = pool or ("shared" if path.startswith("/shared/") else "images")
        last = path.rpartition("/")[2]
        words = [name, last, str(size), "--format", form]
        assert virsh(hosts["a"], "vol-create-as", *words).code == 0
        body = hosts["a"].file(path)
        body = body / "root.hds" if form == "ploop" else body
        body.write_bytes(content(size))
        return path

    return make


def content(size):
    """What a guest has written: no two blocks are alike."""
    blocks = range(-(-size // 64))
    return b"".join(b"%-63d\n" % number for number in blocks)[:size]


@pytest.fixture
def move(hosts):
    """A way to move; nothing that it does may undefine a guest that runs."""
    yield Mover(hosts)
    lines = read_history(hosts.world)
    assert [x for x in lines if (x["what"], x["why"]) == ("stop", "undefined")] == []
