"""The libvirt calls that a migration may use: two Protocols, with types of our own.

The binding's inline hints are wrong where it matters (`migrate3`, `jobStats`), and a
reader should see in one place what this project does to a host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Domain(Protocol):
    """A guest, as `libvirt.virDomain`; it never leaves the thread of one call."""

    def c_pointer(self) -> int:
        """Address of the `virDomain`."""
        ...

    def name(self) -> str:
        """Its name (no call is sent)."""
        ...

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        """Its identity (no call is sent)."""
        ...

    def isActive(self) -> int:  # noqa: N802
        """1 while a process of it exists."""
        ...

    def isPersistent(self) -> int:  # noqa: N802
        """1 when it has a persistent definition."""
        ...

    def state(self, flags: int = 0) -> list[int]:
        """`virDomainState` and its reason."""
        ...

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        """Its definition."""
        ...

    def jobStats(self, flags: int = 0) -> Mapping[str, object]:  # noqa: N802
        """Statistics of its job, and `type`."""
        ...

    def abortJob(self) -> int:  # noqa: N802
        """Ask for the end of its job."""
        ...

    def memoryPeek(self, start: int, size: int, flags: int = 0) -> bytes:  # noqa: N802
        """Bytes of its memory."""
        ...

    def suspend(self) -> int:
        """Stop its CPUs."""
        ...

    def resume(self) -> int:
        """Start its CPUs."""
        ...

    def destroyFlags(self, flags: int = 0) -> int:  # noqa: N802
        """End its process."""
        ...

    def undefineFlags(self, flags: int = 0) -> int:  # noqa: N802
        """Remove its definition."""
        ...

    def migrateSetMaxDowntime(self, downtime: int, flags: int = 0) -> int:  # noqa: N802
        """Longest switchover to aim at, ms."""
        ...

    def migrateSetMaxSpeed(self, bandwidth: int, flags: int = 0) -> int:  # noqa: N802
        """Most to send, MiB/s."""
        ...

    def migrateGetMaxSpeed(self, flags: int = 0) -> int:  # noqa: N802
        """What `migrateSetMaxSpeed` last said, MiB/s."""
        ...

    def migrateSetCompressionCache(self, size: int, flags: int = 0) -> int:  # noqa: N802
        """Size of xbzrle's page cache, bytes."""
        ...

    def migrateStartPostCopy(self, flags: int = 0) -> int:  # noqa: N802
        """Switch to post-copy now."""
        ...

    def snapshotNum(self, flags: int = 0) -> int:  # noqa: N802
        """How many snapshots it has."""
        ...

    def listAllCheckpoints(self, flags: int = 0) -> list[object]:  # noqa: N802
        """Its checkpoints."""
        ...

    def hasManagedSaveImage(self, flags: int = 0) -> int:  # noqa: N802
        """1 when its memory was saved at its last stop."""
        ...

    def blockJobInfo(self, disk: str, flags: int = 0) -> Mapping[str, int] | None:  # noqa: N802
        """The job that is active on a disk; nothing where there is none."""
        ...

    def startDirtyRateCalc(self, seconds: int, flags: int = 0) -> int:  # noqa: N802
        """Begin to measure what it writes; with flags 0 by sampling pages."""
        ...


class Volume(Protocol):
    """An image in a storage pool, as `libvirt.virStorageVol`."""

    def info(self) -> list[int]:
        """Type, capacity and allocation in bytes."""
        ...

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        """Its description."""
        ...

    def delete(self, flags: int = 0) -> int:
        """Delete it."""
        ...


class Pool(Protocol):
    """A storage pool, as `libvirt.virStoragePool`."""

    def name(self) -> str:
        """Its name (no call is sent)."""
        ...

    def refresh(self, flags: int = 0) -> int:
        """Look what is in it now."""
        ...

    def createXML(self, xmlDesc: str, flags: int = 0) -> Volume:  # noqa: N802, N803
        """Make a volume."""
        ...

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        """Its description."""
        ...

    def listVolumes(self) -> list[str]:  # noqa: N802
        """Names of its volumes."""
        ...

    def storageVolLookupByName(self, name: str) -> Volume:  # noqa: N802
        """The volume of this name."""
        ...


class Named(Protocol):
    """A thing of a host with a name: a network, an interface, a filter, a device."""

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        """Its description."""
        ...

    def isActive(self) -> int:  # noqa: N802
        """1 while it is."""
        ...

    def name(self) -> str:
        """Its name (no call is sent)."""
        ...


