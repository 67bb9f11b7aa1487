"""The hypervisor `qemu`: QEMU and KVM hosts, reached through their libvirt daemons."""

from __future__ import annotations

from virtmigrate_libvirt.hypervisor import LibvirtHypervisor

NAME = "qemu"
DRIVER = "QEMU"
"""What libvirt's driver calls itself (`virConnectGetType`)."""


class QemuHypervisor(LibvirtHypervisor):
    """QEMU and KVM hosts."""

    def __init__(self) -> None:
        """Describe it."""
        super().__init__(NAME, frozenset({DRIVER}), frozenset({NAME}))
