"""The hypervisor `qemu`: which URIs it opens, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput
from virtmigrate.host import CONTRACT
from virtmigrate_libvirt import uri as allowed
from virtmigrate_libvirt.host import LibvirtHost

if TYPE_CHECKING:
    from virtmigrate.clock import Clock
    from virtmigrate.errors import Side
    from virtmigrate.uri import HostURI

NAME = "qemu"
DRIVER = "QEMU"
"""What libvirt's driver calls itself (`virConnectGetType`)."""


class QemuHypervisor:
    """QEMU and KVM hosts, reached through their libvirt daemons."""

    remote = True

    @property
    def name(self) -> str:
        """`qemu`."""
        return NAME

    @property
    def schemes(self) -> frozenset[str]:
        """`qemu`, with any transport that is allowed."""
        return frozenset({NAME})

    @property
    def contract(self) -> int:
        """The contract that it was written for."""
        return CONTRACT

    def check_uri(self, uri: HostURI) -> None:
        """Refuse what is not on the allow-list.

        Raises:
            BadInput: Transport, query key, value or path.
        """
        allowed.check(uri)

    def connect(self, uri: HostURI, side: Side, clock: Clock) -> LibvirtHost:
        """Open a host; a daemon's deadlines are in real time, whatever the clock.

        Raises:
            BadInput: As `check_uri`, or another driver answers there.
            HostUnreachable: Nobody answers there, or not in time.
        """
        allowed.check(uri, side)
        host = LibvirtHost(uri, side, NAME)
        if host.driver != DRIVER:
            host.close()
            raise BadInput(
                f"{uri.shown} is driven by {host.driver}, not by {DRIVER}",
                side=side,
                subject="uri",
                remedy="name a QEMU host",
            )
        return host
