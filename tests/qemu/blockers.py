"""The matrix of blockers: how each is provoked, its side, and words of its remedy.

`python -m tests.qemu.blockers` provokes each once and prints the count. Where a real
host can be made to have it, `tests/lab/test_blockers.py` provokes it there too.
"""

from __future__ import annotations

import sys

from tests.qemu.blocked_here import DEVICES
from tests.qemu.blocked_there import MACHINE, PLACES
from tests.qemu.blocker import ASKED, BOTH, HERE, SOURCE, THERE, Blocker, has, says
from tests.qemu.hosts import OTHER_UUID, UUID, Told, World
from virtmigrate.host import RunState
from virtmigrate.plan import Level

CORE = (
    Blocker(
        *("same-host", BOTH, "another destination"),
        has(uuid=SOURCE.uuid),
        "both hosts have one UUID",
    ),
    Blocker(
        *("name-taken", THERE, "--dname"),
        has(names={"g": OTHER_UUID}),
        "another guest has the name",
    ),
    Blocker(
        *("already-active", THERE, "stop the other"),
        World(there=RunState.RUNNING, host=Told(names={"g": UUID})),
        "it runs at the destination too",
    ),
    Blocker(
        *("unreachable", THERE, "daemon"),
        World(there=RunState.UNREACHABLE),
        "the destination fell silent",
    ),
    Blocker(
        *("unreachable", HERE, "daemon"),
        World(state=RunState.UNREACHABLE),
        "the source fell silent",
    ),
    Blocker(
        *("job-active", HERE, "abort it"),
        World(job=True),
        "a job is active on the guest",
    ),
    Blocker(
        *("in-postcopy", HERE, "resume"),
        World(state=RunState.POSTCOPY),
        "it is in the middle of a post-copy",
    ),
    Blocker(
        *("half-migrated", HERE, "recover"),
        World(state=RunState.PAUSED_MIGRATION),
        "a migration of it was not finished",
    ),
)
REQUEST = (
    Blocker(
        *("paused-on-io-error", HERE, "--abort-on-error"),
        says(
            55,
            "cannot migrate domain with I/O error",
            state=RunState.PAUSED_IOERROR,
            options={"abort_on_error": True},
        ),
        "it stands on an I/O error, and --abort-on-error",
    ),
    Blocker(
        *("rdma-without-limit", HERE, "hard_limit"),
        World(options={"migrate_uri": "rdma://b"}),
        "RDMA, and no limit of its memory",
    ),
    Blocker(
        *("peer-uri-is-local", THERE, "as the source sees it"),
        World(uri="qemu+ssh://localhost/system", options={"p2p": True}),
        "--p2p to localhost",
    ),
    Blocker(
        *("bad-dest-xml", ASKED, "virsh dumpxml"),
        World(options={"dest_xml": "<network/>"}),
        "--xml is no domain",
    ),
    Blocker(
        *("bad-persist-xml", ASKED, "--migratable"),
        World(options={"persist_xml": World().xml().replace(UUID, OTHER_UUID)}),
        "--persistent-xml of another guest",
    ),
    Blocker(
        *("runs-emulator", HERE, "--insecure emulator"),
        World(emulator="/tmp/qemu"),
        "its emulator is a program in /tmp",
    ),
    Blocker(
        *("runs-commandline", HERE, "--insecure commandline"),
        World(top="<qemu:commandline><qemu:arg value='-s'/></qemu:commandline>"),
        "its definition hands arguments to QEMU",
    ),
    Blocker(
        *("migrate-uri-port", ASKED, "tcp://b:PORT"),
        World(options={"migrate_uri": "tcp://b:70000"}),
        "a port above 65535",
    ),
    Blocker(
        *("migrate-uri-port", ASKED, "PORT"),
        World(options={"migrate_uri": "tcp:[b"}),
        "no host and no port that can be read",
    ),
    Blocker(
        *("postcopy-pmem", HERE, "--postcopy"),
        World(
            devices="<memory model='nvdimm'><source><path>/x</path><pmem/></source>"
            "</memory>",
            options={"postcopy": True},
        ),
        "post-copy of persistent memory",
    ),
    Blocker(
        *("tls-without-disks", HERE, "4.4"),
        World(
            here=Told("a", SOURCE.uuid, libvirt="4.3.0"),
            host=Told(libvirt="4.3.0"),
            options={"tls": True, "copy_storage": True},
        ),
        "--tls and copied disks with libvirt 4.3",
    ),
)
BLOCKERS = (*CORE, *REQUEST, *DEVICES, *MACHINE, *PLACES)


def wrong(row: Blocker) -> list[str]:
    """What is not as it should be of one row."""
    found = [f for f in row.world.report() if f.level is Level.BLOCKER]
    mine = [f for f in found if (f.id, f.side) == (row.id, row.side)]
    told = sorted({f"{f.id} at {f.side}" for f in found})
    if not mine:
        return [f"{row.id} at {row.side}: not found, but {told}"]
    complaints = [
        f"{row.id}: remedy {f.remedy!r} lacks {row.remedy!r}"
        for f in mine
        if row.remedy not in f.remedy
    ]
    complaints += [f"{row.id}: no evidence" for f in mine if not f.evidence]
    if len(found) > len(mine):
        complaints.append(f"{row.id}: others too: {told}")
    return complaints


def main() -> int:
    """Provoke each once; tell the counts, and whatever is wrong."""
    complaints = [said for row in BLOCKERS for said in wrong(row)]
    for row in BLOCKERS:
        print(f"{row.id:24} {row.side:12} {row.how}")
    print(
        f"{len(BLOCKERS)} blockers provoked, {len({r.id for r in BLOCKERS})} ids, "
        f"{len(complaints)} wrong"
    )
    print(*complaints, sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
