"""QEMU hosts that answer from a record: what a guest meets there is data.

Capabilities are those of a real host (Debian 12, libvirt 9.0, QEMU 7.2). Questions go
the whole way through `ask_all`; only the connection is ours.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch

import libvirt

from virtmigrate import preflight as core
from virtmigrate.errors import Side
from virtmigrate.host import Definitions, RunState, Sighting
from virtmigrate.options import Options
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt import phases
from virtmigrate_libvirt.control import Control
from virtmigrate_libvirt.facts import host_facts
from virtmigrate_libvirt.host import LibvirtHost
from virtmigrate_qemu import preflight
from virtmigrate_qemu.since import version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.disks import Disk
    from virtmigrate.plan import Finding

RECORDED = Path(__file__).parent / "recorded"
CAPABILITIES = (RECORDED / "capabilities.xml").read_text(encoding="utf-8")
DOMAIN_CAPABILITIES = (RECORDED / "domain-capabilities.xml").read_text(encoding="utf-8")
RECORDED_UUID = "cc6c932d-9d78-4921-8f8f-7b7c4fd38d19"

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
OTHER_UUID = "11111111-edaf-9455-926a-d65c16db1809"
EMULATOR = "/usr/bin/qemu-system-x86_64"
GUEST = """<domain type='{virt}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>g</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>
<currentMemory unit='MiB'>64</currentMemory><vcpu>{vcpus}</vcpu>
<os><type arch='{arch}' machine='{machine}'>hvm</type>{boot}</os>{top}
<devices><emulator>{emulator}</emulator>{devices}
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
</devices></domain>"""


def refusal(code: int, message: str) -> libvirt.libvirtError:
    """What libvirt-python raises for an error that a host answered."""
    error = libvirt.libvirtError(message)
    error.err = (code, 10, message, 2, None, None, None, -1, -1)
    return error


@dataclass(frozen=True)
class Told:
    """What one host has. A pair (code, message) is an error that it answers.

    Attributes:
        name: Its hostname.
        uuid: Its identity.
        libvirt: Version of its daemon.
        qemu: Version of its QEMU.
        capabilities: Replacements in what it says of itself.
        kinds: Replacements in what it can give a guest, or an error.
        cpu: What it says of a CPU: 1, 2, or an error.
        memory_kib: Free memory.
        pages: Free huge pages of any size.
        node: The same of each NUMA node: its free memory, KiB, and huge pages.
        networks: Name and whether it is active.
        interfaces: Names.
        filters: Names.
        secrets: UUIDs.
        silent: Names of calls that it never answers.
        verdict: What begin says, None = it would let the guest go.
        snapshots: Of the guest.
        checkpoints: Of the guest.
        saved: Whether the guest's memory was saved.
        names: Name and UUID of guests there.
    """

    name: str = "b"
    uuid: str = "bbbbbbbb-0000-0000-0000-000000000000"
    libvirt: str = "9.0.0"
    qemu: str = "7.2.22"
    capabilities: tuple[tuple[str, str], ...] = ()
    kinds: tuple[tuple[str, str], ...] | tuple[int, str] = ()
    cpu: int | tuple[int, str] = 2
    memory_kib: int = 1 << 24
    pages: int = 0
    node: tuple[int, int] = (1 << 24, 32)
    networks: dict[str, bool] = field(default_factory=dict)
    interfaces: frozenset[str] = frozenset()
    filters: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    verdict: tuple[int, str] | None = None
    snapshots: int = 0
    checkpoints: int = 0
    saved: bool = False
    names: dict[str, str] = field(default_factory=dict)


class Connection:
    """As much of a `virConnect` as a pre-flight calls."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.asked: list[str] = []

    def __getattribute__(self, name: str) -> object:
        if name not in ("told", "asked") and not name.startswith("_"):
            self.asked.append(name)
            if name in self.told.silent:
                raise refusal(9, f"{name} did not work")
        return super().__getattribute__(name)

    def getDomainCapabilities(self, *_):
        kinds = self.told.kinds
        if kinds and isinstance(kinds[0], int):
            raise refusal(*kinds)
        return replaced(DOMAIN_CAPABILITIES, kinds)

    def compareHypervisorCPU(self, *_):
        if isinstance(self.told.cpu, tuple):
            raise refusal(*self.told.cpu)
        return self.told.cpu

    def getMemoryStats(self, node, _):
        if node >= 0:
            return {"total": 1 << 24, "free": self.told.node[0]}
        return {"total": 1 << 25, "free": self.told.memory_kib, "cached": 0}

    def getFreePages(self, sizes, node, _):
        free = self.told.pages if node < 0 else self.told.node[1]
        return {node: dict.fromkeys(sizes, free)}

    def networkLookupByName(self, name):
        if name not in self.told.networks:
            raise refusal(43, f"Network not found: {name}")
        return SimpleNamespace(isActive=lambda: int(self.told.networks[name]))

    def interfaceLookupByName(self, name):
        if name not in self.told.interfaces:
            raise refusal(57, f"Interface not found: {name}")

    def listAllDevices(self, _):
        return []

    def nwfilterLookupByName(self, name):
        if name not in self.told.filters:
            raise refusal(62, f"Network filter not found: {name}")

    def secretLookupByUUIDString(self, uuid):
        if uuid not in self.told.secrets:
            raise refusal(66, f"Secret not found: {uuid}")
        return object()

    def lookupByUUIDString(self, uuid):
        names = [name for name, known in self.told.names.items() if known == uuid]
        return SimpleNamespace(
            name=lambda: names[0],
            snapshotNum=lambda _: self.told.snapshots,
            listAllCheckpoints=lambda _: [object()] * self.told.checkpoints,
            hasManagedSaveImage=lambda _: int(self.told.saved),
        )


