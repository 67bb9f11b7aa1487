"""What of a guest's definition depends on the destination, and can't be seen there.

No call of libvirt's looks for a file, a socket or a free port on a host. So these are
warnings and notes: what has to be there, said before it is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_qemu.preflight.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

CHARACTER = (
    "devices/*[self::serial or self::parallel or self::channel or self::redirdev "
    "or self::smartcard or self::console[not(target/@type='serial')]]"
)
"""A first console that is the first serial port is written twice."""
ANYWHERE = (
    "@address!='0.0.0.0' and @address!='::' and @address!='127.0.0.1' and "
    "@address!='::1'"
)
DESTINATION, WARNING, NOTE = Side.DESTINATION, Level.WARNING, Level.NOTE

PORTS = (
    Row(
        "graphics-port-fixed",
        "devices/graphics[@autoport='no' and @port>0]",
        "its graphics want one fixed port, which must be free at the destination",
        "use autoport='yes', or see that the port is free there",
        WARNING,
        DESTINATION,
    ),
    Row(
        "graphics-address",
        f"devices/graphics[listen[@type='address'][{ANYWHERE}]]",
        "its graphics listen on one address, which the destination must have",
        "listen on 0.0.0.0 or on a network, or give --xml with the address there",
        WARNING,
        DESTINATION,
    ),
    Row(
        "port-fixed",
        f"{CHARACTER}[@type='tcp' or @type='udp'][source/@mode='bind']",
        "it listens on a fixed port of its host, which must be free at the destination",
        "see that it is free there, or give --xml with another",
        WARNING,
        DESTINATION,
    ),
    Row(
        "vsock-cid-fixed",
        "devices/vsock[cid/@auto='no']",
        "its vsock address is fixed, and must be free at the destination",
        "use <cid auto='yes'/>, or see that no guest there has it",
        WARNING,
        DESTINATION,
    ),
)

PATHS = (
    Row(
        "serial-file",
        f"{CHARACTER}[@type='file']",
        "it writes to a file of its host, which the destination begins anew",
        "give --xml with a path of the destination's own if both share the file",
        WARNING,
        DESTINATION,
    ),
    Row(
        "host-character-device",
        f"{CHARACTER}[@type='dev' or @type='pipe']",
        "it is connected to a device or pipe of its host, which the destination must "
        "have under the same path",
        "see that it is there, or give --xml with another",
        WARNING,
        DESTINATION,
    ),
    Row(
        "vhost-user-socket",
        "devices/interface[@type='vhostuser'] | devices/disk[@type='vhostuser'] | "
        "devices/filesystem[source/@socket]",
        "another program serves this device by a socket, and must do so at the "
        "destination too",
        "start it there first, with the same socket",
        WARNING,
        DESTINATION,
    ),
    Row(
        "host-drive",
        "devices/disk[@device='cdrom' or @device='floppy'][@type='block'][source/@dev]",
        "a drive of the source is passed to it, and the destination's own would take "
        "its place",
        "eject it in the guest (virsh change-media --eject)",
        WARNING,
        DESTINATION,
    ),
    Row(
        "lun-passthrough",
        "devices/disk[@device='lun'][@type='block']",
        "a SCSI unit is passed to it, which the destination must see under the same "
        "path",
        "see that it is mapped there (/dev/disk/by-id is the same on both)",
        WARNING,
        DESTINATION,
    ),
    Row(
        "nvdimm-path",
        "devices/memory[@model='nvdimm' or @model='virtio-pmem'][source/path]",
        "a memory module is a file or device of its host, which the destination must "
        "have under the same path; its content moves like memory",
        "make one of the same size there",
        WARNING,
        DESTINATION,
    ),
    Row(
        "filesystem-path",
        "devices/filesystem[source/@dir]",
        "a directory of its host is shared with it, and must be the same at the "
        "destination",
        "mount the same directory there",
        WARNING,
        DESTINATION,
    ),
    Row(
        "hostdev-usb",
        "devices/hostdev[@type='usb']",
        "a USB device is passed through to it: it will be unplugged, and the "
        "destination needs one that is alike",
        "detach it for the move, or plug one in there",
        WARNING,
        DESTINATION,
    ),
    Row(
        "tpm-passthrough",
        "devices/tpm[backend/@type='passthrough']",
        "it uses the source's TPM chip, and would find another one's keys at the "
        "destination",
        "use an emulated TPM, whose state moves",
        WARNING,
        DESTINATION,
    ),
    Row(
        "nvram-path",
        "os/nvram[text() or source/@file]",
        "its firmware variables are written to a file of the destination, under the "
        "same path: over whatever has that name",
        "see that the directory is there, and the file no other guest's; or give --xml "
        "with another path",
        NOTE,
        DESTINATION,
    ),
    Row(
        "nvram-template",
        "os/nvram[@template]",
        "where its file of firmware variables is missing it is made from a template, "
        "which the destination must have under the same path",
        "install the same firmware there, or give --xml with the path there",
        NOTE,
        DESTINATION,
    ),
    Row(
        "not-checked",
        "devices/interface[@type='bridge'][virtualport/@type='openvswitch']",
        "it is on a bridge of Open vSwitch, which libvirt tells nothing of",
        "see that the destination has that bridge, or give --xml with another",
        NOTE,
        DESTINATION,
    ),
    Row(
        "not-checked",
        "os/kernel | os/initrd | os/dtb | os/acpi/table",
        "it boots from a file of its host; no host tells whether it has that file",
        "see that it is at the destination under the same path",
        NOTE,
        DESTINATION,
    ),
    Row(
        "not-checked",
        f"{CHARACTER}[@type='unix'][source/@path]",
        "it has a socket of its host; no host tells whether that path can be used",
        "see that the directory is at the destination under the same path",
        NOTE,
        DESTINATION,
    ),
)

LEFT_BEHIND = (
    Row(
        "nvram-left",
        "os/nvram",
        "its firmware variables stay at the source: only the definition moves",
        "copy the file, or move the guest while it runs",
        WARNING,
    ),
    Row(
        "tpm-left",
        "devices/tpm[backend/@type='emulator']",
        "the state of its TPM stays at the source: only the definition moves",
        "copy the state, or move the guest while it runs",
        WARNING,
    ),
)
"""What a move of a definition leaves behind."""

HABITS = (
    Row(
        "clock-localtime",
        "clock[@offset='localtime' or @basis='localtime']",
        "its clock follows the time zone of its host",
        "see that both hosts have the same one, or use offset='timezone'",
        WARNING,
        DESTINATION,
    ),
    Row(
        "agent-silent",
        "devices/channel[target/@name='org.qemu.guest_agent.0']"
        "[target/@state='disconnected']",
        "its guest agent is not connected: nobody will set its clock right after a "
        "long standstill",
        "start qemu-guest-agent in the guest",
        NOTE,
    ),
)

AGENT = "devices/channel[target/@name='org.qemu.guest_agent.0']"
RUNNING = (*PORTS, *PATHS, *HABITS)
POSTCOPY_PMEM = Row(
    "postcopy-pmem",
    "devices/memory[source/pmem]",
    "post-copy can't move persistent memory",
    "do not consent to it: leave --postcopy and --allow-postcopy out",
)


def findings(facts: Facts, _: Answers) -> Iterator[Finding]:
    """What the definition says that a host can't. Pure."""
    for row in RUNNING if facts.moves else LEFT_BEHIND:
        yield from row.findings(facts.there, row.level)
    if not facts.moves:
        return
    if facts.effective.postcopy:
        yield from POSTCOPY_PMEM.findings(facts.there, Level.BLOCKER)
    if not facts.here.nodes(AGENT):
        yield facts.finding(
            "agent-absent",
            NOTE,
            "it has no channel for a guest agent: nobody can set its clock right after "
            "a long standstill",
            "nothing has to be done; org.qemu.guest_agent.0 is the channel's name",
            side=Side.SOURCE,
        )
