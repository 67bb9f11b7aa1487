"""What a vz host has of storage: where its paths lead, its pools, its room."""

from __future__ import annotations

from dataclasses import dataclass, field

SHARED = "/shared"
IMAGES = "/vz/images"
OWN_POOLS = {"images": IMAGES, "shared": f"{SHARED}/images"}
"""Pools that each host has from the start: its own, and that of all hosts."""
ROOM_BYTES = 1 << 40


@dataclass
class Store:
    """One host's storage.

    Attributes:
        mounts: Its path to a directory of the world: storage that other hosts see too,
            if they mount the same directory. All else is the host's own.
        pools: Name to directory, as the host names it.
        idle: Pools that are defined and not started.
        room_bytes: How much its pools can hold, each.
        full: Whether what comes in finds no room, whatever the pools say.
    """

    mounts: dict[str, str] = field(default_factory=lambda: {SHARED: "shared"})
    pools: dict[str, str] = field(default_factory=lambda: dict(OWN_POOLS))
    idle: list[str] = field(default_factory=list)
    room_bytes: int = ROOM_BYTES
    full: bool = False


@dataclass
class Hardware:
    """What a host is made of.

    Attributes:
        cpus: How many.
        memory_kib: How much.
        vendor: Of its CPUs, as libvirt's capabilities have it.
        model: Of its CPUs.
        kinds: What it runs: `hvm` = virtual machines, `exe` = containers.
    """

    cpus: int = 16
    memory_kib: int = 64 << 20
    vendor: str = "Intel"
    model: str = "Skylake-Server-IBRS"
    kinds: list[str] = field(default_factory=lambda: ["hvm", "exe"])
