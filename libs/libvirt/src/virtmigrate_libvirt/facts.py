"""What a host says of itself: its capabilities, read by name with nothing trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from virtmigrate.errors import BadInput, Side
from virtmigrate_libvirt.xml import UNITS, number, parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KIB = 1 << 10
ALL_NODES = -1
"""`VIR_NODE_MEMORY_STATS_ALL_CELLS`."""
AVAILABLE = ("free", "buffers", "cached")
"""What a kernel can give (`virNodeGetMemoryStats`): caches give way."""


def available_bytes(stats: Mapping[str, int]) -> int | None:
    """What a host can give of its memory; None = it does not tell.

    Args:
        stats: KiB by libvirt's names; a name that is not there counts nothing.
    """
    if not {"free", "total"} <= stats.keys():
        return None
    free = sum(max(0, stats.get(name, 0)) for name in AVAILABLE)
    return max(0, min(free, stats["total"])) * KIB


@dataclass(frozen=True, slots=True)
class Tsc:
    """The clock that a host's CPU counts.

    Attributes:
        hz: Its frequency.
        scales: Whether the CPU can show a guest another one.
    """

    hz: int
    scales: bool


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host says of itself.

    Attributes:
        uuid: Its own, lower case.
        emulators: The programs that it runs guests with.
        virt_types: Architecture of a guest and domain type (`kvm`, `qemu`), each pair
            that it runs.
        cpu: Its CPU: architecture, model, vendor and features, "" where it is silent.
        tsc: The clock of its CPU, None where it is silent.
        page_sizes_kib: Sizes of memory pages that its kernel knows.
        nodes: Numbers of its NUMA nodes; empty where it is silent.
        cpus: Numbers of its CPUs; empty where it is silent.
        security_models: Its security drivers (`selinux`, `dac`, …).
        os_types: What it runs: `hvm` = virtual machines, `exe` = containers, …
    """

    uuid: str
    emulators: frozenset[str]
    virt_types: frozenset[tuple[str, str]] = frozenset()
    cpu: tuple[str, str, str, frozenset[str]] = ("", "", "", frozenset())
    tsc: Tsc | None = None
    page_sizes_kib: frozenset[int] = frozenset()
    nodes: frozenset[int] = frozenset()
    cpus: frozenset[int] = frozenset()
    security_models: frozenset[str] = frozenset()
    os_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """What a host can give a guest of one kind (`virConnectGetDomainCapabilities`).

    Attributes:
        most_vcpus: Of such a guest, 0 where it is silent.
        loaders: Firmware files that it knows.
        values: Kind of device and its attribute (`video.modelType`): what may stand
            there; a kind that it says nothing of is not in it.
    """

    most_vcpus: int
    loaders: frozenset[str]
    values: dict[str, frozenset[str]]


def host_facts(capabilities: str, *, side: Side) -> HostFacts:
    """A host's own words out of its capabilities.

    Raises:
        BadInput: They can't be read.
    """
    root = _read(capabilities, side)
    return HostFacts(
        uuid=(root.findtext("host/uuid") or "").strip().lower(),
        emulators=_texts(root, "guest/arch//emulator"),
        virt_types=frozenset(_virt_types(root)),
        cpu=(
            (root.findtext("host/cpu/arch") or "").strip(),
            (root.findtext("host/cpu/model") or "").strip(),
            (root.findtext("host/cpu/vendor") or "").strip(),
            frozenset(e.get("name", "") for e in root.iterfind("host/cpu/feature")),
        ),
        tsc=_tsc(root.find("host/cpu/counter[@name='tsc']")),
        page_sizes_kib=frozenset(
            number(e.get("size", "")) * UNITS.get(e.get("unit", "KiB"), 0) // KIB
            for e in root.iterfind("host/cpu/pages")
        ),
        nodes=_ids(root, "host/topology/cells/cell"),
        cpus=_ids(root, "host/topology/cells/cell/cpus/cpu"),
        security_models=_texts(root, "host/secmodel/model"),
        os_types=_texts(root, "guest/os_type"),
    )


def domain_facts(capabilities: str, *, side: Side) -> DomainFacts:
    """What a host can give a guest, out of its domain capabilities.

    Raises:
        BadInput: They can't be read.
    """
    root = _read(capabilities, side)
    vcpu = root.find("vcpu")
    return DomainFacts(
        most_vcpus=0 if vcpu is None else number(vcpu.get("max", "")),
        loaders=_texts(root, "os/loader/value"),
        values={
            f"{device.tag}.{enum.get('name')}": _texts(enum, "value")
            for device in root.iterfind("devices/*")
            for enum in device.iterfind("enum")
        },
    )


def _read(text: str, side: Side) -> etree._Element:
    try:
        return etree.fromstring(text.encode("utf-8", "surrogatepass"), parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        msg = f"the host's capabilities can't be read: {error}"
        raise BadInput(msg, side=side, subject="capabilities") from None


def _texts(root: etree._Element, path: str) -> frozenset[str]:
    return frozenset((e.text or "").strip() for e in root.iterfind(path)) - {""}


def _ids(root: etree._Element, path: str) -> frozenset[int]:
    found = (e.get("id", "") for e in root.iterfind(path))
    return frozenset(int(text) for text in found if text.isdecimal())


def _virt_types(root: etree._Element) -> Iterator[tuple[str, str]]:
    for arch in root.iterfind("guest/arch"):
        for domain in arch.iterfind("domain"):
            yield arch.get("name", ""), domain.get("type", "")


def _tsc(counter: etree._Element | None) -> Tsc | None:
    if counter is None or not number(counter.get("frequency", "")):
        return None
    return Tsc(number(counter.get("frequency", "")), counter.get("scaling") == "yes")
