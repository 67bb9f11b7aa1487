"""Block devices: whether what two hosts call by a path is the same device. Pure.

A path says nothing (`/dev/sdb` is whatever came second), and nothing may be written to
a guest's disk to find out. What counts is a name that the device itself gives, and that
is given once in the world: an identifier of NAA (types 2, 5 and 6; 3 is local) or NVMe.
Serial numbers are no such names: virtual machines that are hosts have equal ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.disks import Sharing
from virtmigrate.sharing import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable

LINK = "/dev/(?:disk/by-id|mapper)/"
NAA = "([256][0-9a-f]{15}(?:[0-9a-f]{16})?)"
NAMES = (
    (re.compile(f"{LINK}wwn-0x{NAA}"), "naa."),
    (re.compile(f"{LINK}(?:scsi-|dm-uuid-mpath-)?3{NAA}"), "naa."),
    (re.compile(rf"{LINK}nvme-eui\.([0-9a-f]{{16}}(?:[0-9a-f]{{16}})?)"), "eui."),
    (
        re.compile(
            rf"{LINK}nvme-uuid\.([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})"
        ),
        "uuid.",
    ),
)
"""Links that udev and multipathd make (`60-persistent-storage.rules`), and the names in
them: what multipathd calls `3` and 32 digits is the `wwn-0x` of its paths."""


@dataclass(frozen=True, slots=True)
class Device:
    """A block device, as a host knows it.

    Attributes:
        paths: Every path by which the host has it, its own first, links after it.
        capacity_bytes: How big it is; None = the host does not say.
    """

    paths: tuple[str, ...]
    capacity_bytes: int | None = None

    @property
    def names(self) -> frozenset[str]:
        """Its names that are given once in the world."""
        return frozenset(filter(None, map(worldwide, self.paths)))


def worldwide(path: str) -> str:
    """The name in a path that is given once in the world, "" where there is none."""
    for form, kind in NAMES:
        if found := form.fullmatch(path.lower()):
            return kind + found[1]
    return ""


def prove(
    path: str, wanted: str, here: Iterable[Device], there: Iterable[Device]
) -> Proof:
    """Whether both hosts have the device, and by which path the destination has it.

    Args:
        path: At the source.
        wanted: Where the caller wants it at the destination, "" = no wish.
        here: The source's devices.
        there: The destination's.
    """
    aim, theirs = wanted or path, list(there)
    device = _meant(path, list(here))
    names = device.names if device else frozenset()
    if device is None or not names:
        why = f"the source does not say by what name in the world {path} goes"
        return Proof(Sharing.UNKNOWN, why, aim)
    called = min(names)
    same = next((each for each in theirs if each.names & names), None)
    taken = _at(aim, theirs) if wanted or same is None else None
    if taken and taken.names and not taken.names & names:
        why = f"{aim} is {min(taken.names)} at the destination, not {called}"
        return Proof(Sharing.NOT_SHARED, why, aim, taken=True)
    if same is None:
        why = f"the destination does not say that it has {called}"
        return Proof(Sharing.UNKNOWN, why, aim)
    sizes = device.capacity_bytes, same.capacity_bytes
    if None in sizes or sizes[0] != sizes[1]:
        why = f"{called} is of {sizes[1]} bytes there, of {sizes[0]} here"
        return Proof(Sharing.UNKNOWN, why, aim)
    found = _path_there(aim, path, same)
    if wanted and found != wanted:
        why = f"the document wants {wanted}, and {called} is not known by that there"
        return Proof(Sharing.UNKNOWN, why, aim)
    why = f"{called} by {path} at the source, by {found} at the destination"
    return Proof(Sharing.SHARED, why, found)


def _path_there(aim: str, path: str, same: Device) -> str:
    """By which path it is to be opened there.

    One that the device is known by, if the source's is none of them: a link that names
    it rather than the kernel's order. A path of multipathd's is left as it is: what is
    under it has the same name, and a host that lacks the path says so in prepare.
    """
    if aim in same.paths or (aim == path and worldwide(path)):
        return aim
    return next((each for each in same.paths if worldwide(each)), same.paths[0])


def _meant(path: str, here: list[Device]) -> Device | None:
    """The source's device of a path; of multipathd's, one that is under it."""
    name = worldwide(path)
    under = (each for each in here if name in each.names)
    return _at(path, here) or next(under, None)


def _at(path: str, devices: Iterable[Device]) -> Device | None:
    return next((each for each in devices if path in each.paths), None)
