"""Every option of a migration, one row each: the table behind `Options`.

Bits are libvirt's `virDomainMigrateFlags` (complete through libvirt 12.5), parameter
names its `VIR_MIGRATE_PARAM_*`, spellings those of `virsh migrate`. `absent` is what
libvirt means when the flag is *not* given: yes, no, or None where it promises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from virtmigrate.errors import Side

SOURCE, DESTINATION, BOTH = Side.SOURCE, Side.DESTINATION, Side.BOTH


@dataclass(frozen=True, slots=True)
class Switch:
    """An option that is yes, no or default.

    Attributes:
        name: Field of `Options`.
        virsh: Long option, without the dashes; `--no-…` is its negative.
        bit: libvirt's flag bit, None where the option is not a libvirt flag.
        absent: libvirt's meaning of absence; None = no promise either way.
        yes: What yes means.
        no: What no means.
        side: Whose capability decides.
        knob: The knob that the engine turns to serve it, where it is the engine's.
    """

    name: str
    virsh: str
    bit: int | None
    absent: bool | None
    yes: str
    no: str
    side: Side = BOTH
    knob: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """An option that carries a value; None = not given.

    Attributes:
        name: Field of `Options`, with its unit.
        virsh: Long option, without the dashes.
        param: libvirt's typed parameter, None where it is not one.
        kind: libvirt's type of it.
        meaning: What it does, unit and range included.
        many: Whether it may repeat (then the value is a tuple of strings).
        from_file: Whether the terminal takes a file name and reads it.
    """

    name: str
    virsh: str
    param: str | None
    kind: Literal["int", "ullong", "string"]
    meaning: str
    many: bool = False
    from_file: bool = False


# fmt: off
SWITCHES: tuple[Switch, ...] = (
    Switch("live", "live", 0, False, "guest CPUs run while memory moves",
           "coma: guest CPUs are paused for the whole move"),
    Switch("p2p", "p2p", 1, False, "the source's daemon drives and outlives us",
           "virtmigrate drives the phases over two connections", SOURCE),
    Switch("tunnelled", "tunnelled", 2, False, "memory goes through the daemons' RPC",
           "hypervisor to hypervisor"),
    Switch("persist_dest", "persistent", 3, False,
           "the guest is persistent on the destination",
           "the guest is transient on the destination", DESTINATION),
    Switch("undefine_source", "undefinesource", 4, False,
           "the source's definition goes", "the source keeps its definition", SOURCE),
    Switch("paused", "suspend", 5, None, "the guest stays paused at the destination",
           "the guest runs at the destination", DESTINATION),
    Switch("copy_storage", "copy-storage-all", 6, None, "disks are copied in full",
           "no disk is copied"),
    Switch("copy_storage_inc", "copy-storage-inc", 7, None,
           "only the top layer of each disk is copied", "no disk layer is copied"),
    Switch("change_protection", "change-protection", 8, None,
           "fail unless the configuration can be locked meanwhile",
           "the configuration may change meanwhile", SOURCE),
    Switch("unsafe", "unsafe", 9, False, "skip the hypervisor's safety verdict",
           "the hypervisor may refuse an unsafe move", SOURCE),
    Switch("offline", "offline", 10, False,
           "move the definition of a stopped guest, nothing else",
           "the guest moves with its memory"),
    Switch("compressed", "compressed", 11, None, "memory is compressed on the way",
           "memory is not compressed"),
    Switch("abort_on_error", "abort-on-error", 12, False,
           "abort when the guest pauses on an I/O error", "carry on", SOURCE),
    Switch("auto_converge", "auto-converge", 13, None,
           "guest CPUs are throttled until it converges", "no throttling", SOURCE),
    Switch("rdma_pin_all", "rdma-pin-all", 14, False, "pin all memory up front",
           "pin on demand"),
    Switch("postcopy", "postcopy", 15, False,
           "permit the switch to post-copy (a network cut can then lose the guest)",
           "pre-copy only"),
    Switch("tls", "tls", 16, None, "the hypervisor's own TLS on the stream",
           "the stream is in clear text"),
    Switch("parallel", "parallel", 17, False, "several connections (multifd)",
           "one connection"),
    Switch("copy_storage_synchronous_writes", "copy-storage-synchronous-writes", 18,
           False, "disk mirrors write synchronously, so that they converge",
           "disk mirrors run in the background", SOURCE),
    Switch("postcopy_resume", "postcopy-resume", 19, False,
           "resume a post-copy that was cut", "an ordinary migration"),
    Switch("zerocopy", "zerocopy", 20, False, "send memory without copying it",
           "ordinary sends", SOURCE),
    Switch("direct", "direct", None, False,
           "the hypervisor moves it with no daemon at the other end",
           "both hosts' daemons take part", SOURCE),
    Switch("one_step", "one-step", None, False,
           "consent to a switchover that the hypervisor decides alone",
           "virtmigrate decides the switchover, by a durable record"),
    Switch("remove_source_disks", "remove-source-disks", None, None,
           "the source's images of copied disks go once the guest lives on its copies",
           "the source's images stay", SOURCE),
    Switch("timeout_suspend", "timeout-suspend", None, False,
           "at --timeout the guest is suspended until it has moved", "it is not",
           SOURCE, knob="suspend"),
    Switch("timeout_postcopy", "timeout-postcopy", None, False,
           "at --timeout the move switches to post-copy", "it does not", SOURCE,
           knob="postcopy"),
    Switch("postcopy_after_precopy", "postcopy-after-precopy", None, False,
           "switch to post-copy after the first pass", "no switch by itself", SOURCE,
           knob="postcopy"),
)

VALUES: tuple[Value, ...] = (
    Value("migrate_uri", "migrateuri", "migrate_uri", "string",
          "where the memory goes; by default the destination says"),
    Value("dest_name", "dname", "destination_name", "string",
          "the guest's new name on the destination"),
    Value("dest_xml", "xml", "destination_xml", "string",
          "live definition to use on the destination (same name, same ABI)",
          from_file=True),
    Value("persist_xml", "persistent-xml", "persistent_xml", "string",
          "persistent definition to use on the destination", from_file=True),
    Value("bandwidth_mib_s", "bandwidth", "bandwidth", "ullong",
          "most to send before the switchover, MiB/s"),
    Value("postcopy_bandwidth_mib_s", "postcopy-bandwidth", "bandwidth.postcopy",
          "ullong", "most to send in post-copy, MiB/s, 0 = unlimited"),
    Value("switchover_bandwidth_mib_s", "available-switchover-bandwidth",
          "bandwidth.avail.switchover", "ullong",
          "what the link carries at the switchover, MiB/s, for the downtime estimate"),
    Value("graphics_uri", "graphicsuri", "graphics_uri", "string",
          "where graphics clients reconnect (spice:// or vnc://)"),
    Value("listen_address", "listen-address", "listen_address", "string",
          "address on which the destination listens"),
    Value("migrate_disks", "migrate-disks", "migrate_disks", "string",
          "disks to copy, by target name (vda)", many=True),
    Value("migrate_disks_detect_zeroes", "migrate-disks-detect-zeroes",
          "migrate_disks_detect_zeroes", "string",
          "disks whose zeroes are not written (vda)", many=True),
    Value("migrate_disks_target_zero", "migrate-disks-target-zero",
          "migrate_disks_target_zero", "string",
          "disks whose destination is all zeroes already (vda)", many=True),
    Value("disks_port", "disks-port", "disks_port", "int",
          "port for disk copies, 1-65535, 0 = the destination chooses"),
    Value("disks_uri", "disks-uri", "disks_uri", "string",
          "where disk copies go (tcp:// or unix:)"),
    Value("compression_methods", "comp-methods", "compression", "string",
          "xbzrle, mt, zlib, zstd", many=True),
    Value("compression_mt_level", "comp-mt-level", "compression.mt.level", "int",
          "level of mt, 0-9"),
    Value("compression_mt_threads", "comp-mt-threads", "compression.mt.threads", "int",
          "compressing threads of mt"),
    Value("compression_mt_dthreads", "comp-mt-dthreads", "compression.mt.dthreads",
          "int", "decompressing threads of mt"),
    Value("compression_xbzrle_cache_bytes", "comp-xbzrle-cache",
          "compression.xbzrle.cache", "ullong", "page cache of xbzrle, bytes"),
    Value("compression_zlib_level", "comp-zlib-level", "compression.zlib.level", "int",
          "level of zlib, 0-9 (parallel only)"),
    Value("compression_zstd_level", "comp-zstd-level", "compression.zstd.level", "int",
          "level of zstd, 0-20 (parallel only)"),
    Value("auto_converge_initial_percent", "auto-converge-initial",
          "auto_converge.initial", "int", "first throttle, percent, 1-99"),
    Value("auto_converge_increment_percent", "auto-converge-increment",
          "auto_converge.increment", "int", "each further step, percent, 1-99"),
    Value("parallel_connections", "parallel-connections", "parallel.connections", "int",
          "connections, with parallel"),
    Value("tls_destination", "tls-destination", "tls.destination", "string",
          "name that the destination's certificate must bear"),
    Value("timeout_s", "timeout", None, "int",
          "after so many seconds act: --timeout-suspend (the default, as in "
          "virsh) or --timeout-postcopy"),
)
# fmt: on

ROWS: tuple[Switch | Value, ...] = (*SWITCHES, *VALUES)
OWN = ("one_step", "remove_source_disks")
"""Switches that steps of ours meet, unless a host declares otherwise."""
IMPLIED_BY: dict[str, str] = {
    "p2p": "tunnelled",
    "compressed": "compression_methods",
    "timeout_suspend": "timeout_s",
}
"""A switch that nobody asked for, and the option that asks for it by being given."""
INSTEAD_OF: dict[str, str] = {"timeout_suspend": "timeout_postcopy"}
"""A switch that is implied, unless this other one was asked for."""
A_POLICY_MAY_ASK = frozenset({
    "auto_converge", "auto_converge_initial_percent", "auto_converge_increment_percent",
    "postcopy", "postcopy_bandwidth_mib_s", "switchover_bandwidth_mib_s",
    "compressed", "compression_methods", "compression_xbzrle_cache_bytes",
    "compression_mt_level", "compression_mt_threads", "compression_mt_dthreads",
    "compression_zlib_level", "compression_zstd_level",
    "parallel", "parallel_connections",
})  # fmt: skip
"""What only changes how memory goes through; all else is the request's to say."""

BY_NAME: dict[str, Switch | Value] = {row.name: row for row in ROWS}
BY_PARAM: dict[str, Value] = {row.param: row for row in VALUES if row.param}
FLAG_MASK = sum(1 << row.bit for row in SWITCHES if row.bit is not None)
