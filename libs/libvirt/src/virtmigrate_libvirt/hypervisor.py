"""A hypervisor that is reached through libvirt: which URIs it opens, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Progress
from virtmigrate.errors import BadInput
from virtmigrate.host import CONTRACT
from virtmigrate_libvirt import uri as allowed
from virtmigrate_libvirt.host import LibvirtHost

if TYPE_CHECKING:
    from virtmigrate.clock import Clock
    from virtmigrate.errors import Side
    from virtmigrate.uri import HostURI


class LibvirtHypervisor:
    """The core's `Hypervisor`, for one of libvirt's drivers."""

    remote = True

    def __init__(
        self,
        name: str,
        drivers: frozenset[str],
        schemes: frozenset[str],
        counts: Progress = Progress.BYTES,
    ) -> None:
        """Describe it.

        Args:
            name: Its name among plugins.
            drivers: What its driver calls itself (`virConnectGetType`).
            schemes: URI schemes, without `+transport`.
            counts: What the driver's job figures count.
        """
        self._name = name
        self._drivers = drivers
        self._schemes = schemes
        self._counts = counts

    @property
    def name(self) -> str:
        """Its name among plugins."""
        return self._name

    @property
    def schemes(self) -> frozenset[str]:
        """With any transport that is allowed."""
        return self._schemes

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
        host = LibvirtHost(uri, side, self._name, self._counts)
        if host.driver not in self._drivers:
            host.close()
            raise BadInput(
                f"{uri.shown} is driven by {host.driver}, not by "
                f"{' or '.join(sorted(self._drivers))}",
                side=side,
                subject="uri",
                remedy=f"name a host of {self._name}",
            )
        return host