class Connection(Protocol):
    """A connection, as `libvirt.virConnect`."""

    def c_pointer(self) -> int:
        """Address of the `virConnect`."""
        ...

    def close(self) -> int:
        """Let go of it; may block while the daemon is frozen."""
        ...

    def isAlive(self) -> int:  # noqa: N802
        """1 while the socket is open (no call is sent)."""
        ...

    def setKeepAlive(self, interval: int, count: int) -> int:  # noqa: N802
        """Ping after `interval` seconds of silence, give up after `count`."""
        ...

    def getType(self) -> str:  # noqa: N802
        """Driver, such as `QEMU` or `vz`."""
        ...

    def getHostname(self) -> str:  # noqa: N802
        """The host's own name."""
        ...

    def getVersion(self) -> int:  # noqa: N802
        """The hypervisor's version, major * 1,000,000 + minor * 1,000 + micro."""
        ...

    def getLibVersion(self) -> int:  # noqa: N802
        """The daemon's libvirt version, counted likewise."""
        ...

    def getInfo(self) -> list[int | str]:  # noqa: N802
        """Model, memory in MiB, CPUs, MHz, and how they are arranged."""
        ...

    def getCapabilities(self) -> str:  # noqa: N802
        """Capabilities of the host, XML."""
        ...

    def lookupByName(self, name: str) -> Domain:  # noqa: N802
        """The guest of this name."""
        ...

    def lookupByUUIDString(self, uuidstr: str) -> Domain:  # noqa: N802
        """The guest of this identity."""
        ...

    def domainEventRegisterAny(  # noqa: N802
        self,
        dom: Domain,
        eventID: int,  # noqa: N803
        cb: Callable[[Connection, Domain, int, object], None],
        opaque: object,
    ) -> int:
        """Call back at each event of this kind; gives a number to undo it by."""
        ...

    def domainEventDeregisterAny(self, callbackID: int) -> int:  # noqa: N802, N803
        """Call back no more."""
        ...

    def domainListGetStats(  # noqa: N802
        self, doms: list[Domain], stats: int = 0, flags: int = 0
    ) -> list[tuple[Domain, Mapping[str, object]]]:
        """Statistics of some guests, by group."""
        ...

    def defineXMLFlags(self, xml: str, flags: int = 0) -> Domain:  # noqa: N802
        """Make or replace a persistent definition."""
        ...

    def createXML(self, xmlDesc: str, flags: int = 0) -> Domain:  # noqa: N802, N803
        """Start a guest that is lost when it ends."""
        ...

    def listAllDomains(self, flags: int = 0) -> list[Domain]:  # noqa: N802
        """Every guest, running or not."""
        ...

    def listAllStoragePools(self, flags: int = 0) -> list[Pool]:  # noqa: N802
        """Storage pools; flag 2 = those that are active."""
        ...

    def storagePoolLookupByName(self, name: str) -> Pool:  # noqa: N802
        """The pool of this name."""
        ...

    def storagePoolLookupByTargetPath(self, path: str) -> Pool:  # noqa: N802
        """The pool of a directory."""
        ...

    def storageVolLookupByPath(self, path: str) -> Volume:  # noqa: N802
        """The volume of a file."""
        ...

    def getDomainCapabilities(  # noqa: N802 - libvirt's
        self,
        emulatorbin: str | None,
        arch: str | None,
        machine: str | None,
        virttype: str | None,
        flags: int = 0,
    ) -> str:
        """What the host can give a guest of this kind, XML."""
        ...

    def compareHypervisorCPU(  # noqa: N802 - libvirt's
        self,
        emulator: str | None,
        arch: str | None,
        machine: str | None,
        virttype: str | None,
        xmlCPU: str,  # noqa: N803
        flags: int = 0,
    ) -> int:
        """Whether its hypervisor can give this CPU: 0 no, 1 the same, 2 and more."""
        ...

    def getMemoryStats(self, cellNum: int, flags: int = 0) -> Mapping[str, int]:  # noqa: N802, N803
        """Its memory, KiB by name: `total`, `free`, `buffers`, `cached`."""
        ...

    def getFreePages(  # noqa: N802
        self,
        pages: list[int],
        startcell: int,
        cellcount: int,
        flags: int = 0,
    ) -> Mapping[int, Mapping[int, int]]:
        """Free pages of each size (KiB), of each NUMA node; -1 = all nodes."""
        ...

    def networkLookupByName(self, name: str) -> Named:  # noqa: N802
        """The network of this name."""
        ...

    def interfaceLookupByName(self, name: str) -> Named:  # noqa: N802
        """The network interface of this name."""
        ...

    def listAllDevices(self, flags: int = 0) -> list[Named]:  # noqa: N802
        """Devices of the host, of the kinds in `flags`."""
        ...

    def nwfilterLookupByName(self, name: str) -> object:  # noqa: N802
        """The network filter of this name."""
        ...

    def secretLookupByUUIDString(self, uuidstr: str) -> object:  # noqa: N802
        """The secret of this identity; its value is not asked for."""
        ...

    def secretLookupByUsage(self, usageType: int, usageID: str) -> object:  # noqa: N802, N803
        """The secret that is kept for this use."""
        ...
