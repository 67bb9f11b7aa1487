"""From which version on, and until which, an option exists. Data only.

Libvirt's versions are those of its NEWS and of `VIR_MIGRATE_*`'s comments, QEMU's
those of `qapi/migration.json`. Numbers are major * 1,000,000 + minor * 1,000 + micro.
"""

from __future__ import annotations

from dataclasses import dataclass


def version(text: str) -> int:
    """`"9.4"` as a number."""
    parts = [int(part) for part in text.split(".")]
    major, minor, micro = (*parts, 0, 0)[:3]
    return major * 1_000_000 + minor * 1_000 + micro


def shown(number: int) -> str:
    """A number as text."""
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


@dataclass(frozen=True, slots=True)
class Since:
    """What an option needs.

    Attributes:
        libvirt: First version of the daemon's libvirt, "" for any.
        qemu: First version of QEMU, "" for any.
    """

    libvirt: str = ""
    qemu: str = ""

    def missing(self, libvirt: int, qemu: int) -> str:
        """Why these versions lack it, "" if they have it."""
        for name, needed, found in (
            ("libvirt", self.libvirt, libvirt),
            ("QEMU", self.qemu, qemu),
        ):
            if needed and found < version(needed):
                return f"it needs {name} {needed}, {shown(found)} runs there"
        return ""


ALWAYS = Since()

SWITCHES: dict[str, Since] = {
    "live": ALWAYS,
    "tunnelled": ALWAYS,
    "persist_dest": ALWAYS,
    "undefine_source": ALWAYS,
    "paused": ALWAYS,
    "copy_storage": ALWAYS,
    "copy_storage_inc": ALWAYS,
    "unsafe": ALWAYS,
    "compressed": Since("1.0.3"),
    "abort_on_error": Since("1.1.0"),
    "auto_converge": Since("1.2.3", "1.6"),
    "rdma_pin_all": Since("1.2.9", "2.0"),
    "postcopy": Since("1.3.3", "2.6"),
    "tls": Since("3.2.0", "2.7"),
    "parallel": Since("5.2.0", "4.0"),
    "copy_storage_synchronous_writes": Since("8.0.0", "3.0"),
    "postcopy_resume": Since("8.5.0", "3.0"),
    "zerocopy": Since("8.5.0", "7.1"),
}
"""Switches that only versions decide; yes and no are both the hypervisor's own."""

VALUES: dict[str, Since] = {
    "migrate_uri": ALWAYS,
    "dest_name": ALWAYS,
    "dest_xml": ALWAYS,
    "persist_xml": Since("1.3.4"),
    "bandwidth_mib_s": ALWAYS,
    "postcopy_bandwidth_mib_s": Since("5.1.0", "3.0"),
    "switchover_bandwidth_mib_s": Since("11.1.0", "8.2"),
    "graphics_uri": ALWAYS,
    "listen_address": Since("1.1.4"),
    "migrate_disks": Since("1.2.17"),
    "migrate_disks_detect_zeroes": Since("10.9.0"),
    "migrate_disks_target_zero": Since("12.2.0", "10.1"),
    "disks_port": Since("1.3.3"),
    "disks_uri": Since("6.8.0"),
    "compression_methods": Since("1.3.4"),
    "compression_mt_level": Since("1.3.4", "2.4"),
    "compression_mt_threads": Since("1.3.4", "2.4"),
    "compression_mt_dthreads": Since("1.3.4", "2.4"),
    "compression_xbzrle_cache_bytes": Since("1.3.4"),
    "compression_zlib_level": Since("9.4.0", "5.0"),
    "compression_zstd_level": Since("9.4.0", "5.0"),
    "auto_converge_initial_percent": Since("2.0.0", "2.5"),
    "auto_converge_increment_percent": Since("2.0.0", "2.5"),
    "parallel_connections": Since("5.2.0", "4.0"),
    "tls_destination": Since("6.0.0", "2.7"),
    "timeout_s": ALWAYS,
}
"""Values."""

METHODS: dict[str, Since] = {
    "xbzrle": ALWAYS,
    "mt": Since("1.3.4", "2.4"),
    "zlib": Since("9.4.0", "5.0"),
    "zstd": Since("9.4.0", "5.0"),
}
"""Compression methods."""
POSTCOPY_PARALLEL = "10.1"
"""First QEMU version that can switch to post-copy with several streams."""
MT_REMOVED_IN = "9.1"
"""QEMU version without the method mt."""