class RecordedHost(LibvirtHost):
    """A host that was never connected."""

    def __init__(self, told: Told, side: Side, uri: str) -> None:
        self.connection = Connection(told)
        self.control = RecordedControl(parse_uri(uri), side)
        self.control.connection = self.connection
        self._name = told.name
        self._facts = host_facts(
            replaced(CAPABILITIES, ((RECORDED_UUID, told.uuid), *told.capabilities)),
            side=side,
        )
        self.kept = {}

    def name_taken_by(self, name):
        return self.connection.told.names.get(name)


class RecordedControl(Control):
    """Hands the recorded connection over, as `ask` does with a real one."""

    connection: Connection

    def ask(self, doing, function, *, deadline_s=None, lookup=False):
        return function(self.connection)


@dataclass(frozen=True)
class World:
    """A guest between two such hosts, and a request.

    Attributes:
        devices: XML among its devices.
        top: XML beside them.
        boot: XML in `<os>`.
        virt: Domain type.
        arch: Its architecture.
        machine: Its machine type.
        emulator: Its emulator.
        vcpus: Its virtual CPUs.
        state: What it does at the source.
        job: Whether a job is active on it.
        there: What bears its UUID at the destination.
        here: What the source has.
        host: What the destination has.
        source: URI of the source.
        uri: Of the destination.
        options: What was asked for.
        wished: What the policy wishes beside.
        drivable: Whether the phases can be called.
        disks: What the core made of its disks.
        tried: Whether a stand-in has taken the way.
    """

    devices: str = ""
    top: str = ""
    boot: str = ""
    virt: str = "kvm"
    arch: str = "x86_64"
    machine: str = "pc-i440fx-7.2"
    emulator: str = EMULATOR
    vcpus: int = 2
    state: RunState = RunState.RUNNING
    job: bool = False
    there: RunState = RunState.ABSENT
    here: Told = Told("a", "aaaaaaaa-0000-0000-0000-000000000000")
    host: Told = Told()
    source: str = "qemu+ssh://a/system"
    uri: str = "qemu+ssh://b/system"
    options: dict[str, object] = field(default_factory=dict)
    wished: dict[str, object] = field(default_factory=dict)
    drivable: bool = True
    disks: tuple[Disk, ...] = ()
    tried: bool = False

    def xml(self) -> str:
        """The guest's definition."""
        return GUEST.format(
            **{name: getattr(self, name) for name in XML_FIELDS}, uuid=UUID
        )

    def request(self):
        """As much of a `PlanContext` as pre-flights read."""
        source = RecordedHost(self.here, Side.SOURCE, self.source)
        destination = RecordedHost(self.host, Side.DESTINATION, self.uri)
        runs = self.state.active
        return SimpleNamespace(
            options=Options(**self.options),
            effective=Options(**(self.options | self.wished)),
            source=source,
            destination=destination,
            guest=SimpleNamespace(name="g", uuid=UUID),
            sighting=Sighting(self.state, persistent=True, job=self.job),
            definitions=Definitions(self.xml() if runs else None, self.xml()),
            there=Sighting(self.there, persistent=self.there is RunState.SHUTOFF),
            source_capabilities=declared(self.here),
            destination_capabilities=declared(self.host),
            insecure=frozenset(),
            way_is_open=self.tried,
            disks=self.disks,
        )

    def report(self) -> list[Finding]:
        """What the core and the plugin find."""
        request = self.request()
        with begin_says(self.here.verdict, drivable=self.drivable):
            return [*core.blockers(request), *preflight.findings(request)]

    def but(self, **changes) -> World:
        """The same with changes."""
        return replace(self, **changes)


XML_FIELDS = (
    *("devices", "top", "boot", "virt", "arch", "machine", "emulator", "vcpus"),
)


def declared(told: Told):
    """As much of a host's declaration as pre-flights read."""
    versions = {"libvirt": told.libvirt, "qemu": told.qemu}
    assert all(version(text) for text in versions.values())
    return SimpleNamespace(versions=versions)


@contextmanager
def begin_says(verdict, *, drivable=True) -> Iterator[None]:
    """What begin answers meanwhile."""

    def begin(*_):
        if verdict is not None:
            raise refusal(*verdict)

    with (
        patch.object(phases, "begin", begin),
        patch.object(phases, "available", lambda: drivable),
    ):
        yield


def replaced(text: str, pairs) -> str:
    """The text with replacements, each of which must have something to replace."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text
