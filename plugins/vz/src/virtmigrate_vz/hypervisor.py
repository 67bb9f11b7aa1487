"""The hypervisor `vz`: Virtuozzo hosts, reached through their libvirt daemons."""

from __future__ import annotations

from virtmigrate.capabilities import Progress
from virtmigrate_libvirt.hypervisor import LibvirtHypervisor

NAME = "vz"


class VzHypervisor(LibvirtHypervisor):
    """Virtuozzo hosts: virtual machines and containers."""

    def __init__(self) -> None:
        """Describe it; its job figures are percent in the fields of bytes."""
        super().__init__(
            NAME,
            frozenset({"vz", "Parallels"}),
            frozenset({"vz", "parallels"}),
            Progress.PERCENT,
        )
