"""Whether a host has a thing that no single call of libvirt's tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libvirt

from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.link import found

if TYPE_CHECKING:
    from virtmigrate_libvirt.protocol import Connection

NET_DEVICES = 16
"""`VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET`."""


def interface(connection: Connection, name: str) -> bool:
    """Whether it has a network interface of this name, a bridge for one.

    By either driver: that of interfaces may know only those which a configuration file
    names (netcf), that of devices only those which it has heard of.

    Raises:
        libvirt.libvirtError: It has none, or can't say.
    """
    try:
        connection.interfaceLookupByName(name)
    except libvirt.libvirtError:
        known = connection.listAllDevices(NET_DEVICES)
        if any(device.name().startswith(f"net_{name}_") for device in known):
            return True
        raise
    return True


class Kept(NamedTuple):
    """What a host keeps of a guest beside its definition.

    Attributes:
        snapshots: How many.
        checkpoints: How many.
        saved: Whether its memory was saved when it stopped.
    """

    snapshots: int
    checkpoints: int
    saved: bool


def kept(connection: Connection, uuid: str, *, stopped: bool) -> Kept:
    """What it keeps of a guest; a driver that knows no such things keeps none.

    Args:
        connection: To the host.
        uuid: The guest's.
        stopped: Whether it does not run: only then can its memory have been saved.

    Raises:
        libvirt.libvirtError: It can't say.
    """
    guest = connection.lookupByUUIDString(uuid)
    unknown = {Code.NO_SUPPORT}
    return Kept(
        found(lambda: guest.snapshotNum(0), unknown) or 0,
        len(found(lambda: guest.listAllCheckpoints(0), unknown) or ()),
        stopped and found(lambda: guest.hasManagedSaveImage(0), unknown) == 1,
    )
