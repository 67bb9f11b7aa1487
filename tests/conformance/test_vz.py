"""The vz plugin passes the kit, on vz hosts and through the real libvirt client."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from virtmigrate.host import RunState
from virtmigrate_lab.vz_host.host import VzHosts, guest_xml
from virtmigrate_lab.vz_host.machine import now
from virtmigrate_testkit import Bench, Copy, conformance

STATES = {
    "running": RunState.RUNNING,
    "paused": RunState.PAUSED,
    "stopped": RunState.SHUTOFF,
}
MEMORY_MIB, SLOW_MIB_S = 64, 40


class VzBench(Bench):
    """Two vz hosts as processes of this machine; the truth is in their files."""

    label = "vz"
    no_transient = "a Virtuozzo guest always has a definition"
    no_define_there = "Virtuozzo refuses a guest that is registered there already"
    values = {"dest_name": ..., "migrate_uri": "vzmigr://vz-b"}

    def open(self, request):
        # Sockets need a short path.
        self.world = Path(tempfile.mkdtemp(prefix="vz-"))
        self.vz = VzHosts.up(self.world)

    def close(self):
        self.vz.down()
        shutil.rmtree(self.world)

    def hosts(self):
        return self.vz["a"].uri, self.vz["b"].uri

    def start(self, name, state, *, persistent):
        self._virsh("define", self._document(name))
        if state is not RunState.SHUTOFF:
            self._virsh("start", name)
        if state is RunState.PAUSED:
            self._virsh("suspend", name)

    def _document(self, name):
        path = self.world / "guest.xml"
        path.write_text(guest_xml(name, memory_mib=MEMORY_MIB), encoding="utf-8")
        return str(path)

    def _virsh(self, *words, host="a"):
        subprocess.run(
            ["virsh", "-q", "-c", self.vz[host].uri, *words],
            check=True,
            capture_output=True,
            timeout=20,
        )

    def _copies(self, name):
        return [host.machine.named(name) for host in self.vz]

    def look(self, name):
        return tuple(
            Copy(STATES[guest.state], guest.xml) if guest else Copy()
            for guest in self._copies(name)
        )

    def progress(self, name):
        copies = [guest for guest in self._copies(name) if guest]
        ours = {guest.uuid for guest in copies}
        known = {uuid for host in self.vz for uuid in host.machine.guests}
        assert ours <= known
        return max(guest.counter(now()) for guest in copies)

    def tidy(self):
        for host in self.vz:
            host.control(rate_mib_s=512, stalled=False)
            for guest in list(host.machine.guests.values()):
                self._virsh("undefine", guest.name, host=host.name)

    def slow(self):
        for host in self.vz:
            host.control(rate_mib_s=SLOW_MIB_S)

    def older(self, definition):
        return definition.replace("</name>", "</name><title>older</title>", 1)


TestVz = pytest.mark.timeout(120)(conformance(VzBench))
