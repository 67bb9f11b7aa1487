"""The qemu plugin passes the kit, on real hosts: libvirtd and QEMU in namespaces."""

from __future__ import annotations

import pytest

from virtmigrate.host import RunState
from virtmigrate_testkit import Bench, Copy, conformance

pytestmark = pytest.mark.lab

STATES = {
    "running": RunState.RUNNING,
    "paused": RunState.PAUSED,
    "shut off": RunState.SHUTOFF,
}
ALONE = "the lab's guests have no disk to copy"
SLOW_LINK_MIB_S = 12.0


class QemuBench(Bench):
    """Two hosts of the lab; what is true is what virsh and the heartbeat say."""

    label = "qemu (lab)"
    timeout_s = 120.0
    recovers = {
        "error-before-confirm": "libvirt was not told, so the source's job is active "
        "as long as our connection is open; `recover` finds it ended",
    }
    cannot = {
        "copy_storage": ALONE,
        "copy_storage_inc": ALONE,
        "copy_storage_synchronous_writes": ALONE,
        "tls": "the lab's hosts have no certificates",
        "rdma_pin_all": "the lab's hosts have no RDMA device",
        "postcopy_resume": "it resumes a post-copy that was cut",
        "zerocopy": "it needs locked memory, which the lab's hosts don't grant",
        "parallel": "several streams were not tried in the lab",
    }

    def open(self, request):
        self.lab = request.getfixturevalue("lab_session")

    def hosts(self):
        return self.lab.hosts["a"].uri, self.lab.hosts["b"].uri

    def start(self, name, state, *, persistent):
        self.lab.guest_start(
            name,
            host="a",
            memory_mib=24,
            working_set_mib=4,
            dirty_rate_mib_s=1,
            persistent=persistent,
            paused=state is RunState.PAUSED,
        )
        if state is RunState.SHUTOFF:
            self.lab.hosts["a"].virsh("destroy", name)

    def look(self, name):
        return self._copy("a", name), self._copy("b", name)

    def _copy(self, host, name):
        virsh = self.lab.hosts[host].virsh
        if name not in virsh("list", "--all", "--name").split():
            return Copy()
        shown, _, why = virsh("domstate", name, "--reason").strip().partition(" (")
        state = STATES[shown]
        if state is RunState.PAUSED and why.startswith("migrating"):
            state = RunState.PAUSED_MIGRATION
        persistent = name in virsh("list", "--all", "--persistent", "--name").split()
        text = virsh("dumpxml", "--inactive", name) if persistent else None
        return Copy(state, text)

    def progress(self, name):
        last = self.lab.guests.heartbeat(name).last_record()
        return last.counter if last else 0

    def slow(self):
        self.lab.link_rate(SLOW_LINK_MIB_S)

    def older(self, definition):
        return definition.replace("</name>", "</name><title>older</title>", 1)

    def tidy(self):
        self.lab.tidy()


TestQemu = conformance(QemuBench)
